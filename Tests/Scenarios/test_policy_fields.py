"""Every key of a policy has tests that turn it on and off: the table names them, and no key of the configuration is missing from it.

What contacts and tasks show is in test_policy_effects.py; here is what events and emails do of their own."""

import re

import exchangelib
import kinds
import mailbox
import pytest
import test_conflicts
import test_emails
import test_folder_changes
import test_policy_effects as effects
import test_ways
from test_emails import activities, messages, put_activity, put_message, raw

EMPTY = ("--contacts", "0", "--tasks", "0", "--events", "0", "--emails", "0")
pytestmark = pytest.mark.parametrize("world", [EMPTY], indirect=True)


@pytest.fixture
def calendar(world):
    world.policies({"alice": "events: {direction: both}"})
    world.sync()
    kinds.Events().create_in_erp(world, "alice", "Neighbour", "always")
    return world


def categories(world, title):
    return [item.categories for item in kinds.sides(world, "events", "alice")[1].find(title)]


def test_events_without_category_are_not_marked_and_new_ones_need_no_mark(calendar):
    erp, box = kinds.sides(calendar, "events", "alice")
    erp.create("marked")
    box.create("private business")
    calendar.sync()
    assert categories(calendar, "marked") == [["ERP"]] and erp.titles("private") == []
    calendar.edit(("events: {direction: both}", "events: {direction: both, without_category: true}"))
    box.create("taken")
    erp.create("unmarked")
    calendar.sync()
    assert categories(calendar, "unmarked") == [None] and erp.titles("taken") == ["taken"]
    calendar.edit((", without_category: true", ""))
    box.create("not taken")
    erp.create("marked again")
    calendar.sync()
    assert categories(calendar, "marked again") == [["ERP"]] and erp.titles("not taken") == []
    for title in ("marked", "unmarked", "taken"):
        erp.change(title, "still linked")
    calendar.sync()
    assert [box.texts(title) for title in ("marked", "unmarked", "taken")] == [["still linked"]] * 3
    assert calendar.control.outbox() == []


def test_another_category_marks_events_anew_and_tells_nobody(calendar):
    start = kinds.soon()
    calendar.erp.put(
        "Event", owner=calendar.ids["alice"], Summary="Meeting", StartDate=start.isoformat(), EndDate=kinds.soon(hour=11).isoformat(),
        Attendees=[{"Email": {"value": "guest@outside.test"}}])
    calendar.sync()
    calendar.control.empty_outbox()
    calendar.edit(("category: {name: ERP, color: blue}", "category: {name: CRM, color: green}"))
    calendar.sync()
    assert categories(calendar, "Meeting") == [["CRM"]] and calendar.control.outbox() == []
    assert effects.category_list(calendar) == {"ERP": 7, "CRM": 4}
    calendar.assert_quiet()


def test_another_direction_of_events_carries_what_had_drifted(calendar):
    calendar.edit(("direction: both", "direction: to-exchange"))
    erp, box = kinds.sides(calendar, "events", "alice")
    erp.create("ours")
    calendar.sync()
    box.change("ours", "drifted")
    box.create("theirs")
    calendar.sync()
    assert (erp.texts("ours"), erp.titles("theirs")) == (["first"], [])
    calendar.edit(("direction: to-exchange", "direction: both"))
    calendar.sync()
    assert erp.texts("ours") == ["drifted"]
    calendar.edit(("direction: both", "direction: to-erp"))
    calendar.sync()
    erp.change("ours", "not carried")
    box.change("ours", "carried")
    calendar.sync()
    assert erp.texts("ours") == ["carried"]


def test_events_switched_off_stay_on_both_sides_and_are_told_to_nobody(calendar):
    erp, box = kinds.sides(calendar, "events", "alice")
    for title in ("changed", "deleted here", "deleted there"):
        erp.create(title)
    calendar.sync()
    text = calendar.config.read_text()
    calendar.edit(("    events: {direction: both}\n", "    tasks: {folder: T}\n"))
    erp.change("changed", "while off")
    box.delete("deleted here")
    erp.delete("deleted there")
    calendar.sync()
    assert box.texts("changed") == ["first"] and "deleted here" in erp.titles("") and "deleted there" in box.titles("")
    calendar.config.write_text(text)
    calendar.sync()
    assert box.texts("changed") == ["while off"] and "deleted here" in erp.titles("") and "deleted there" in box.titles("")
    assert calendar.control.outbox() == []
    calendar.assert_quiet()


