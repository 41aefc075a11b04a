"""What servers do at bad moments, through the whole engine: nothing is lost, nothing doubled, nobody gets mail.

Here are requests that are carried out twice, listings with gaps, forgotten sync states; lost answers and refusals are in test_crash.py, waits that
servers ask for in test_good_guest.py."""

import concord
import kinds
import pytest

EMPTY = ("--contacts", "0", "--tasks", "0", "--events", "0", "--emails", "0", "--employees", "1")
POLICY = "contacts: {folder: C, filter: owner}\n    tasks: {folder: T}\n    events: {folder: E}"
EXCHANGE_WRITES = ["CreateItem", "UpdateItem", "MoveItem", "DeleteItem"]
pytestmark = pytest.mark.parametrize("world", [EMPTY], indirect=True, ids=["one"])


@pytest.fixture
def office(world):
    """One person, three records of each type, and a daemon that has synchronized them."""
    world.all_contacts = False
    world.policies({"alice": POLICY})
    world.start()
    world.sides = {kind: kinds.sides(world, kind, "alice") for kind in kinds.KINDS}
    for erp, _ in world.sides.values():
        for number in range(3):
            erp.create(f"ours {number}")
    world.daemon.sync()
    world.control.empty_outbox()
    return world


def settle(world, line="all wait"):
    """Cycles until one ended well, and one more."""
    for _ in range(4):
        if world.daemon.control("sync", line + "\n") == 0:
            break
    world.daemon.sync(line)
    for kind in kinds.KINDS:
        concord.check(world, "alice", kind)
    assert world.control.outbox() == []


def texts(world, title):
    """What each side of each type has under a title."""
    return {(kind, side): here.texts(title) for kind, pair in world.sides.items() for side, here in zip(["erp", "mailbox"], pair, strict=True)}


def everywhere(found):
    return {(kind, side): found for kind in kinds.KINDS for side in ["erp", "mailbox"]}


def test_items_that_exchange_made_twice_are_one_in_the_end(office):
    office.control.fault("exchange", kind="duplicate", operation="CreateItem", count=3)
    for erp, _ in office.sides.values():
        for number in range(2):
            erp.create(f"new {number}")
    office.control.clear()
    settle(office)
    creations = [entry["items"] for entry in office.control.exchange_log() if entry["operation"] == "CreateItem"]
    assert creations == [2, 2, 2], "each request was carried out twice, and sent once"
    for number in range(2):
        assert texts(office, f"new {number}") == everywhere(["first"])


def test_changes_and_deletes_that_are_carried_out_twice_are_done_once(office):
    for _, box in office.sides.values():
        for number in range(3):
            box.create(f"theirs {number}")
    office.daemon.sync()
    for erp, box in office.sides.values():
        erp.change("ours 0", "second")
        box.change("ours 1", "third")
        erp.delete("theirs 1")
        box.delete("theirs 2")
    office.control.clear()
    for operation in EXCHANGE_WRITES[1:]:
        office.control.fault("exchange", kind="duplicate", operation=operation, count=9)
    for method in ["PUT", "DELETE"]:
        office.control.fault("erp", kind="duplicate", method=method, count=9)
    settle(office)
    assert {"UpdateItem", "PUT Contact", "DELETE Contact"} <= set(office.control.writes())
    assert texts(office, "ours 0") == everywhere(["second"]) and texts(office, "ours 1") == everywhere(["third"])
    assert texts(office, "theirs 1") == texts(office, "theirs 2") == everywhere([]) and texts(office, "theirs 0") == everywhere(["first"])


@pytest.mark.parametrize("line", ["all wait", "all full wait"])
def test_listings_with_gaps_delete_and_double_nothing_and_a_full_cycle_finds_what_they_left_out(office, line):
    for erp, box in office.sides.values():
        for number in range(3):
            box.create(f"theirs {number}")
        erp.change("ours 1", "second")
    for operation in ["SyncFolderItems", "FindItem"]:
        office.control.fault("exchange", kind="partialList", operation=operation, count=99)
    office.control.fault("erp", kind="partialList", method="GET", count=99)
    office.control.clear()
    for _ in range(2):
        office.daemon.control("sync", line + "\n")
    assert not {"MoveItem", "DeleteItem", "DELETE Contact", "DELETE Task", "DELETE Event"} & set(office.control.writes())
    for side in ["exchange", "erp"]:
        office.control.mend(side)
    settle(office, "all full wait")
    assert texts(office, "ours 1") == everywhere(["second"])
    for number in range(3):
        assert texts(office, f"theirs {number}") == everywhere(["first"])


def test_forgotten_sync_states_and_ended_sessions_double_nothing(office):
    for _, box in office.sides.values():
        box.create("theirs")
    office.control.fault("exchange", kind="forgetSyncStates")
    office.control.fault("erp", kind="endSessions")
    office.erp.login()
    settle(office)
    assert texts(office, "theirs") == everywhere(["first"]) and texts(office, "ours 2") == everywhere(["first"])


def test_a_record_whose_item_could_not_be_marked_stays_one_while_its_owner_is_switched_off_and_on(office):
    for _, box in office.sides.values():
        box.create("theirs")
    office.control.fault("exchange", kind="timeout", operation="UpdateItem", limit=0, count=99)
    office.daemon.control("sync", "all wait\n")
    office.control.mend("exchange")
    assert {kind: box.find("theirs")[0].erp_record_id for kind, (_, box) in office.sides.items()} == dict.fromkeys(kinds.KINDS)
    for erp, _ in office.sides.values():
        erp.change("theirs", "second")
    for old, new in [("policy: alice}", "policy: alice, sync: false}"), ("policy: alice, sync: false}", "policy: alice}")]:
        office.edit((old, new))
        assert office.daemon.control("ctl", "reload\n") == 0
        office.daemon.sync()
    settle(office)
    assert texts(office, "theirs") == everywhere(["second"])
