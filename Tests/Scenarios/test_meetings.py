"""Meetings: created once, told once, answered, and never a message that nobody asked for. The sandbox's outbox counts what was sent."""

import datetime

import exchangelib
import icalendar
import kinds
import pytest
from exchangelib.items import SEND_TO_ALL_AND_SAVE_COPY, SEND_TO_NONE

EMPTY = ("--contacts", "0", "--tasks", "0", "--events", "0", "--emails", "0")
PEOPLE = ["alice", "bob", "carol"]
GUESTS = ["bob@example.test", "carol@example.test", "guest@outside.test"]


def configured(world):
    """An event that stands by itself beside those of a test: that the last one is gone would be taken for a fault of the ERP."""
    world.policies({person: "category: {name: ERP, color: blue}\n    events: {direction: both}" for person in PEOPLE})
    kinds.Events().create_in_erp(world, "carol", "Standing", "always")


@pytest.fixture
def office(world):
    """Three people whose calendars are synchronized with the ERP, and have been once."""
    configured(world)
    world.run("sync", check=0)
    return world


pytestmark = pytest.mark.parametrize("world", [EMPTY], indirect=True)


def meeting(world, title, start=None, guests=GUESTS, **fields):
    start = start or kinds.soon()
    return world.erp.put(
        "Event", owner=world.ids["alice"], Summary=title, StartDate=start.isoformat(), EndDate=(start + datetime.timedelta(hours=1)).isoformat(),
        Attendees=[{"Email": {"value": guest}} for guest in guests], **fields)


def calendar(world, person, title):
    return [item for item in world.account(person).calendar.all() if (item.subject or "").endswith(title)]


def event(world, title):
    [found] = [record for record in world.erp.records("Event") if record["Summary"]["value"] == title]
    return found


def sync(world, times=1):
    for _ in range(times):
        world.run("sync", check=0)


def sent(world):
    """How many messages of each kind each recipient got."""
    counts = {}
    for kind, to, _ in world.control.outbox():
        counts[kind, to] = counts.get((kind, to), 0) + 1
    return counts


def test_a_meeting_exists_once_everywhere_and_everybody_is_invited_once(office):
    meeting(office, "Kickoff")
    sync(office, 3)
    assert len([record for record in office.erp.records("Event") if record["Summary"]["value"] == "Kickoff"]) == 1
    assert [len(calendar(office, person, "Kickoff")) for person in PEOPLE] == [1, 1, 1]
    assert sent(office) == {("request", guest): 1 for guest in GUESTS}
    [own] = calendar(office, "alice", "Kickoff")
    assert sorted(person.mailbox.email_address for person in own.required_attendees) == GUESTS
    assert calendar(office, "bob", "Kickoff")[0].organizer.email_address == "alice@example.test"


def test_answers_come_to_the_erp_and_bring_no_mail(office):
    meeting(office, "Answers")
    sync(office)
    office.control.empty_outbox()
    for person, answer in [("bob", "accept"), ("carol", "decline")]:
        [request] = [item for item in office.account(person).inbox.all() if item.subject == "Answers"]
        getattr(request, answer)()
    responses = sent(office)
    sync(office, 2)
    statuses = {row["Email"]["value"]: row["InvitationStatus"]["value"] for row in event(office, "Answers")["Attendees"]}
    assert statuses["bob@example.test"] == "Accepted" and statuses["carol@example.test"] == "Declined"
    assert sent(office) == responses == {("response", "alice@example.test"): 2}


def test_a_change_in_the_erp_tells_everybody_once(office):
    meeting(office, "Moved")
    sync(office)
    office.control.empty_outbox()
    later = kinds.soon(days=21)
    office.erp.put("Event", NoteID=event(office, "Moved")["id"], StartDate=later.isoformat(), EndDate=(later + datetime.timedelta(hours=2)).isoformat())
    sync(office, 3)
    assert sent(office) == {("update", guest): 1 for guest in GUESTS}
    assert {item.start for person in PEOPLE for item in calendar(office, person, "Moved")} == {later}


