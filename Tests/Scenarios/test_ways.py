"""What a record does on the other side, by type, by direction of the policy, by what happened where: the table of semantics.md.

One world: each person has a policy with another direction, each case its own record, so that three rounds serve all of them."""

import pathlib
import tempfile

import conftest
import kinds
import pytest

DIRECTIONS = {"alice": "both", "bob": "to-exchange", "carol": "to-erp"}

# (side, what happens there): what the other side then has, by direction.
#   yes: the same; no: nothing; old: what it had before.
TABLE = {
    # happened                 both   to-exchange  to-erp
    ("erp", "created"):      ("yes",     "yes",     "no"),
    ("erp", "changed"):      ("yes",     "yes",     "old"),
    ("erp", "deleted"):      ("no",      "no",      "old"),
    ("mailbox", "created"):  ("yes",     "no",      "yes"),
    ("mailbox", "changed"):  ("yes",     "old",     "yes"),
    ("mailbox", "deleted"):  ("no",      "old",     "no"),
}
CASES = [
    (kind, person, side, happened, expected[index])
    for kind in kinds.KINDS for (side, happened), expected in TABLE.items() for index, person in enumerate(DIRECTIONS)
]


def title(kind, person, side, happened):
    return f"{happened} in {side} {DIRECTIONS[person]}"


def ends(world, kind, person, side):
    erp, mailbox = kinds.sides(world, kind, person)
    return (erp, mailbox) if side == "erp" else (mailbox, erp)


@pytest.fixture(scope="module")
def ways():
    with tempfile.TemporaryDirectory(prefix="concordfs-") as directory:
        world = conftest.World(pathlib.Path(directory), "--contacts", "0", "--tasks", "0", "--events", "0")
        world.policies({
            person: f"contacts: {{folder: C, filter: owner, direction: {direction}}}\n    tasks: {{folder: T, direction: {direction}}}"
            f"\n    events: {{folder: E, direction: {direction}}}"
            for person, direction in DIRECTIONS.items()})
        try:
            world.run("sync", check=0)
            for kind, person, side, happened, _ in CASES:
                if happened != "created":
                    # What the policy carries begins on the side that it comes from.
                    erp, mailbox = kinds.sides(world, kind, person)
                    (mailbox if DIRECTIONS[person] == "to-erp" else erp).create(title(kind, person, side, happened))
            world.run("sync", check=0)
            for kind, person, side, happened, _ in CASES:
                here, _ = ends(world, kind, person, side)
                name = title(kind, person, side, happened)
                {"created": here.create, "changed": lambda name: here.change(name, "second"), "deleted": here.delete}[happened](name)
            world.run("sync", check=0)
            yield world
        finally:
            world.close()


@pytest.mark.parametrize(("kind", "person", "side", "happened", "expected"), CASES)
def test_a_record(ways, kind, person, side, happened, expected):
    here, there = ends(ways, kind, person, side)
    name = title(kind, person, side, happened)
    now = {"created": ["first"], "changed": ["second"], "deleted": []}[happened]
    assert here.texts(name) == now, "what somebody did stays done"
    assert there.texts(name) == {"yes": now, "no": [], "old": ["first"]}[expected]


def test_an_item_deleted_in_a_mailbox_that_is_only_filled_comes_back_when_the_record_next_changes(ways):
    for kind in kinds.KINDS:
        erp, mailbox = kinds.sides(ways, kind, "bob")
        erp.change(title(kind, "bob", "mailbox", "deleted"), "third")
    ways.run("sync", check=0)
    for kind in kinds.KINDS:
        erp, mailbox = kinds.sides(ways, kind, "bob")
        assert mailbox.texts(title(kind, "bob", "mailbox", "deleted")) == ["third"], kind


def test_a_cycle_after_all_that_writes_nothing(ways):
    ways.run("sync", check=0)
    ways.control.clear()
    ways.run("sync", check=0)
    assert ways.control.writes() == []
