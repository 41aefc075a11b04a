"""Killed in the middle, answers lost, copied by users: every email exists once on each side, with every file."""

import collections
import subprocess

import pytest

import processes
from concord import activities, check_emails, files_of
from test_emails import FOLDER, eml, messages, put_activity, put_message, raw
from exchangelib import FileAttachment, Message
from mailbox import folder as folder_of

PEOPLE = [("alice", FOLDER), ("bob", FOLDER), ("carol", "Service Mail")]
FILES = [("one.bin", bytes(range(256)) * 40), ("two.bin", b"2" * 5000), ("three.txt", b"line\r\n")]
pytestmark = pytest.mark.parametrize("world", [("--contacts", "3", "--tasks", "0", "--emails", "6")], indirect=True, ids=["small"])


def put_message_with_files(world, subject="With files"):
    account = world.account("alice")
    Message(account=account, folder=folder_of(account, FOLDER), subject=subject, body="x", flags=1, to_recipients=["x@other.test"],
            attachments=[FileAttachment(name=name, content=content) for name, content in FILES]).save()


def assert_everything_once(world, count):
    check_emails(world, PEOPLE, count)


def settle(world):
    """Until a cycle ended well; a full one, because what failed is tried again only after a pause."""
    for _ in range(4):
        if world.daemon.control("sync", "all full wait\n") == 0:
            break
    world.daemon.sync("all full wait")


@pytest.mark.parametrize("side, operation, number", [
    ("exchange", "CreateItem", 4), ("exchange", "GetItem", 7), ("exchange", "UpdateItem", 1), ("erp", "PUT", 1), ("erp", "PUT", 4)])
def test_kill_in_the_middle_of_a_first_sync(world, side, operation, number):
    account = world.account("alice")
    put_message(world, raw(to="alice@example.test"), folder="Inbox")
    account.inbox.get(message_id="<1@other.test>").move(folder_of(account, FOLDER))
    put_message_with_files(world)
    put_activity(world, FILES, Subject="From the ERP")
    world.control.clear()
    world.control.fault(side, kind="delay", milliseconds=120, count=1000, **{"operation" if side == "exchange" else "method": operation})
    world.start()
    assert world.daemon.control("sync", "all\n") == 0

    def seen():
        log = world.control.exchange_log() if side == "exchange" else world.control.erp_log()
        return len([entry for entry in log if entry["operation" if side == "exchange" else "method"] == operation])

    processes.until(lambda: seen() >= number, f"{operation} number {number}", process=world.daemon.process)
    world.daemon.kill()
    subprocess.run(["ls", str(world.mount)], capture_output=True)
    world.start()
    settle(world)
    assert_everything_once(world, 9)


@pytest.mark.parametrize("side, fault", [
    ("exchange", {"kind": "dropAnswer", "operation": "CreateItem"}), ("exchange", {"kind": "dropAnswer", "operation": "UpdateItem"}),
    ("exchange", {"kind": "dropAnswer", "operation": "GetItem"}),
    ("erp", {"kind": "dropAnswer", "method": "PUT", "path": "/Email"}), ("erp", {"kind": "dropAnswer", "method": "PUT", "path": "/files/one.bin"}),
    ("erp", {"kind": "failure", "method": "PUT", "path": "/files/two.bin"}),
    ("erp", {"kind": "failure", "method": "GET", "path": "/files/"}), ("erp", {"kind": "dropAnswer", "method": "PUT", "path": "/Contact"}),
    ("erp", {"kind": "endSessions"})])
def test_a_lost_answer_doubles_nothing_and_loses_no_file(world, side, fault):
    world.start()
    world.daemon.sync()
    put_message_with_files(world)
    put_message(world, raw(sender="new@other.test", message_id="<new@other.test>"))
    put_activity(world, FILES, Subject="From the ERP")
    world.control.fault(side, **fault)
    settle(world)
    if fault["kind"] == "endSessions":
        world.erp.login()
    assert_everything_once(world, 9)
    addresses = collections.Counter((contact["Email"].get("value") or "").lower() for contact in world.erp.contacts())
    assert addresses["new@other.test"] == addresses["x@other.test"] == addresses["robin@other.test"] == 1


def test_the_same_message_of_two_mailboxes_is_one_activity_though_the_answer_to_the_first_was_lost(world):
    world.start()
    world.daemon.sync()
    content = raw(subject="To both", message_id="<both@other.test>", to="alice@example.test, bob@example.test", sender="alice@example.test")
    for person in ["alice", "bob"]:
        put_message(world, content, person)
    world.control.fault("erp", kind="dropAnswer", method="PUT", path="/Email")
    settle(world)
    assert len(activities(world, Subject="To both")) == 1
    assert_everything_once(world, 7)


def test_copies_of_a_message_that_come_together_are_one_activity(world):
    world.start()
    world.daemon.sync()
    content = raw(subject="Thrice", message_id="<thrice@other.test>")
    for _ in range(3):
        put_message(world, content)
    for _ in range(3):
        world.daemon.sync()
    [record] = activities(world, Subject="Thrice")
    marks = [item.erp_record_id for item in messages(world, subject="Thrice")]
    assert sorted(marks, key=str) == sorted([record["id"], None, None], key=str)
    assert [path.read_bytes() for path in eml(world, "Thrice")] == [content]


def test_an_attachment_that_the_erp_refuses_is_left_out_and_named(world):
    world.start()
    world.daemon.sync()
    world.control.fault("erp", kind="refuse", method="PUT", path="/files/two.bin", count=99)
    put_message_with_files(world)
    settle(world)
    [record] = activities(world, Subject="With files")
    assert set(files_of(world, record)) == {"one.bin", "three.txt"}
    assert "Attachment left out: &quot;two.bin&quot;, refused" in record["Body"]["value"]
    assert len(eml(world, "With files")) == 1
    assert "two.bin" in world.daemon.read("log")