def test_a_guest_more_and_a_guest_less_are_told_alone(office):
    meeting(office, "Guests")
    sync(office)
    office.control.empty_outbox()
    rows = event(office, "Guests")["Attendees"]
    gone = next(row for row in rows if row["Email"]["value"] == "guest@outside.test")
    office.erp.put("Event", NoteID=event(office, "Guests")["id"], Attendees=[{"id": gone["id"], "delete": True}, {"Email": {"value": "late@outside.test"}}])
    sync(office, 2)
    assert sent(office) == {("request", "late@outside.test"): 1, ("cancellation", "guest@outside.test"): 1}


@pytest.mark.parametrize("change", ["reminder", "category", "shown", "nothing"])
def test_what_is_the_organizers_own_affair_tells_nobody(office, change):
    meeting(office, "Quiet")
    sync(office)
    office.control.empty_outbox()
    record = event(office, "Quiet")
    if change == "reminder":
        remind = {"IsActive": {"value": True}, "RemindAtDate": {"value": (kinds.soon() - datetime.timedelta(minutes=30)).isoformat()}}
        office.erp.put("Event", NoteID=record["id"], Reminder=remind)
    elif change == "category":
        office.edit(("name: ERP", "name: Hub"))
    elif change == "shown":
        office.erp.put("Event", NoteID=record["id"], ShowAs="Tentative")
    sync(office, 2)
    office.run("sync", "--full", check=0)
    assert sent(office) == {}
    [own] = calendar(office, "alice", "Quiet")
    if change == "reminder":
        assert own.reminder_is_set and own.reminder_minutes_before_start == 30
    elif change == "shown":
        assert own.legacy_free_busy_status == "Tentative"


def test_a_cancelled_event_is_taken_out_of_the_calendar_and_everybody_is_told_once(office):
    meeting(office, "Off")
    sync(office)
    office.control.empty_outbox()
    office.erp.act(event(office, "Off"), "CancelActivityEvent")
    sync(office, 2)
    assert sent(office) == {("cancellation", guest): 1 for guest in GUESTS}
    assert calendar(office, "alice", "Off") == []
    assert [item.subject for item in office.account("alice").trash.all()] == ["Off"]
    assert event(office, "Off")["Status"]["value"] == "Canceled"


def test_a_completed_event_changes_nothing(office):
    meeting(office, "Done")
    sync(office)
    office.control.empty_outbox()
    office.erp.act(event(office, "Done"), "CompleteEvent")
    office.control.clear()
    sync(office, 2)
    assert sent(office) == {} and len(calendar(office, "alice", "Done")) == 1
    assert set(office.control.writes()) <= {"GetItem"}  # the guests' copies are read once


def test_a_deleted_event_is_cancelled(office):
    meeting(office, "Deleted")
    sync(office)
    office.control.empty_outbox()
    office.erp.delete(event(office, "Deleted"), "Event")
    sync(office, 2)
    assert sent(office) == {("cancellation", guest): 1 for guest in GUESTS}
    assert calendar(office, "alice", "Deleted") == []


def test_an_event_of_the_past_tells_nobody(office):
    meeting(office, "Past", start=kinds.soon(days=-3))
    sync(office)
    office.erp.put("Event", NoteID=event(office, "Past")["id"], Location="Elsewhere")
    sync(office)
    assert calendar(office, "alice", "Past")[0].location == "Elsewhere"
    office.erp.delete(event(office, "Past"), "Event")
    sync(office)
    assert calendar(office, "alice", "Past") == [] and sent(office) == {}


def test_a_first_sync_and_a_rebuild_tell_nobody(world):
    configured(world)
    meeting(world, "Before us")
    sync(world, 2)
    assert sent(world) == {} and len(calendar(world, "alice", "Before us")) == 1
    meeting(world, "With us")
    sync(world)
    assert sent(world) == {("request", guest): 1 for guest in GUESTS}
    world.control.empty_outbox()
    for path in world.directory.glob("cache.db*"):
        path.unlink()
    sync(world, 3)
    assert sent(world) == {}
    for title in ("Before us", "With us"):
        assert len(calendar(world, "alice", title)) == 1 and event(world, title)
    assert len(world.erp.records("Event")) == 3


def test_a_lost_answer_invites_nobody_twice(office):
    meeting(office, "Lost")
    office.control.fault("exchange", kind="dropAnswer", operation="CreateItem")
    office.run("sync")
    sync(office, 2)
    assert [len(calendar(office, person, "Lost")) for person in PEOPLE] == [1, 1, 1]
    assert sent(office) == {("request", guest): 1 for guest in GUESTS}


