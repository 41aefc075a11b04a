"""A field that both sides changed, a delete against a change: by type, by the policy's priority, as semantics.md has it.

One world: each person has a policy with another priority, each case its own record. A type is added by an adapter in kinds.py."""

import pathlib
import tempfile
import time

import conftest
import kinds
import pytest

# What both sides have afterwards: the values of the record, and of its copy where both are kept.
PRIORITIES = {
    # priority       ERP last             mailbox last         ERP deleted    mailbox deleted
    "erp":          (["erp"],             ["erp"],             [],            ["erp"]),
    "exchange":     (["mailbox"],         ["mailbox"],         ["mailbox"],   []),
    "last-updated": (["erp"],             ["mailbox"],         ["mailbox"],   ["erp"]),
    "keep-both":    (["erp", "mailbox"],  ["erp", "mailbox"],  ["mailbox"],   ["erp"]),
}
HAPPENED = ["ERP last", "mailbox last", "ERP deleted", "mailbox deleted"]
CASES = [
    (kind, priority, happened, expected[index])
    for kind in kinds.KINDS for priority, expected in PRIORITIES.items() for index, happened in enumerate(HAPPENED)
]


def name(priority, happened):
    return f"{happened} under {priority}"


@pytest.fixture(scope="module")
def conflicts():
    with tempfile.TemporaryDirectory(prefix="concordfs-") as directory:
        world = conftest.World(pathlib.Path(directory), "--contacts", "0", "--tasks", "0", "--events", "0", "--employees", "4")
        people = dict(zip(PRIORITIES, world.ids, strict=True))
        world.people = people
        world.policies({
            person: f"conflict: {priority}\n    contacts: {{folder: C, filter: owner}}\n    tasks: {{folder: T}}\n    events: {{folder: E}}"
            for priority, person in people.items()})
        try:
            every = [(happened, name(priority, happened), *kinds.sides(world, kind, people[priority])) for kind, priority, happened, _ in CASES]
            for _, title, erp, mailbox in every:
                erp.create(title)
            world.run("sync", check=0)
            for happened, title, erp, mailbox in every:
                if happened == "mailbox last":
                    erp.change(title, "erp")
                elif happened != "mailbox deleted":
                    mailbox.change(title, "mailbox")
            # Servers tell times of changes to the second.
            time.sleep(1.1)
            for happened, title, erp, mailbox in every:
                if happened == "mailbox last":
                    mailbox.change(title, "mailbox")
                elif happened == "ERP deleted":
                    erp.delete(title)
                else:
                    erp.change(title, "erp")
                    if happened == "mailbox deleted":
                        mailbox.delete(title)
            world.run("sync", check=0)
            yield world
        finally:
            world.close()


@pytest.mark.parametrize(("kind", "priority", "happened", "expected"), CASES)
def test_a_conflict(conflicts, kind, priority, happened, expected):
    for side in kinds.sides(conflicts, kind, conflicts.people[priority]):
        titles = side.titles(name(priority, happened))
        assert sorted(text for title in set(titles) for text in side.texts(title)) == expected
        assert [title for title in titles if "(conflict copy, " in title] == titles[1:], "one keeps its name"


@pytest.mark.parametrize("kind", kinds.KINDS)
@pytest.mark.parametrize(("priority", "lost"), [("erp", "mailbox"), ("exchange", "erp")])
def test_the_value_that_lost_is_in_the_journal(conflicts, kind, priority, lost):
    journal = conflicts.run("journal", f"{conflicts.people[priority]}@example.test", check=0).stdout
    assert f"'{name(priority, 'ERP last')}'" in journal and f"'{lost}' gave way" in journal


def test_a_cycle_after_all_that_writes_nothing(conflicts):
    conflicts.run("sync", check=0)
    conflicts.control.clear()
    conflicts.run("sync", check=0)
    assert conflicts.control.writes() == []
