"""What an email does on the other side, by what happened where: append-mostly and always both ways, whatever the policy's conflict priority.

One world: each person has a policy with another priority, each case its own record, so that two rounds serve all of them."""

import pathlib
import tempfile

import conftest
import mailbox
import pytest
from test_emails import activities, put_activity, put_message, raw

PRIORITIES = ["erp", "exchange", "last-updated", "keep-both"]

# (side, what happens there): what the other side has afterwards.
#   new: the record, once; first: what it had.
TABLE = {
    ("erp", "created"): "new",
    ("erp", "changed"): "first",
    ("erp", "deleted"): "first",
    ("mailbox", "created"): "new",
    ("mailbox", "changed"): "first",
    ("mailbox", "deleted"): "first",
    ("both", "changed"): "each its own",
    ("both", "deleted"): "nothing",
}


def origins(priority, side, happened):
    """Where a record comes from decides nothing either: under one priority it is tried."""
    if happened == "created":
        return [side]
    return ["erp", "mailbox"] if priority == PRIORITIES[0] else ["erp"]


CASES = [(priority, origin, side, happened, expected) for priority in PRIORITIES for (side, happened), expected in TABLE.items()
         for origin in origins(priority, side, happened)]


def title(priority, origin, side, happened):
    return f"{priority}: made in {origin}, {happened} in {side}"


class Sides:
    def __init__(self, world, priority):
        self.world, self.person = world, list(world.ids)[PRIORITIES.index(priority)]

    def items(self, subject):
        return [item for item in mailbox.folder(self.world.account(self.person), "M").all() if item.subject == subject]

    def create(self, side, subject):
        if side == "erp":
            put_activity(self.world, Subject=subject, Body="<p>first</p>", Owner=self.world.ids[self.person], To=f"{self.person}@example.test")
        else:
            message_id = f"<{abs(hash(subject))}@other.test>"
            put_message(self.world, raw(subject, message_id, to=f"{self.person}@example.test", text="first\r\n"), self.person, "M")

    def change(self, side, subject):
        if side in ("erp", "both"):
            [record] = activities(self.world, Subject=subject)
            self.world.erp.put("Email", NoteID=record["id"], Body="<p>changed in the ERP</p>")
        if side in ("mailbox", "both"):
            [item] = self.items(subject)
            item.body = "changed in the mailbox"
            item.save(update_fields=["body"])

    def delete(self, side, subject):
        if side in ("erp", "both"):
            [record] = activities(self.world, Subject=subject)
            self.world.erp.delete(record, "Email")
        if side in ("mailbox", "both"):
            self.items(subject)[0].move_to_trash()


def texts(world):
    """What every record says, by side and subject."""
    found = {"erp": {}, "mailbox": {}}
    for record in activities(world):
        found["erp"].setdefault(record["Subject"]["value"], []).append(mailbox.plain(record["Body"]["value"]).strip())
    for person in world.ids:
        for item in mailbox.folder(world.account(person), "M").all():
            found["mailbox"].setdefault(item.subject, []).append(mailbox.plain(str(item.body)).strip())
    return found


@pytest.fixture(scope="module")
def ways():
    with tempfile.TemporaryDirectory(prefix="concordfs-") as directory:
        options = ("--employees", "4", "--contacts", "0", "--tasks", "0", "--events", "0", "--emails", "0")
        world = conftest.World(pathlib.Path(directory), *options)
        people = zip(world.ids, PRIORITIES, strict=True)
        world.policies({person: f"conflict: {priority}\n    emails: {{folder: M}}" for person, priority in people})
        try:
            world.sync()
            for priority, origin, side, happened, _ in CASES:
                if happened != "created":
                    Sides(world, priority).create(origin, title(priority, origin, side, happened))
            world.sync()
            for priority, origin, side, happened, _ in CASES:
                sides, subject = Sides(world, priority), title(priority, origin, side, happened)
                {"created": sides.create, "changed": sides.change, "deleted": sides.delete}[happened](side, subject)
            world.sync(2)
            world.found = texts(world)
            yield world
        finally:
            world.close()


@pytest.mark.parametrize(("priority", "origin", "side", "happened", "expected"), CASES)
def test_an_email(ways, priority, origin, side, happened, expected):
    found = {place: records.get(title(priority, origin, side, happened), []) for place, records in ways.found.items()}
    own = {"erp": ["changed in the ERP"], "mailbox": ["changed in the mailbox"]}
    if side == "both":
        assert found == (own if happened == "changed" else {"erp": [], "mailbox": []})
        return
    there = "mailbox" if side == "erp" else "erp"
    assert found[side] == {"created": ["first"], "changed": own[side], "deleted": []}[happened], "what somebody did stays done"
    assert found[there] == ["first"]


def test_a_cycle_after_all_that_writes_nothing(ways):
    ways.assert_quiet()
    assert ways.control.outbox() == []