def test_a_retry_after_a_lost_request_invites_nobody_and_says_so(office):
    """Whether the first try told anybody cannot be known: a message too few is better than one that nobody asked for."""
    meeting(office, "Doubtful")
    office.control.fault("exchange", kind="timeout", operation="CreateItem", limit=0)
    office.run("sync")
    sync(office, 2)
    assert len(calendar(office, "alice", "Doubtful")) == 1 and sent(office) == {}
    assert "Doubtful: tried again after an answer that was lost, so nobody is told of it" in office.run("log", "-n", "100", check=0).stdout


def test_guests_whom_each_side_adds_or_takes_out_at_the_same_time_are_merged(office):
    meeting(office, "Merged")
    sync(office)
    office.control.empty_outbox()
    [own] = calendar(office, "alice", "Merged")
    own.required_attendees = [person for person in own.required_attendees if person.mailbox.email_address != "carol@example.test"] + [
        exchangelib.Attendee(mailbox=exchangelib.Mailbox(email_address="box@outside.test"), response_type="Unknown")]
    own.save(update_fields=["required_attendees"], send_meeting_invitations=SEND_TO_NONE)
    gone = next(row for row in event(office, "Merged")["Attendees"] if row["Email"]["value"] == "guest@outside.test")
    office.erp.put("Event", NoteID=event(office, "Merged")["id"], Attendees=[{"id": gone["id"], "delete": True}, {"Email": {"value": "erp@outside.test"}}])
    sync(office, 2)
    expected = ["bob@example.test", "box@outside.test", "erp@outside.test"]
    assert sorted(row["Email"]["value"] for row in event(office, "Merged")["Attendees"]) == expected
    assert sorted(person.mailbox.email_address for person in calendar(office, "alice", "Merged")[0].required_attendees) == expected
    assert sent(office) == {("request", "erp@outside.test"): 1, ("cancellation", "guest@outside.test"): 1}, "of what the ERP did alone"


def test_a_guest_without_an_address_stays_in_the_mailbox(office):
    account = office.account("alice")
    name = "/o=First Organization/ou=Exchange Administrative Group/cn=Recipients/cn=room9"
    start = exchangelib.EWSDateTime.from_datetime(kinds.soon())
    exchangelib.CalendarItem(
        account=account, folder=account.calendar, subject="Room", categories=["ERP"], start=start, end=start + datetime.timedelta(hours=1),
        required_attendees=[
            exchangelib.Attendee(mailbox=exchangelib.Mailbox(name="Room 9", email_address=name, routing_type="EX"), response_type="Unknown"),
            exchangelib.Attendee(mailbox=exchangelib.Mailbox(email_address="guest@outside.test"), response_type="Unknown")],
    ).save(send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY)
    sync(office, 2)
    office.control.empty_outbox()
    assert [row["Email"]["value"] for row in event(office, "Room")["Attendees"]] == ["guest@outside.test"]
    office.erp.put("Event", NoteID=event(office, "Room")["id"], Attendees=[{"Email": {"value": "late@outside.test"}}])
    sync(office, 2)
    guests = {person.mailbox.email_address.lower() for person in calendar(office, "alice", "Room")[0].required_attendees}
    assert guests == {name.lower(), "guest@outside.test", "late@outside.test"}
    assert [recipient for _, recipient in sent(office)] == ["late@outside.test"]
    office.start()
    office.daemon.sync()
    [shown] = (office.mount / "alice@example.test" / "Calendar").glob("*Room.ics")
    people = icalendar.Calendar.from_ical(shown.read_bytes()).events[0]["ATTENDEE"]
    assert sorted(map(str, people)) == ["invalid:nomail", "mailto:guest@outside.test", "mailto:late@outside.test"]


