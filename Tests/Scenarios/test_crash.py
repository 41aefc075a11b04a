"""The daemon is killed in the middle of a first sync, its answers are lost, its mount is left behind: every contact exists once."""

import collections
import subprocess
import sys

import exchangelib
import pytest

import mailbox
import processes

FOLDERS = [("alice", "ERP Contacts"), ("bob", "ERP Contacts"), ("carol", "Contacts")]
COUNT = 24
pytestmark = pytest.mark.parametrize(
    "world", [("--contacts", str(COUNT), "--tasks", "0", "--events", "0", "--emails", "0")], indirect=True, ids=["contacts"])


@pytest.fixture(autouse=True)
def small_batches(world):
    """Several requests a mailbox, so that there is a middle to be killed in."""
    world.edit(("    default_policy: Sales\n", "    default_policy: Sales\n    update_batch: 8\n    select_batch: 10\n"))


def assert_everything_once(world, contacts=COUNT):
    ids = [contact["id"] for contact in world.erp.contacts()]
    assert len(ids) == contacts
    for person, folder in FOLDERS:
        stamps = [item.erp_record_id for item in mailbox.contacts(world.account(person), folder)]
        counts = collections.Counter(stamp for stamp in stamps if stamp)
        assert sorted(counts) == sorted(ids), person
        assert set(counts.values()) == {1}, person
        cards = list((world.mount / f"{person}@example.test" / folder).glob("*.vcf"))
        assert len(cards) == contacts, person


def operations(world, name):
    return len([entry for entry in world.control.exchange_log() if entry["operation"] == name])


@pytest.mark.parametrize("operation, number", [("CreateItem", 1), ("CreateItem", 2), ("CreateItem", 4), ("CreateItem", 7), ("GetItem", 2),
                                               ("GetItem", 5), ("CreateFolder", 1), ("SyncFolderItems", 2)])
def test_kill_in_the_middle_of_a_first_sync(world, operation, number):
    # Every answer is late, so that the kill falls between a request and its answer.
    world.control.fault("exchange", kind="delay", operation=operation, milliseconds=150, count=1000)
    world.start()
    assert world.daemon.control("sync", "all\n") == 0
    processes.until(lambda: operations(world, operation) >= number, f"{operation} number {number}", process=world.daemon.process)
    world.daemon.kill()
    assert subprocess.run(["ls", str(world.mount)], capture_output=True).returncode != 0, "a killed daemon leaves a stale mount"
    world.start()
    world.daemon.sync()
    world.daemon.sync()
    assert_everything_once(world)


@pytest.mark.parametrize("side, fault", [
    ("exchange", {"kind": "dropAnswer", "operation": "CreateItem"}), ("exchange", {"kind": "dropAnswer", "operation": "CreateFolder"}),
    ("exchange", {"kind": "partialBatch", "operation": "CreateItem"}), ("exchange", {"kind": "serverBusy", "operation": "CreateItem", "milliseconds": 200}),
    ("exchange", {"kind": "unavailable", "operation": "GetItem"}), ("erp", {"kind": "throttle"}), ("erp", {"kind": "failure"}),
    ("erp", {"kind": "endSessions"})])
def test_a_first_sync_with_a_fault_ends_with_everything_once(world, side, fault):
    world.control.fault(side, **fault)
    world.start()
    for attempt in range(4):
        if world.daemon.control("sync", "all wait\n") == 0:
            break
    world.daemon.sync()
    if fault["kind"] == "endSessions":
        world.erp.login()
    assert_everything_once(world)


@pytest.mark.parametrize("fault", [{"kind": "dropAnswer", "method": "PUT"}, {"kind": "failure", "method": "PUT"}])
def test_an_import_whose_answer_is_lost_is_not_made_twice(mounted, fault):
    account = mounted.account("alice")
    exchangelib.Contact(account=account, folder=mailbox.folder(account, "ERP Contacts"), given_name="Once", surname="Only",
                        display_name="Once Only").save()
    mounted.control.fault("erp", **fault)
    mounted.daemon.control("sync", "all wait\n")
    mounted.daemon.sync("all full wait")
    mounted.daemon.sync("all full wait")
    assert len(mounted.erp.by_name("Only")) == 1
    assert_everything_once(mounted, COUNT + 1)


def test_kill_while_an_import_is_under_way(mounted):
    account = mounted.account("alice")
    for number in range(5):
        exchangelib.Contact(account=account, folder=mailbox.folder(account, "ERP Contacts"), given_name=f"Number {number}", surname="Once",
                            display_name=f"Number {number} Once").save()
    mounted.control.fault("erp", kind="delay", method="PUT", milliseconds=150, count=100)
    mounted.control.clear()
    assert mounted.daemon.control("sync", "all\n") == 0
    processes.until(lambda: [entry for entry in mounted.control.erp_log() if entry["method"] == "PUT"], "a write", process=mounted.daemon.process)
    mounted.daemon.kill()
    mounted.start()
    mounted.daemon.sync()
    assert len(mounted.erp.by_name("Once")) == 5
    assert_everything_once(mounted, COUNT + 5)


