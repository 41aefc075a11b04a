"""A cache that cannot be kept: a full disk, one that is for reading only, a damaged page, a newer version, no database. Each is said in one
line with what to do, leaves nothing half done on either side, and has the way back that docs/operating.md names."""

import collections
import contextlib
import os
import sqlite3
import subprocess

import pytest

import mailbox
import processes

pytestmark = pytest.mark.parametrize("world", [("--contacts", "60", "--tasks", "0", "--events", "0", "--emails", "0")], indirect=True)
PEOPLE = [("alice", "ERP Contacts"), ("bob", "ERP Contacts"), ("carol", "Contacts")]


def once(world, contacts=60):
    ids = sorted(contact["id"] for contact in world.erp.contacts())
    assert len(ids) == contacts
    for person, folder in PEOPLE:
        counts = collections.Counter(item.erp_record_id for item in mailbox.contacts(world.account(person), folder) if item.erp_record_id)
        assert sorted(counts) == ids and set(counts.values()) == {1}, person


def deleted_nothing(world):
    assert not {"MoveItem", "DeleteItem"} & {entry["operation"] for entry in world.control.exchange_log()}
    assert not [entry for entry in world.control.erp_log() if entry["method"] == "DELETE"]


def remove(world):
    for suffix in ["", "-wal", "-shm"]:
        world.store.with_name(world.store.name + suffix).unlink(missing_ok=True)


class Disk:
    """A small file system of its own for the cache."""

    def __init__(self, world, size):
        self.path = world.directory / "disk"
        self.path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(self.path)], check=True, capture_output=True)
        world.edit((f"store: {world.store}", f"store: {self.path / 'cache.db'}"))
        world.store = self.path / "cache.db"

    def remount(self, options):
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.path)], check=True, capture_output=True)

    def close(self):
        subprocess.run(["umount", "-l", str(self.path)], check=True)


@pytest.fixture
def disk(world):
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    made = []

    def make(size):
        try:
            made.append(Disk(world, size))
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no file system can be mounted here: {error.stderr.decode()}")
        return made[0]

    yield make
    for each in made:
        if world.daemon:
            world.daemon.close()
        each.close()


def contents(path):
    """What a database holds; of a file that is none its bytes."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            return list(database.iterdump())
    except sqlite3.DatabaseError:
        return path.read_bytes()


def one_line(result):
    """What the command says on standard error, besides lines of the log: one line."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("concordfs: ")]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_a_full_disk_leaves_nothing_half_done(world, disk):
    small = disk("1m")
    result = world.run("sync")
    assert result.returncode == 75, result.stdout + result.stderr
    assert "no space left for the cache" in result.stdout + result.stderr
    # Again, still full: nothing comes twice.
    assert world.run("sync").returncode == 75
    small.remount("size=256m")
    world.run("sync", check=0)
    world.run("sync", check=0)
    once(world)
    deleted_nothing(world)


def test_a_disk_that_gets_full_under_a_daemon_goes_on_showing_and_then_catches_up(world, disk):
    small = disk("256m")
    world.start()
    world.daemon.sync()
    filler = small.path / "filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=64k"], capture_output=True)  # until it is full
    for contact in world.erp.contacts():
        world.erp.put(ContactID=contact["ContactID"]["value"], JobTitle="Set while the disk was full")
    code = world.daemon.control("sync", "all wait\n")
    folder = world.mount / "alice@example.test" / "ERP Contacts"
    cards = [card.read_bytes() for card in folder.glob("*.vcf")]
    assert len(cards) == 60 and all(card.startswith(b"BEGIN:VCARD") for card in cards)
    assert code != 0 and "no space left" in world.daemon.read("sync")
    filler.unlink()
    world.daemon.sync()
    world.daemon.sync()
    once(world)
    deleted_nothing(world)
    titles = {item.job_title for item in mailbox.contacts(world.account("alice"))}
    assert titles == {"Set while the disk was full"}


def test_a_cache_for_reading_only_is_said_and_nothing_is_written(world, disk):
    small = disk("64m")
    world.run("sync", check=0)
    world.erp.put(ContactID=world.erp.contacts(top=1)[0]["ContactID"]["value"], JobTitle="Later")
    small.remount("ro")
    world.control.clear()
    for command in (["sync"], ["holds", "approve", "x"], ["takeover", "alice@example.test"]):
        result = world.run(*command)
        assert result.returncode == 1 and str(world.store) in one_line(result) and "Read-only" in one_line(result), command
    assert world.control.writes() == []
    small.remount("rw")
    world.run("sync", check=0)
    once(world)


@pytest.mark.parametrize("table", ["link", "entity", "item", "intent"])
def test_a_damaged_page_is_said_and_the_cache_is_rebuilt_without_a_write(world, table):
    world.run("sync", check=0)
    with sqlite3.connect(world.store) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = database.execute("PRAGMA page_size").fetchone()[0]
        [root] = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", [table]).fetchone()
    database.close()
    with open(world.store, "r+b") as file:
        file.seek((root - 1) * size)
        file.write(os.urandom(size))
    world.erp.put(ContactID=world.erp.contacts(top=1)[0]["ContactID"]["value"], JobTitle="Changed since")
    world.control.clear()
    result = world.run("sync")
    assert result.returncode == 1 and "is damaged" in result.stdout + result.stderr and "move the file away" in result.stdout + result.stderr
    assert set(world.control.writes()) <= {"GetItem"}
    remove(world)
    world.control.clear()
    world.run("sync", check=0)
    assert world.control.writes().count("UpdateItem") == 3 and "CreateItem" not in world.control.writes()
    once(world)
    deleted_nothing(world)


@pytest.mark.parametrize("command", [["sync"], ["status"], ["plan"], ["holds"], ["journal"], ["mount"]], ids=lambda words: words[0])
@pytest.mark.parametrize("fault", ["newer", "none"])
def test_a_cache_of_a_newer_version_or_of_something_else_is_refused(world, command, fault):
    if fault == "newer":
        world.run("sync", "--types", "tasks", check=0)
        with sqlite3.connect(world.store) as database:
            database.execute("INSERT INTO grdb_migrations VALUES ('9 of a later version')")
        database.close()
    else:
        world.store.write_text("no database at all, " * 1000)
    before = contents(world.store)
    if command == ["mount"]:
        command = ["mount", "-f", str(world.mount)]
        world.mount.mkdir()
    world.control.clear()
    result = world.run(*command)
    assert result.returncode == 1, result.stdout + result.stderr
    said = one_line(result)
    assert str(world.store) in said and "move the file away" in said
    assert ("newer version" in said) == (fault == "newer")
    assert contents(world.store) == before, "the file stays as it is"
    assert world.control.writes() == []
