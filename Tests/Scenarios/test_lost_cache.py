"""The cache is taken away in the middle of a cycle: nothing comes twice, nothing is deleted, nobody is invited again.

`scripts/lost-cache` runs the same with 5,000 records."""

import collections
import datetime
import os
import subprocess

import pytest

import kinds
import mailbox
import processes

RECORDS = int(os.environ.get("CONCORDFS_LOST_CACHE_RECORDS", "500"))
#: Each contact is an item in three mailboxes.
CONTACTS = RECORDS * 8 // 10 // 3
TASKS = EVENTS = RECORDS // 10
PEOPLE = [("alice", "ERP Contacts"), ("bob", "ERP Contacts"), ("carol", "Contacts")]
OPTIONS = ("--contacts", str(CONTACTS), "--tasks", str(TASKS), "--events", str(EVENTS), "--emails", "0")
GUESTS = ["guest@outside.test", "second@outside.test"]

pytestmark = pytest.mark.parametrize("world", [OPTIONS], indirect=True, ids=["records"])


def remove(world):
    # Not the file beside it that remembers the session of the ERP: the licence would miss a killed one's seat.
    for suffix in ["", "-wal", "-shm"]:
        world.store.with_name(world.store.name + suffix).unlink(missing_ok=True)


def invite(world, number=10):
    """Meetings of the ERP with guests, beside those of the sandbox."""
    for index in range(number):
        start = kinds.soon() + datetime.timedelta(hours=index)
        world.erp.put(
            "Event", owner=world.ids["alice"], Summary=f"Meeting {index}", StartDate=start.isoformat(),
            EndDate=(start + datetime.timedelta(minutes=30)).isoformat(), Attendees=[{"Email": {"value": guest}} for guest in GUESTS])


def entities(world):
    """The ids of the ERP's records, and how often it has an event of the same owner at the same time."""
    ids = {kind: sorted(record["id"] for record in world.erp.records(kind)) for kind in ("Contact", "Task", "Event")}
    same = collections.Counter(
        (record["Summary"]["value"], record["StartDate"]["value"], record["custom"]["Events"]["OwnerID"]["value"])
        for record in world.erp.records("Event"))
    return ids, max(same.values())


def everything_once(world, before):
    now, most = entities(world)
    assert most == before[1] == 1, "no event comes twice"
    # Occurrences of the mailboxes' own series come beside the events of the ERP.
    assert set(before[0]["Event"]) <= set(now["Event"])
    for kind in ("Contact", "Task"):
        assert now[kind] == before[0][kind]
    owned = collections.Counter()
    for person, folder in PEOPLE:
        account = world.account(person)
        stamps = collections.Counter(item.erp_record_id for item in mailbox.contacts(account, folder) if item.erp_record_id)
        assert sorted(stamps) == now["Contact"] and set(stamps.values()) == {1}, person
        for found in (mailbox.folder(account, "Calendar").all().only("erp_record_id"), account.tasks.all().only("erp_record_id")):
            stamps = collections.Counter(item.erp_record_id for item in found if item.erp_record_id)
            assert not stamps or set(stamps.values()) == {1}, person
            owned += stamps
    assert set(owned.values()) <= {1} and owned, "an event and a task have one owner"


def wrote_nothing_back(world):
    assert not {"MoveItem", "DeleteItem", "CancelCalendarItem"} & {entry["operation"] for entry in world.control.exchange_log()}
    assert not [entry for entry in world.control.erp_log() if entry["method"] == "DELETE"]


def interrupt(world, operation, number, is_killed):
    """Starts a cycle, and takes the cache away once it has sent so many requests of a kind."""
    world.control.fault("exchange", kind="delay", operation=operation, milliseconds=100, count=number + 20)
    process = subprocess.Popen([processes.PROGRAM, "sync", "-c", str(world.config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    processes.until(lambda: [e["operation"] for e in world.control.exchange_log()].count(operation) >= number, f"{operation} {number}",
                    processes.PATIENCE * 10, process)
    remove(world)
    if is_killed:
        process.kill()
    process.wait(processes.PATIENCE * 10)


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "runs on"])
def test_in_the_middle_of_a_first_sync(world, is_killed):
    invite(world)
    before = entities(world)
    interrupt(world, "CreateItem", RECORDS // 100, is_killed)
    for _ in range(2):
        world.run("sync", check=0, timeout=1800)
    everything_once(world, before)
    wrote_nothing_back(world)
    assert world.control.outbox() == []


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "runs on"])
def test_in_the_middle_of_a_cycle_that_changes_everything(world, is_killed):
    world.run("sync", check=0, timeout=1800)
    invite(world)
    world.run("sync", check=0, timeout=1800)
    invited = sorted(world.control.outbox())
    assert len(invited) == 20, "ten meetings with two guests"
    for contact in world.erp.contacts():
        world.erp.put(ContactID=contact["ContactID"]["value"], JobTitle="Changed by the ERP's users")
    before = entities(world)
    world.control.clear()
    interrupt(world, "UpdateItem", RECORDS // 100, is_killed)
    for _ in range(2):
        world.run("sync", check=0, timeout=1800)
    everything_once(world, before)
    wrote_nothing_back(world)
    assert sorted(world.control.outbox()) == invited, "nobody is told again"
    titles = {item.job_title for person, folder in PEOPLE for item in mailbox.contacts(world.account(person), folder) if item.erp_record_id}
    assert titles == {"Changed by the ERP's users"}
