"""Whether both sides and the mount agree, asked by clients that are not ours: each record once, with the same values, in all three."""

import collections
import re

import icalendar
import vobject

import kinds
import mailbox

ENDINGS = {"contacts": "vcf", "tasks": "ics", "events": "ics"}


def name(title):
    """A title without the mark of a conflict's copy, which one side has alone."""
    return re.sub(r" \(conflict copy, [^)]*\)", "", title)


def guests_of_record(record):
    return sorted(row["Email"]["value"].lower() for row in record.get("Attendees") or [])


def guests_of_item(item):
    return sorted(person.mailbox.email_address.lower() for person in (item.required_attendees or []) + (item.optional_attendees or []))


def shown(path, kind):
    """Title, text and guests of a file, by parsers of others."""
    content = path.read_bytes()
    assert path.stat().st_size == len(content), path
    if kind == "contacts":
        card = vobject.readOne(content.decode())
        return name(card.n.value.family), getattr(card, "title", None) and card.title.value, []
    [part] = icalendar.Calendar.from_ical(content).walk("VTODO" if kind == "tasks" else "VEVENT")[:1]
    text = part.get("DESCRIPTION" if kind == "tasks" else "LOCATION")
    guests = part.get("ATTENDEE", [])
    guests = guests if isinstance(guests, list) else [guests]
    return name(str(part["SUMMARY"])), text and mailbox.plain(str(text)), sorted(str(guest).lower().removeprefix("mailto:") for guest in guests)


def records_of(world, person, kind):
    """The ERP's records that are this person's to have."""
    records = world.erp.records(kinds.KINDS[kind].entity)
    if kind == "contacts":
        return records if world.all_contacts else [record for record in records if record["Owner"].get("value") == world.ids[person]]
    if kind == "tasks":
        return [record for record in records if record["Owner"].get("value") == world.ids[person]]
    return [record for record in records if record["custom"]["Events"]["OwnerID"].get("value") == world.ids[person]]


def check(world, person, kind):
    """Each record of the ERP has one item and one file, with the same title, text and guests; and there are no others."""
    adapter = kinds.KINDS[kind]
    records, items = records_of(world, person, kind), kinds.MailboxSide(world, adapter, person).items()
    title = "LastName" if kind == "contacts" else "Summary"
    ids, stamps = sorted(record["id"] for record in records), sorted(item.erp_record_id or "unmarked" for item in items)
    assert stamps == ids, f"{person}'s {kind}: marked items {collections.Counter(stamps)}, records {collections.Counter(ids)}"
    in_erp = {record["id"]: (name(record[title]["value"]), adapter.erp_text(record), guests_of_record(record)) for record in records}
    guests = guests_of_item if kind == "events" else lambda item: []
    in_mailbox = {item.erp_record_id: (name(adapter.title(item)), adapter.item_text(item), guests(item)) for item in items}
    assert in_mailbox == in_erp, f"{person}'s {kind}"
    directory = world.mount / f"{person}@example.test" / world.folders[person, kind]
    in_mount = sorted((shown(path, kind) for path in directory.glob(f"*.{ENDINGS[kind]}")), key=str)
    assert in_mount == sorted(in_erp.values(), key=str), f"{person}'s {kind} in the mount"


def activities(world, **fields):
    answer = world.erp.session.get(f"{world.erp.root}/Email", params={"$expand": "files"})
    answer.raise_for_status()
    return [record for record in answer.json() if all(record[name].get("value") == value for name, value in fields.items())]


def files_of(world, activity):
    return {file["filename"].rsplit("\\", 1)[-1]: world.erp.session.get(world.erp.base + file["href"]).content for file in activity["files"]}


def check_emails(world, people, count):
    """Each message is one activity with the same files, and a file of the mount with the message's bytes."""
    everything = activities(world)
    assert len(everything) == count
    assert len({record["note"]["value"] or record["id"] for record in everything}) == count
    for person, folder in people:
        items = list(mailbox.folder(world.account(person), folder).all())
        assert max(collections.Counter(item.message_id for item in items).values()) == 1, person
        assert len({item.erp_record_id for item in items} - {None}) == len(items), person
        files = list((world.mount / f"{person}@example.test" / folder).glob("*.eml"))
        assert sorted(path.read_bytes() for path in files) == sorted(item.mime_content for item in items), person
        for item in items:
            record = next(record for record in everything if record["id"] == item.erp_record_id)
            assert {file.name: file.content for file in item.attachments} == files_of(world, record), record["Subject"]["value"]