def test_emails_switched_off_stay_on_both_sides_and_come_once_when_on_again(world):
    world.policies({"alice": "emails: {folder: M, attachments: true}\n    tasks: {folder: T}"})
    world.sync()
    put_message(world, raw("From mailbox", "<box@other.test>"), folder="M")
    put_activity(world, Subject="From ERP")
    world.sync()
    text = world.config.read_text()
    world.edit(("    emails: {folder: M, attachments: true}\n", ""))
    put_message(world, raw("Meanwhile", "<meanwhile@other.test>"), folder="M")
    put_activity(world, Subject="Meanwhile from ERP")
    world.sync()

    def both():
        return (sorted(activity["Subject"]["value"] for activity in activities(world)),
                sorted(item.subject for item in messages(world, folder="M")))

    assert both() == (["From ERP", "From mailbox", "Meanwhile from ERP"], ["From ERP", "From mailbox", "Meanwhile"])
    world.config.write_text(text)
    world.sync()
    assert both() == (["From ERP", "From mailbox", "Meanwhile", "Meanwhile from ERP"],) * 2
    world.assert_quiet()


def test_create_contacts_switched_on_makes_contacts_from_then_on(world):
    world.policies({"alice": "emails: {folder: M}\n    contacts: {folder: C}"})
    world.sync()
    put_message(world, raw("Before", "<before@other.test>", sender="Early <early@other.test>"), folder="M")
    world.sync()
    assert world.erp.contacts() == []
    world.edit(("folder: M", "folder: M, create_contacts: true"))
    put_message(world, raw("After", "<after@other.test>", sender="Late Comer <late@other.test>"), folder="M")
    world.sync(2)
    made = [contact["Email"].get("value") for contact in world.erp.contacts()]
    assert made.count("late@other.test") == 1, made
    world.edit((", create_contacts: true", ""))
    put_message(world, raw("Off", "<off@other.test>", sender="Never <never@other.test>"), folder="M")
    world.sync()
    assert sorted(contact["Email"].get("value") for contact in world.erp.contacts()) == sorted(made)


def test_attachments_switched_on_travel_from_then_on(world):
    world.policies({"alice": "emails: {folder: M}"})
    world.sync()

    def with_file(subject):
        account = world.account("alice")
        item = exchangelib.Message(account=account, folder=mailbox.folder(account, "M"), subject=subject, body="x", to_recipients=["alice@example.test"])
        item.attach(exchangelib.FileAttachment(name="a.txt", content=b"content"))
        item.flags = 1
        item.save()
        put_activity(world, files=[("b.txt", b"bytes")], Subject=f"{subject} in ERP")

    counts = []
    for place, setting in enumerate(["M", "M, attachments: true", "M, attachments: false"]):
        world.edit(("{folder: M" + ("" if place != 2 else ", attachments: true") + "}", "{folder: " + setting + "}"))
        with_file(f"Mail {place}")
        world.sync()
        counts.append((len(activities(world, Subject=f"Mail {place}")[0]["files"]),
                       sum(len(item.attachments) for item in messages(world, folder="M") if item.subject == f"Mail {place} in ERP")))
    assert counts == [(0, 0), (1, 1), (0, 0)]


def test_who_no_longer_owns_a_record_of_a_workgroup_has_left_it_by_the_next_full_cycle(world):
    """The contract names no members: an owner is always one of the record's workgroup, and that is all there is to learn from."""
    world.policies({"alice": "contacts: {folder: C, filter: workgroup}", "bob": "contacts: {folder: C, filter: owner}"})
    hers = world.erp.put(LastName="Hers", Owner=world.ids["alice"], Workgroup="Service")
    world.erp.put(LastName="Colleague's", Owner=world.ids["bob"], Workgroup="Service")
    world.erp.put(LastName="Own", Owner=world.ids["alice"], Workgroup="Sales")
    world.sync()
    box = kinds.sides(world, "contacts", "alice")[1]
    assert box.titles("") == ["Colleague's", "Hers", "Own"]
    world.erp.put(ContactID=hers["ContactID"]["value"], Owner=world.ids["bob"])
    world.sync()
    assert box.titles("") == ["Colleague's", "Hers", "Own"], "one record handed over proves nothing yet"
    world.run("sync", "--full", check=0)
    world.sync()
    assert box.titles("") == ["Own"] and len(world.erp.contacts()) == 3, "they left the mailbox, the ERP keeps them"
    assert world.account("alice").trash.all().count() == 2
    world.assert_quiet()


