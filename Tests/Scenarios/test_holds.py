"""What a person decides about a held plan stays decided: approved is done once, discarded is not done and not asked again."""

import pytest

import mailbox


def delete_many(world, number=30):
    doomed = world.erp.contacts()[:number]
    for contact in doomed:
        world.erp.delete(contact)
    return {contact["id"] for contact in doomed}


def stamps(world, person="alice"):
    return {item.erp_record_id for item in mailbox.contacts(world.account(person)) if item.erp_record_id}


@pytest.fixture
def held(world):
    """Alice's mailbox alone, with 30 deletes held."""
    world.run("sync", "alice@example.test", check=0)
    world.doomed = delete_many(world)
    result = world.run("sync", "alice@example.test", "--types", "contacts")
    assert result.returncode == 75
    world.hold = world.run("holds", check=0).stdout.split()[0]
    return world


def sync(world):
    return world.run("sync", "alice@example.test", "--types", "contacts", check=0)


def test_a_discarded_plan_is_not_done_and_not_asked_again_while_all_else_goes_on(held):
    held.run("holds", "discard", held.hold, check=0)
    kept = held.erp.contacts(top=1)[0]
    held.erp.put(ContactID=kept["ContactID"]["value"], JobTitle="Goes on")
    sync(held)
    assert held.doomed <= stamps(held), "the records stay"
    title = next(item.job_title for item in mailbox.contacts(held.account("alice")) if item.erp_record_id == kept["id"])
    assert title == "Goes on"
    for arguments in ([], ["--full"]):
        held.run("sync", "alice@example.test", "--types", "contacts", *arguments, check=0)
    assert held.doomed <= stamps(held)
    listed = held.run("holds", check=0).stdout
    assert held.hold in listed and "discarded" in listed and "no holds" in listed
    assert held.run("plan", "alice@example.test", "--types", "contacts", check=0).stdout.count("delete in the mailbox") == 0


def test_a_discarded_plan_can_be_approved_after_all(held):
    held.run("holds", "discard", held.hold, check=0)
    sync(held)
    held.run("holds", "approve", held.hold, check=0)
    sync(held)
    assert not held.doomed & stamps(held)
    assert held.run("holds", "approve", held.hold).returncode == 1, "it was carried out"


def test_more_deletes_after_a_discarded_plan_are_held_anew(held):
    held.run("holds", "discard", held.hold, check=0)
    sync(held)
    more = delete_many(held, 20)
    result = held.run("sync", "alice@example.test", "--types", "contacts")
    assert result.returncode == 75
    second = held.run("holds", check=0).stdout.split()[0]
    assert second != held.hold
    held.run("holds", "approve", second, check=0)
    sync(held)
    assert not more & stamps(held) and held.doomed <= stamps(held)


def test_a_running_daemon_takes_the_decision_too(mounted):
    delete_many(mounted)
    assert mounted.daemon.control("sync", "alice@example.test contacts wait\n") != 0
    hold = next(path.name for path in (mounted.mount / ".control" / "holds").iterdir())
    mounted.run("holds", "discard", hold, check=0)
    mounted.daemon.sync("alice@example.test contacts wait")
    assert list((mounted.mount / ".control" / "holds").iterdir()) == []
    before = stamps(mounted)
    mounted.run("holds", "approve", hold, check=0)
    mounted.daemon.sync("alice@example.test contacts wait")
    assert len(stamps(mounted)) == len(before) - 30
