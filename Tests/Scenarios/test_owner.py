"""One installation alone serves a mailbox, and its cache goes on where the mailbox was left: by what exchangelib sees in the mailboxes."""

import datetime
import re
import shutil
import subprocess

import exchangelib
import pytest

import mailbox
import processes
from test_crash import assert_everything_once

SMALL = ("--contacts", "12", "--tasks", "3", "--events", "3", "--emails", "0")
pytestmark = pytest.mark.parametrize("world", [SMALL], indirect=True, ids=["small"])
WRITES = ("CreateItem", "UpdateItem", "MoveItem", "DeleteItem")


def mark(account):
    """What the mailbox says about who serves it."""
    text = account.calendar.get_user_configuration("concordfs.Owner").xml_data.decode()
    return dict(re.findall(r'(\w+)="([^"]*)"', text))


def write_mark(account, **values):
    text = "<owner " + " ".join(f'{name}="{value}"' for name, value in {**mark(account), **values}.items()) + "/>"
    account.calendar.update_user_configuration(name="concordfs.Owner", xml_data=text.encode())


def elsewhere(world, name="second.db"):
    """The same configuration with its cache in another place: another installation."""
    other = world.directory / f"{name}.yaml"
    other.write_text(world.config.read_text().replace(f"store: {world.store}", f"store: {world.directory / name}"))
    assert other.read_text() != world.config.read_text()
    return other


def exchange_writes(world):
    return [entry["operation"] for entry in world.control.exchange_log() if entry["operation"] in WRITES]


def remove(store):
    for suffix in ["", "-wal", "-shm"]:
        store.with_name(store.name + suffix).unlink(missing_ok=True)


def copy(store, target):
    subprocess.run(["python3", "-c", "import sqlite3, sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))", str(store), str(target)],
                   check=True)


def test_a_second_installation_is_refused_and_told_of_the_first(world):
    world.run("sync", check=0)
    first = mark(world.account("alice"))
    assert first["store"] == str(world.store) and first["host"]
    other = elsewhere(world)
    world.control.clear()
    refused = processes.run("sync", config=other)
    assert refused.returncode == 75
    assert str(world.store) in refused.stdout and first["host"] in refused.stdout and "concordfs takeover alice@example.test" in refused.stdout
    assert exchange_writes(world) == [] and mark(world.account("alice")) == first
    plan = processes.run("plan", config=other)
    assert plan.returncode == 75 and str(world.store) in plan.stderr
    # The first one goes on as if nothing had been.
    world.run("sync", check=0)


def test_a_lost_cache_is_no_second_installation(world):
    world.run("sync", check=0)
    remove(world.store)
    world.control.clear()
    world.run("sync", check=0)
    assert exchange_writes(world) == []


def test_taking_over_is_said_once_and_the_first_is_refused_from_then_on(world):
    world.run("sync", check=0)
    other = elsewhere(world)
    processes.run("takeover", "alice@example.test", config=other, check=0)
    world.control.clear()
    result = processes.run("sync", "alice@example.test", config=other, check=0)
    assert exchange_writes(world) == [], "what both sides have is paired by its marks"
    assert "took over" in result.stderr
    assert mark(world.account("alice"))["store"] == str(world.directory / "second.db")
    assert world.run("sync", "alice@example.test").returncode == 75
    assert world.run("sync", "bob@example.test").returncode == 0
    assert processes.run("sync", "bob@example.test", config=other).returncode == 75
    # Back again: what the first one's cache holds is older than what the second wrote.
    world.erp.put(ContactID=world.erp.contacts(top=1)[0]["ContactID"]["value"], JobTitle="Changed under the second")
    processes.run("sync", "alice@example.test", config=other, check=0)
    world.run("takeover", "alice@example.test", check=0)
    result = world.run("sync", "alice@example.test", check=0)
    assert "put back from a backup" in result.stderr


def test_an_owner_that_never_came_back_gives_way_after_its_lease(world):
    world.run("sync", "alice@example.test", check=0)
    soon = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=1)
    write_mark(world.account("alice"), until=soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    other = elsewhere(world)
    result = processes.run("sync", "alice@example.test", config=other, check=0)
    assert "took over" in result.stderr


def test_a_daemon_takes_over_when_told_and_refuses_a_copy_of_itself(mounted):
    account = mounted.account("alice")
    write_mark(account, token="another")
    assert mounted.daemon.control("sync", "alice@example.test wait\n") != 0
    assert "a second concordfs that takes itself for this one" in mounted.daemon.read("sync")
    assert mounted.daemon.control("ctl", "takeover nobody@example.test\n") != 0
    mounted.run("takeover", "alice@example.test", check=0)
    mounted.daemon.sync("alice@example.test wait")
    assert mark(account)["token"] != "another"
    assert_everything_once(mounted, 12)


@pytest.mark.parametrize("later", ["unlinked", "deleted"])
def test_a_cache_put_back_from_a_backup_is_recognised_and_deletes_nothing(world, later):
    """What the old cache takes for a pair was let go, or deleted and made anew, in the meantime."""
    account = world.account("alice")
    world.run("sync", check=0)
    backup = world.directory / "backup.db"
    copy(world.store, backup)
    item = mailbox.contacts(account)[0]
    name, stamp = item.surname, item.erp_record_id
    if later == "unlinked":
        # Moved away: no longer synchronized, both stay. The old cache takes the item for one of its own.
        item.move(mailbox.folder(account, "Contacts"))
    else:
        item.move_to_trash()
    extra = exchangelib.Contact(account=account, folder=mailbox.folder(account, "ERP Contacts"), given_name="Made", surname="Later", display_name="Made Later")
    extra.save()
    world.run("sync", check=0)
    assert len(world.erp.by_name("Later")) == 1
    if later == "unlinked":
        mailbox.folder(account, "Contacts").filter(surname=name).delete(delete_type="MoveToDeletedItems")
    count = len(world.erp.contacts())
    remove(world.store)
    shutil.move(backup, world.store)
    world.control.clear()
    world.control.empty_outbox()
    plan = world.run("plan", check=0)
    assert "delete" not in plan.stdout, plan.stdout
    result = world.run("sync", check=0)
    assert "put back from a backup" in result.stderr
    assert not {"MoveItem", "DeleteItem", "CancelCalendarItem"} & {entry["operation"] for entry in world.control.exchange_log()}
    assert [entry for entry in world.control.erp_log() if entry["method"] == "DELETE"] == []
    assert len(world.erp.contacts()) == count and len(world.erp.by_name("Later")) == 1
    world.run("sync", check=0)
    assert [entry for entry in world.control.erp_log() if entry["method"] == "DELETE"] == []
    assert len([item for item in mailbox.contacts(account) if item.surname == "Later"]) == 1
    assert world.control.outbox() == []
