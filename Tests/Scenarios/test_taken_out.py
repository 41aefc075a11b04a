"""What a user takes out of the synchronization while a write of it is half done is not carried on."""

import kinds
import pytest
from concord import activities, files_of
from test_emails import FOLDER, messages
from test_emails_crash import put_message_with_files

ways = pytest.mark.parametrize("taken_out", ["private", "moved"])


def take_out(item, way):
    if way == "private":
        item.sensitivity = "Private"
        item.save(update_fields=["sensitivity"])
    else:
        item.move(item.account.drafts)


def interrupted(world, path):
    """A cycle in which the ERP does not carry out these requests: the intents of their writes are left open."""
    world.control.fault("erp", kind="failure", method="PUT", count=99, path=path)
    world.daemon.control("sync", "all wait\n")
    world.control.mend("erp")


@pytest.mark.parametrize("world", [("--contacts", "0", "--tasks", "0", "--events", "0", "--employees", "1")], indirect=True, ids=["small"])
@ways
def test_the_other_half_of_a_conflicts_copies(world, taken_out):
    world.policies({"alice": "conflict: keep-both\n    contacts: {folder: C, filter: owner}"})
    erp, box = kinds.sides(world, "contacts", "alice")
    for title in ("Robin", "Standing"):
        erp.create(title)
    world.start()
    world.daemon.sync()
    erp.change("Robin", "in the ERP")
    box.change("Robin", "in the mailbox")
    interrupted(world, "/Contact")
    assert erp.titles("Robin") == ["Robin"]
    [item] = box.find("Robin")
    take_out(item, taken_out)
    for _ in range(3):
        world.daemon.sync()
    titles = erp.titles("Robin")
    assert {text for title in titles for text in erp.texts(title)} == {"in the ERP"}, titles
    assert "in the ERP" in {text for title in box.titles("Robin") for text in box.texts(title)}


@pytest.mark.parametrize("world", [("--contacts", "3", "--tasks", "0", "--emails", "6")], indirect=True, ids=["small"])
@ways
def test_the_files_of_a_message(world, taken_out):
    world.start()
    world.daemon.sync()
    put_message_with_files(world)
    interrupted(world, "/files/two.bin")
    [record] = activities(world, Subject="With files")
    assert set(files_of(world, record)) == {"one.bin"}
    [message] = messages(world, subject="With files")
    take_out(message, taken_out)
    for _ in range(3):
        world.daemon.sync("all full wait")
    [record] = activities(world, Subject="With files")
    assert set(files_of(world, record)) == {"one.bin"}