TABLE = {
    "name": [effects.test_name_and_description_are_shown],
    "description": [effects.test_name_and_description_are_shown],
    "category.name": [effects.test_another_category_marks_the_items_anew, test_another_category_marks_events_anew_and_tells_nobody,
                      test_emails.test_a_changed_category_re_marks_what_was_exported_and_nothing_else],
    "category.color": [effects.test_the_colour_of_a_category_is_corrected_only_where_it_is_ours],
    "conflict": [test_conflicts.test_a_conflict],
    "contacts": [effects.test_a_type_switched_off_leaves_both_sides_and_doubles_nothing_when_it_is_on_again],
    "contacts.folder": [effects.test_another_folder_takes_the_linked_items_along, effects.test_from_a_folder_of_its_own_to_the_mailboxes_and_back],
    "contacts.without_category": [effects.test_without_category_marks_nothing_and_takes_new_items_without_a_mark],
    "contacts.direction": [effects.test_another_direction_carries_what_had_drifted, test_ways.test_a_record],
    "contacts.filter": [effects.test_the_filter_decides_whose_contacts_are_in_a_mailbox,
                        test_who_no_longer_owns_a_record_of_a_workgroup_has_left_it_by_the_next_full_cycle],
    "contacts.merge_by_email": [effects.test_merge_by_email_links_what_has_the_same_address],
    "contacts.contact_class": [effects.test_a_contact_of_a_mailbox_gets_the_policys_class],
    "contacts.erp_link": [effects.test_the_link_to_the_erp_comes_and_goes_with_the_setting],
    "tasks": [effects.test_a_type_switched_off_leaves_both_sides_and_doubles_nothing_when_it_is_on_again],
    "tasks.folder": [effects.test_another_folder_takes_the_linked_items_along, effects.test_from_a_folder_of_its_own_to_the_mailboxes_and_back],
    "tasks.without_category": [effects.test_without_category_marks_nothing_and_takes_new_items_without_a_mark],
    "tasks.direction": [effects.test_another_direction_carries_what_had_drifted, test_ways.test_a_record],
    "events": [test_events_switched_off_stay_on_both_sides_and_are_told_to_nobody],
    "events.folder": [test_folder_changes.test_another_calendar_takes_the_linked_events_along],
    "events.without_category": [test_events_without_category_are_not_marked_and_new_ones_need_no_mark],
    "events.direction": [test_another_direction_of_events_carries_what_had_drifted, test_ways.test_a_record],
    "emails": [test_emails_switched_off_stay_on_both_sides_and_come_once_when_on_again],
    "emails.folder": [test_folder_changes.test_another_mail_folder_takes_the_linked_messages_along],
    "emails.attachments": [test_attachments_switched_on_travel_from_then_on],
    "emails.create_contacts": [test_create_contacts_switched_on_makes_contacts_from_then_on],
}


def keys(text):
    """The keys of a policy as `policy show` writes it: two levels, the category on one line."""
    parent = None
    for line in text.splitlines():
        indent, name, value = re.fullmatch(r"( *)(\w+):(.*)", line).groups()
        parent = parent if indent else name
        yield f"{parent}.{name}" if indent else name
        yield from (f"{name}.{part}" for part in re.findall(r"(\w+):", value) if value.startswith(" {"))


def test_no_key_of_a_policy_is_missing_from_the_table(world):
    """`policy show` fills in every key; those without a default are given, and a key that is not known is a fault."""
    world.policies({"alice": (
        "description: All of it\n    conflict: erp\n    contacts: {folder: C, contact_class: PROSPECT, erp_link: 'https://erp.test/?id={ContactID}'}\n"
        "    tasks: {folder: T}\n    events: {folder: E}\n    emails: {folder: M}")})
    shown = set(keys(world.run("policy", "show", "alice", check=0).stdout))
    assert shown - {"category"} == set(TABLE)
    world.edit(("    tasks: {folder: T}", "    tasks: {folder: T, unheard_of: 1}"))
    refused = world.run("check")
    assert refused.returncode == 78
    allowed = refused.stdout + refused.stderr
    assert "unheard_of" in allowed and all(key.split(".")[1] in allowed for key in TABLE if key.startswith("tasks."))
