"""`concordfs journal --run RUN --undo`: the reverse of a cycle as a plan, and carried out when it is approved. Nobody is told by it."""

import re

import exchangelib
import pytest

import kinds
import mailbox
from test_meetings import PEOPLE, calendar, event, meeting, sent

ALICE = ["sync", "alice@example.test", "--types", "contacts"]
SMALL = ("--contacts", "12", "--tasks", "0", "--events", "0", "--emails", "0")


def runs(world, person="alice"):
    """The ids of a mailbox's cycles that wrote, the latest first."""
    lines = world.run("journal", f"{person}@example.test", "--runs", check=0).stdout.splitlines()
    return [line.split()[0] for line in lines if re.match("[0-9a-f]{32} ", line)]


def plan(world, run):
    shown = world.run("journal", "--run", run, "--undo", check=0).stdout
    found = re.search("--approve ([0-9a-f]{8})", shown)
    return shown, found[1] if found else None


def undo(world, run):
    shown, approved = plan(world, run)
    assert approved, shown
    world.run("journal", "--run", run, "--undo", "--approve", approved, check=0)
    return shown


def items(world, person="alice"):
    return {item.erp_record_id: item for item in mailbox.contacts(world.account(person))}


@pytest.fixture
def synced(world):
    world.run(*ALICE, check=0)
    return world


@pytest.mark.parametrize("world", [SMALL], indirect=True)
class TestContacts:
    def test_values_come_back_and_what_was_changed_since_stays(self, synced):
        first, second = synced.erp.contacts(top=2)
        old = {record["id"]: record["JobTitle"].get("value") for record in (first, second)}
        for record in (first, second):
            synced.erp.put(ContactID=record["ContactID"]["value"], JobTitle="Wrongly changed by all")
        synced.run(*ALICE, check=0)
        item = items(synced)[second["id"]]
        item.job_title = "Mine since"
        item.save(update_fields=["job_title"])
        run = runs(synced)[0]
        listed = synced.run("journal", "--run", run, check=0).stdout
        assert listed.count("update in the mailbox") == 2
        shown, approved = plan(synced, run)
        assert shown.count("put back in the mailbox") == 1 and "leave" in shown and "changed since" in shown
        assert f"'Wrongly changed by all' -> '{old[first['id']] or ''}'" in shown
        assert items(synced)[first["id"]].job_title == "Wrongly changed by all", "shown is not done"
        synced.run("journal", "--run", run, "--undo", "--approve", "00000000", check=75)
        synced.run("journal", "--run", run, "--undo", "--approve", approved, check=0)
        now = items(synced)
        assert (now[first["id"]].job_title or None) == old[first["id"]] and now[second["id"]].job_title == "Mine since"
        # As if a user had typed it there: both sides have it.
        titles = {record["id"]: record["JobTitle"].get("value") for record in synced.erp.contacts()}
        assert (titles[first["id"]] or None) == old[first["id"]]
        assert plan(synced, run)[1] is None, "undone once"

    def test_what_a_run_created_goes_to_deleted_items_and_stays_apart(self, synced):
        run = runs(synced)[0]
        edited = mailbox.contacts(synced.account("alice"))[0]
        edited.job_title = "Edited since"
        edited.save(update_fields=["job_title"])
        shown = undo(synced, run)
        assert shown.count("take away in the mailbox") == 11 and shown.count("changed since") == 1
        assert "11 deletes of 12 records are more than a cycle may do" in shown
        assert list(items(synced)) == [edited.erp_record_id]
        assert synced.account("alice").trash.all().count() == 11
        for arguments in ([], ["--full"]):
            synced.run(*ALICE, *arguments, check=0)
        assert len(items(synced)) == 1 and len(synced.erp.contacts()) == 12
        assert not [entry for entry in synced.control.erp_log() if entry["method"] == "DELETE"]

    def test_what_a_run_deleted_is_made_anew_once_for_all_mailboxes(self, world):
        world.run("sync", "--types", "contacts", check=0)
        doomed = world.erp.contacts(top=1)[0]
        name = doomed["LastName"]["value"]
        before = len(world.erp.by_name(name))
        world.erp.delete(doomed)
        world.run("sync", "--types", "contacts", check=0)
        shown = undo(world, runs(world)[0])
        assert "make anew in the ERP" in shown
        undo(world, runs(world, "bob")[0])
        world.run("sync", "--types", "contacts", check=0)
        assert len(world.erp.by_name(name)) == before
        for person in ("alice", "bob"):
            assert len(mailbox.by_surname(world.account(person), name)) == before

    def test_an_import_is_taken_out_of_the_erp_and_its_item_stays(self, synced):
        account = synced.account("alice")
        exchangelib.Contact(account=account, folder=mailbox.folder(account, "ERP Contacts"), given_name="Made", surname="Byhand",
                            display_name="Made Byhand").save()
        synced.run(*ALICE, check=0)
        assert len(synced.erp.by_name("Byhand")) == 1
        undo(synced, runs(synced)[0])
        assert synced.erp.by_name("Byhand") == []
        synced.run(*ALICE, "--full", check=0)
        assert synced.erp.by_name("Byhand") == [] and len(mailbox.by_surname(account, "Byhand")) == 1

    def test_a_daemon_undoes_when_told(self, world):
        world.start()
        world.daemon.sync("alice@example.test contacts wait")
        contact = world.erp.contacts(top=1)[0]
        world.erp.put(ContactID=contact["ContactID"]["value"], JobTitle="Wrong")
        world.daemon.sync("alice@example.test contacts wait")
        run = runs(world)[0]
        assert world.daemon.control("ctl", f"undo {run} 00000000\n") != 0
        assert items(world)[contact["id"]].job_title == "Wrong"
        undo(world, run)
        assert (items(world)[contact["id"]].job_title or "") == (contact["JobTitle"].get("value") or "")


@pytest.mark.parametrize("world", [("--contacts", "0", "--tasks", "0", "--events", "0", "--emails", "0")], indirect=True)
def test_undoing_a_change_of_meetings_tells_nobody(world):
    world.policies({person: "category: {name: ERP, color: blue}\n    events: {direction: both}" for person in PEOPLE})
    kinds.Events().create_in_erp(world, "carol", "Standing", "always")
    world.run("sync", check=0)
    meeting(world, "Moved")
    world.run("sync", check=0)
    world.erp.put("Event", NoteID=event(world, "Moved")["id"], Location="Wrong room")
    world.run("sync", check=0)
    told = sent(world)
    assert sum(told.values()) == 6, "three invitations and three updates"
    undo(world, runs(world)[0])
    [own] = calendar(world, "alice", "Moved")
    assert (own.location or "") == "" and (event(world, "Moved")["Location"].get("value") or "") == ""
    world.run("sync", check=0)
    assert sent(world) == told
    # What a run created is taken away, and nobody is told of that either.
    meeting(world, "Unwanted")
    world.run("sync", check=0)
    told = sent(world)
    assert sum(told.values()) == 9
    undo(world, runs(world)[0])
    world.run("sync", "--full", check=0)
    assert calendar(world, "alice", "Unwanted") == [] and event(world, "Unwanted")
    assert sent(world) == told
