"""Fills a store with very many files by SQL, in the order of their numbers: the product's own way takes an hour for ten million."""

import sqlite3

MASK = (1 << 64) - 1


def mixed_hash(data):
    """TreeInode.hash: FNV-1a of 64 bits with the finaliser of SplitMix64."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & MASK
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
    return value ^ value >> 31


def directory_number(path):
    return 1 << 60 | mixed_hash(path.encode()) >> 24


def first_record(directory):
    """The first number of a directory's files."""
    return 1 << 62 | (directory & (1 << 40) - 1) >> 27 << 49


def fill(path, count, folder_size, folder="ERP Contacts"):
    """Adds employees with folders of files of about 300 bytes to a store whose schema is there. No links, no extended attributes."""
    folders = -(-count // folder_size)
    store = sqlite3.connect(path, isolation_level=None)
    for setting in ["journal_mode = DELETE", "journal_mode = OFF", "synchronous = OFF", "cache_size = -200000", "temp_store = MEMORY"]:
        store.execute(f"PRAGMA {setting}").fetchall()
    store.execute("CREATE TEMP TABLE number (i INTEGER PRIMARY KEY)")
    store.execute(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1) INSERT INTO number SELECT i FROM n", (folder_size,))
    paths = [f"/employee{index:03}@example.test" for index in range(folders)]
    step = (1 << 36) // (folder_size + 1) << 13
    store.execute("BEGIN")
    for index, top in sorted(enumerate(paths), key=lambda pair: first_record(directory_number(f"{pair[1]}/{folder}"))):
        employee, own = directory_number(top), directory_number(f"{top}/{folder}")
        store.execute("INSERT OR IGNORE INTO directory (ino, parent, name) VALUES (?, 1, ?)", (employee, top[1:]))
        store.execute(
            "INSERT OR IGNORE INTO directory (ino, parent, name, kind, display, color) VALUES (?, ?, ?, 'contacts', ?, '#3366CC')",
            (own, employee, folder, folder))
        # Folders may share the first bits of their files' numbers: each begins at a place of its own.
        size = min(folder_size, count - index * folder_size)
        values = {"first": first_record(own) + (index + 1 << 13), "step": step, "own": own, "size": size, "folder": index}
        store.execute(
            """
            INSERT INTO content SELECT :first + i * :step, CAST(printf('BEGIN:VCARD%sVERSION:4.0%sUID:%06d-%06d%sFN:Person %06d%s%.*cEND:VCARD%s',
              x'0d0a', x'0d0a', :folder, i, x'0d0a', i, x'0d0a', 200 + i % 60, 'x', x'0d0a') AS BLOB) FROM number WHERE i < :size ORDER BY i
            """, values)
        store.execute(
            """
            INSERT INTO node (ino, parent, name, uid, size, modified)
            SELECT :first + i * :step, :own, printf('Person %06d.vcf', i), printf('%06d-%06d', :folder, i), length(bytes), 1700000000000 + i
            FROM number JOIN content ON ino = :first + i * :step WHERE i < :size ORDER BY i
            """, values)
    store.execute("COMMIT")
    store.execute("PRAGMA journal_mode = WAL").fetchall()
    store.close()
