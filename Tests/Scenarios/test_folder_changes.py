"""A policy that names another folder takes its linked events and emails along: nothing is doubled, nothing is lost, nobody gets mail.

Contacts and tasks: test_policy_effects.py."""

import datetime

import exchangelib
import kinds
import mailbox
import pytest
from exchangelib.recurrence import DailyPattern, Recurrence
from test_emails import activities, messages, put_activity, put_message, raw

EMPTY = ("--contacts", "0", "--tasks", "0", "--events", "0", "--emails", "0")
UTC = exchangelib.EWSTimeZone("UTC")
GUEST = "guest@outside.test"


# Events


@pytest.fixture
def calendar(world):
    """A meeting of the ERP, an appointment and a series of the mailbox with one occurrence moved and one taken out, in the calendar E."""
    world.policies({"alice": "events: {folder: E}"})
    world.sync()
    start = kinds.soon()
    world.erp.put(
        "Event", owner=world.ids["alice"], Summary="Meeting", StartDate=start.isoformat(), EndDate=(start + datetime.timedelta(hours=1)).isoformat(),
        Attendees=[{"Email": {"value": GUEST}}])
    kinds.sides(world, "events", "alice")[1].create("Appointment")
    account = world.account("alice")
    first = exchangelib.EWSDateTime.from_datetime(start + datetime.timedelta(days=1)).astimezone(UTC)
    exchangelib.CalendarItem(
        account=account, folder=mailbox.folder(account, "E"), subject="Series", start=first, end=first + datetime.timedelta(hours=1),
        recurrence=Recurrence(pattern=DailyPattern(interval=1), start=first.date(), number=6)).save()
    shifted = occurrences(world, "E")[2]
    shifted.start += datetime.timedelta(hours=3)
    shifted.end += datetime.timedelta(hours=3)
    shifted.save(update_fields=["start", "end"])
    occurrences(world, "E")[4].delete()
    world.sync(2)
    assert [item["Summary"]["value"] for item in entities(world)] == ["Appointment", "Meeting"] + ["Series"] * 5
    world.control.empty_outbox()
    return world


def occurrences(world, folder, subject="Series"):
    now = exchangelib.EWSDateTime.from_datetime(kinds.soon(days=-2)).astimezone(UTC)
    found = mailbox.folder(world.account("alice"), folder).view(start=now, end=now + datetime.timedelta(days=60))
    return sorted((item for item in found if item.subject == subject), key=lambda item: item.start)


def entities(world):
    return sorted(world.erp.records("Event"), key=lambda record: (record["Summary"]["value"], record["StartDate"]["value"]))


def content(records):
    names = ("Summary", "StartDate", "EndDate", "Status")
    return [(record["id"], *(record[name].get("value") for name in names)) for record in records]


def subjects(world, folder):
    return sorted(item.subject for item in mailbox.folder(world.account("alice"), folder).all())


def rename(world, old, new):
    world.edit((f"folder: {old}", f"folder: {new}"))
    world.folders["alice", "events"] = new


@pytest.mark.parametrize("world", [EMPTY], indirect=True)
def test_another_calendar_takes_the_linked_events_along(calendar):
    private = exchangelib.CalendarItem(
        account=calendar.account("alice"), folder=mailbox.folder(calendar.account("alice"), "E"), subject="Dentist", sensitivity="Private",
        start=exchangelib.EWSDateTime.from_datetime(kinds.soon()), end=exchangelib.EWSDateTime.from_datetime(kinds.soon(hour=11)))
    private.save()
    calendar.sync()
    before, times = content(entities(calendar)), [item.start for item in occurrences(calendar, "E")]
    calendar.start()
    calendar.daemon.sync()
    files = sorted(path.name for path in (calendar.mount / "alice@example.test" / "E").glob("*.ics"))
    rename(calendar, "E", "F")
    plan = calendar.run("plan", "alice@example.test", check=0).stdout
    assert plan.count("the policy's folder is 'F' now") == 7 and "create" not in plan and "delete" not in plan
    assert calendar.daemon.control("ctl", "reload\n") == 0
    calendar.daemon.sync()
    calendar.daemon.sync()
    assert (subjects(calendar, "E"), subjects(calendar, "F")) == (["Dentist"], ["Appointment", "Meeting", "Series"])
    assert content(entities(calendar)) == before, "the ERP has what it had"
    assert [item.start for item in occurrences(calendar, "F")] == times
    assert calendar.control.outbox() == [], "nobody is told"
    assert sorted(path.name for path in (calendar.mount / "alice@example.test" / "F").glob("*.ics")) == files
    assert not (calendar.mount / "alice@example.test" / "E").exists()
    calendar.assert_quiet()
    assert calendar.control.outbox() == []