def test_a_forgotten_sync_state_doubles_nothing(mounted):
    mounted.control.fault("exchange", kind="forgetSyncStates")
    mounted.control.clear()
    mounted.daemon.sync()
    assert operations(mounted, "CreateItem") == 0
    assert_everything_once(mounted)


def test_an_empty_listing_deletes_nothing(mounted):
    for _ in range(3):
        mounted.control.fault("erp", kind="emptyList", method="GET")
        mounted.daemon.control("sync", "all wait\n")
    assert operations(mounted, "MoveItem") == operations(mounted, "DeleteItem") == 0
    mounted.daemon.sync()
    assert_everything_once(mounted)


def test_a_lost_cache_is_rebuilt_without_a_write(mounted):
    mounted.daemon.close()
    for suffix in ["", "-wal", "-shm"]:
        (mounted.directory / f"cache.db{suffix}").unlink(missing_ok=True)
    mounted.control.clear()
    mounted.start()
    mounted.daemon.sync()
    assert [entry["operation"] for entry in mounted.control.exchange_log()
            if entry["operation"] in ("CreateItem", "UpdateItem", "MoveItem", "DeleteItem")] == []
    assert [entry for entry in mounted.control.erp_log() if entry["method"] in ("PUT", "DELETE")] == []
    assert_everything_once(mounted)


def test_two_daemons_do_not_share_a_store(mounted):
    other = mounted.directory / "other"
    other.mkdir()
    result = mounted.run("mount", "-f", str(other))
    assert result.returncode == 75
    assert str(mounted.daemon.process.pid) in result.stderr and len(result.stderr.splitlines()) == 1


def test_too_many_deletes_are_held_until_somebody_decides(mounted):
    doomed = mounted.erp.contacts()[:12]
    for contact in doomed:
        mounted.erp.delete(contact)
    assert mounted.daemon.control("sync", "all wait\n") != 0
    assert operations(mounted, "MoveItem") == 0
    holds = sorted(path.name for path in (mounted.mount / ".control" / "holds").iterdir())
    assert len(holds) == 3
    text = mounted.daemon.read(f"holds/{holds[0]}")
    assert f"12 deletes of {COUNT}" in text and "delete" in text.splitlines()[-1]
    for hold in holds:
        assert mounted.daemon.control("ctl", f"approve {hold}\n") == 0
    mounted.daemon.sync()
    assert_everything_once(mounted, COUNT - 12)


def test_fusermount_ends_the_daemon(mounted):
    subprocess.run(["fusermount3", "-u", str(mounted.mount)], check=True)
    assert mounted.daemon.process.wait(30) == 0


def test_unmounting_while_a_cycle_runs_and_somebody_waits_for_it(world):
    world.control.fault("exchange", kind="delay", operation="CreateItem", milliseconds=100, count=1000)
    world.start()
    writer = subprocess.Popen(["sh", "-c", f"echo 'all wait' > '{world.mount}/.control/sync'"], stderr=subprocess.PIPE)
    processes.until(lambda: operations(world, "CreateItem") > 0, "a write", process=world.daemon.process)
    assert world.daemon.close() == 0
    assert writer.wait(30) != 0
    world.start()
    world.daemon.sync()
    assert_everything_once(world)


def test_a_daemon_that_is_killed_between_two_waits_goes_at_once_and_leaves_nobody_waiting(mounted):
    # The next write holds the file's page in the kernel while the daemon still has to tell what the last one led to.
    code = "import os, sys\nfile = os.open(sys.argv[1], os.O_WRONLY)\nwhile True: os.write(file, b'alice@example.test contacts wait\\n')"
    writer = subprocess.Popen([sys.executable, "-c", code, str(mounted.mount / ".control" / "sync")], stderr=subprocess.DEVNULL)
    mounted.control.clear()
    processes.until(lambda: operations(mounted, "SyncFolderItems") >= 5, "some cycles", process=mounted.daemon.process)
    mounted.daemon.process.kill()
    try:
        assert mounted.daemon.process.wait(20) == -9
        assert writer.wait(20) != 0
    finally:
        # A connection that nobody answers any more is ended; without the fault there is none.
        subprocess.run(["umount", "-f", str(mounted.mount)], capture_output=True)
        writer.kill()
        writer.wait(20)
    mounted.start()
    mounted.daemon.sync()
    assert_everything_once(mounted)