def test_a_meeting_made_in_a_mailbox_is_one_event_of_its_organizer(office):
    account = office.account("alice")
    start = exchangelib.EWSDateTime.from_datetime(kinds.soon()).astimezone(exchangelib.EWSTimeZone("America/New_York"))
    exchangelib.CalendarItem(
        account=account, folder=account.calendar, subject="Mine", categories=["ERP"], start=start, end=start + datetime.timedelta(hours=1), location="Room 9",
        required_attendees=["bob@example.test"], optional_attendees=["carol@example.test"]).save(send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY)
    invited = sent(office)
    sync(office, 3)
    record = event(office, "Mine")
    assert record["custom"]["Events"]["OwnerID"]["value"] == office.ids["alice"]
    assert record["StartDate"]["value"].startswith(kinds.soon().strftime("%Y-%m-%dT%H:%M"))
    rows = {row["Email"]["value"]: row["custom"]["Attendees"]["IsOptional"].get("value", False) for row in record["Attendees"]}
    assert rows == {"bob@example.test": False, "carol@example.test": True}
    assert sent(office) == invited == {("request", "bob@example.test"): 1, ("request", "carol@example.test"): 1}
    # The zone that it was made in stays, whatever the ERP changes.
    later = kinds.soon(days=22)
    office.erp.put("Event", NoteID=record["id"], StartDate=later.isoformat(), EndDate=(later + datetime.timedelta(hours=1)).isoformat())
    sync(office)
    [own] = calendar(office, "alice", "Mine")
    assert own.start == later and own._start_timezone.ms_id == "Eastern Standard Time"


def test_an_event_handed_to_a_colleague_moves_between_calendars(office):
    made = meeting(office, "Handed", guests=[])
    sync(office)
    office.erp.put("Event", NoteID=made["id"], owner=office.ids["bob"])
    sync(office, 2)
    assert [len(calendar(office, person, "Handed")) for person in PEOPLE] == [0, 1, 0]
    assert len(office.erp.records("Event")) == 2


def test_whole_days_are_dates_on_both_sides(office):
    office.erp.put(
        "Event", owner=office.ids["alice"], Summary="Fair", AllDay=True, StartDate="2027-03-01T00:00:00+00:00", EndDate="2027-03-03T00:00:00+00:00")
    account = office.account("alice")
    exchangelib.CalendarItem(
        account=account, folder=account.calendar, subject="Holiday", categories=["ERP"], is_all_day=True, start=exchangelib.EWSDate(2027, 3, 28),
        end=exchangelib.EWSDate(2027, 3, 28), _start_timezone=exchangelib.EWSTimeZone("Europe/Berlin"),
        _end_timezone=exchangelib.EWSTimeZone("Europe/Berlin")).save()
    sync(office, 2)
    [fair] = calendar(office, "alice", "Fair")
    assert fair.is_all_day and (fair.start, fair.end) == (exchangelib.EWSDate(2027, 3, 1), exchangelib.EWSDate(2027, 3, 2))
    holiday = event(office, "Holiday")
    assert holiday["AllDay"]["value"] is True
    assert (holiday["StartDate"]["value"][:10], holiday["EndDate"]["value"][:10]) == ("2027-03-28", "2027-03-29")
    office.control.clear()
    sync(office)
    assert office.control.writes() == []


def test_more_invitations_than_the_guard_allows_wait_for_a_decision(office):
    office.edit(("settle: 1s", "settle: 1s, invitations: 5"))
    for number in range(2):
        meeting(office, f"Many {number}")
    office.run("sync")
    assert sent(office) == {} and calendar(office, "alice", "Many 0") == []
    held = office.run("holds", "list", check=0).stdout
    assert "6 invitations, updates and cancellations" in held
    office.run("holds", "approve", held.split()[0], check=0)
    sync(office)
    assert sent(office) == {("request", guest): 2 for guest in GUESTS}


def test_an_event_whose_owner_does_not_synchronize_is_named(office):
    """Carol's calendar is switched off: her meeting has no appointment, and nobody is told of one."""
    office.edit(("email: carol@example.test, policy: carol}", "email: carol@example.test, policy: carol, sync: false}"))
    start = kinds.soon()
    office.erp.put(
        "Event", owner=office.ids["carol"], Summary="Unseen", StartDate=start.isoformat(), EndDate=(start + datetime.timedelta(hours=1)).isoformat(),
        Attendees=[{"Email": {"value": "bob@example.test"}}])
    named = f"'Unseen' has no appointment, and its attendees see none: its owner {office.ids['carol']} does not synchronize events"
    assert named in office.run("plan", check=0).stdout
    sync(office, 2)
    assert calendar(office, "bob", "Unseen") == [] and sent(office) == {}
    assert office.run("log", check=0).stdout.count(named) == 1
    assert named in office.run("status", check=0).stdout
