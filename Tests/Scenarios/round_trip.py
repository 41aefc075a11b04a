"""A world whose servers are reached through another server, and what has to hold there."""

import differing
import kinds

SMALL = ("--employees", "1", "--contacts", "5", "--tasks", "2", "--events", "2", "--emails", "4")
SECTIONS = """contacts: {folder: C, filter: owner}
    tasks: {folder: T}
    events: {folder: E}
    emails: {folder: ERP Mail, attachments: true}
    category: {name: ERP, color: blue}"""


def put_between(world, manner):
    """Puts a server before the sandbox that behaves in a manner; concordfs knows that one only."""
    world.policies({name: SECTIONS for name in world.people()})
    server = differing.Server(world.sandbox.base, manner)
    redirect(world, server)
    return server


def redirect(world, server):
    """Lets concordfs know a server instead of the sandbox."""
    world.edit((f"url: {world.sandbox.base}", f"url: {server.base}"), (f"server: {world.sandbox.base}", f"server: {server.base}"))


def until_well(world, tries):
    """Synchronizes until a run ends well, at most so many times."""
    for _ in range(tries):
        result = world.run("sync")
        if result.returncode == 0:
            return
    raise AssertionError(f"still {result.returncode}: {result.stdout}{result.stderr}")


def goes_both_ways(world, both=("contacts", "tasks", "events"), tries=1):
    """New records, changes and deletes of either side arrive on the other, once, and then nothing is written any more."""
    person = world.people()[0]
    for kind in both:
        erp, box = kinds.sides(world, kind, person)
        erp.create("from the ERP")
        erp.create("to go in the mailbox")
    until_well(world, tries)
    for kind in both:
        erp, box = kinds.sides(world, kind, person)
        assert box.texts("from the ERP") == ["first"], kind
        box.create("from the mailbox")
        box.change("from the ERP", "second")
        box.delete("to go in the mailbox")
    until_well(world, tries)
    for kind in both:
        erp, box = kinds.sides(world, kind, person)
        assert (erp.texts("from the mailbox"), erp.texts("from the ERP"), erp.texts("to go in the mailbox")) == (["first"], ["second"], []), kind
        erp.change("from the mailbox", "third")
    until_well(world, tries)
    for kind in both:
        assert kinds.sides(world, kind, person)[1].texts("from the mailbox") == ["third"], kind
    is_quiet(world, tries)


def is_quiet(world, tries=1):
    until_well(world, tries)
    world.control.clear()
    until_well(world, tries)
    assert world.control.writes() == []
