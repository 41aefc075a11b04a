internal import GRDB

/// Tables of the mounted tree: a narrow one of names and attributes, and one of blobs in inode order, read by range.
func registerTreeMigrations(_ migrator: inout DatabaseMigrator) {
  migrator.registerMigration("1 tree") { db in
    try db.execute(
      sql: """
        CREATE TABLE directory (
          ino INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT, unix_user TEXT, display TEXT, color TEXT,
          modified INTEGER NOT NULL DEFAULT 0) STRICT;
        CREATE UNIQUE INDEX directory_name ON directory (parent, name);
        CREATE TABLE node (
          ino INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name TEXT NOT NULL, wished TEXT, uid TEXT NOT NULL, size INTEGER NOT NULL,
          modified INTEGER NOT NULL) STRICT;
        CREATE UNIQUE INDEX node_name ON node (parent, name);
        CREATE UNIQUE INDEX node_uid ON node (parent, uid);
        CREATE INDEX node_place ON node (parent, ino);
        CREATE TABLE content (ino INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE attribute (ino INTEGER PRIMARY KEY, value TEXT NOT NULL) STRICT;
        CREATE TABLE retired (ino INTEGER PRIMARY KEY, parent INTEGER NOT NULL, modified INTEGER NOT NULL) STRICT;
        CREATE TABLE total (name TEXT PRIMARY KEY, files INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        INSERT INTO total VALUES ('all', 0, 0);
        CREATE TRIGGER node_added AFTER INSERT ON node BEGIN
          UPDATE total SET files = files + 1, bytes = bytes + new.size; END;
        CREATE TRIGGER node_removed AFTER DELETE ON node BEGIN
          UPDATE total SET files = files - 1, bytes = bytes - old.size; END;
        """)
  }
  // Listings go by the inode numbers themselves.
  migrator.registerMigration("2 listings by inode") { db in try db.execute(sql: "DROP INDEX node_place") }
}