@pytest.mark.parametrize("world", [EMPTY], indirect=True)
@pytest.mark.parametrize("lost", [None, 1, 2], ids=["all answers", "first answer lost", "second answer lost"])
def test_after_the_move_events_are_still_linked(calendar, lost):
    before = content(entities(calendar))
    rename(calendar, "E", "F")
    if lost:
        # The links that move by themselves go in one request, the series in the next.
        if lost == 2:
            calendar.control.fault("exchange", kind="delay", operation="MoveItem", milliseconds=1)
        calendar.control.fault("exchange", kind="dropAnswer", operation="MoveItem")
        assert calendar.run("sync").returncode != 0
    calendar.sync(2)
    assert content(entities(calendar)) == before and subjects(calendar, "F") == ["Appointment", "Meeting", "Series"]
    erp, box = kinds.sides(calendar, "events", "alice")
    box.change("Appointment", "changed in the mailbox")
    erp.change("Meeting", "changed in the ERP")
    second, third = occurrences(calendar, "F")[1:3]
    second.location = "occurrence in the mailbox"
    second.save(update_fields=["location"])
    [entity] = [record for record in entities(calendar) if record["Summary"]["value"] == "Series" and third.start == datetime.datetime.fromisoformat(record["StartDate"]["value"])]
    calendar.erp.put("Event", NoteID=entity["id"], Location="occurrence in the ERP")
    calendar.sync(2)
    assert (erp.texts("Appointment"), box.texts("Meeting")) == (["changed in the mailbox"], ["changed in the ERP"])
    assert [item.location for item in occurrences(calendar, "F")] == [None, "occurrence in the mailbox", "occurrence in the ERP", None, None]
    assert sorted(record["Location"].get("value") or "" for record in entities(calendar) if record["Summary"]["value"] == "Series") == [
        "", "", "", "occurrence in the ERP", "occurrence in the mailbox"]
    assert calendar.control.outbox() == [("update", GUEST, "Meeting")], "what a user of the ERP changed is told, the moves are not"
    box.delete("Appointment")
    erp.delete("Meeting")
    occurrences(calendar, "F")[0].delete()
    calendar.sync(2)
    assert [record["Summary"]["value"] for record in entities(calendar)] == ["Series"] * 4 and subjects(calendar, "F") == ["Series"]


@pytest.mark.parametrize("world", [EMPTY], indirect=True)
def test_a_series_that_went_while_the_calendar_changed_keeps_its_records(calendar):
    [series] = [item for item in mailbox.folder(calendar.account("alice"), "E").all() if item.subject == "Series"]
    series.move_to_trash()
    rename(calendar, "E", "F")
    calendar.sync(2)
    assert [record["Summary"]["value"] for record in entities(calendar)] == ["Appointment", "Meeting"] + ["Series"] * 5
    assert "5 occurrences of series were not found" in calendar.run("log", "-n", "50", check=0).stdout
    calendar.assert_quiet()


# Emails


@pytest.fixture
def mail(world):
    world.policies({"alice": "emails: {folder: M, attachments: true}"})
    world.sync()
    put_message(world, raw("From mailbox", "<box@other.test>"), folder="M")
    put_activity(world, files=[("offer.pdf", b"%PDF-1.4 offer")], Subject="From ERP")
    world.sync()
    assert sorted(activity["Subject"]["value"] for activity in activities(world)) == ["From ERP", "From mailbox"]
    assert sorted(item.subject for item in messages(world, folder="M")) == ["From ERP", "From mailbox"]
    return world


@pytest.mark.parametrize("world", [EMPTY], indirect=True)
@pytest.mark.parametrize("is_lost", [False, True], ids=["answered", "answer lost"])
def test_another_mail_folder_takes_the_linked_messages_along(mail, is_lost):
    before = sorted(activity["id"] for activity in activities(mail))
    content = {item.subject: item.mime_content for item in messages(mail, folder="M")}
    mail.edit(("folder: M", "folder: N"))
    plan = mail.run("plan", "alice@example.test", check=0).stdout
    assert plan.count("the policy's folder is 'N' now") == 2 and "create" not in plan
    if is_lost:
        mail.control.fault("exchange", kind="dropAnswer", operation="MoveItem")
        assert mail.run("sync").returncode != 0
    mail.sync(2)
    assert messages(mail, folder="M") == []
    assert {item.subject: item.mime_content for item in messages(mail, folder="N")} == content, "byte for byte"
    assert sorted(activity["id"] for activity in activities(mail)) == before, "nothing is carried a second time"
    put_message(mail, raw("Later", "<later@other.test>"), folder="N")
    put_message(mail, raw("Too late", "<late@other.test>"), folder="M")
    put_activity(mail, Subject="Later from ERP")
    mail.sync()
    assert sorted(item.subject for item in messages(mail, folder="N")) == ["From ERP", "From mailbox", "Later", "Later from ERP"]
    assert sorted(activity["Subject"]["value"] for activity in activities(mail)) == ["From ERP", "From mailbox", "Later", "Later from ERP"]
    mail.start()
    mail.daemon.sync()
    shown = sorted(path.read_bytes() for path in (mail.mount / "alice@example.test" / "N").glob("*.eml"))
    assert shown == sorted(item.mime_content for item in messages(mail, folder="N")) and not (mail.mount / "alice@example.test" / "M").exists()
    mail.assert_quiet()
    assert [sent for sent in mail.control.outbox()] == []
