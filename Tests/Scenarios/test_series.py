"""Recurring series: shown whole in the mount, carried to the ERP occurrence by occurrence, never made anew."""

import datetime
import pathlib
import subprocess
import sys
import zoneinfo

import exchangelib
import icalendar
import kinds
import pytest
import recurring_ical_events
from exchangelib.items import SEND_TO_ALL_AND_SAVE_COPY
from exchangelib.recurrence import Recurrence, WeeklyPattern

EMPTY = ("--contacts", "0", "--tasks", "0", "--events", "0", "--emails", "0")
BERLIN = exchangelib.EWSTimeZone("Europe/Berlin")
UTC = datetime.timezone.utc

pytestmark = pytest.mark.parametrize("world", [EMPTY], indirect=True)


@pytest.fixture
def office(world):
    world.policies({person: "category: {name: ERP, color: blue}\n    events: {direction: both}" for person in ("alice", "bob")})
    # A neighbour in each calendar: that the only record is gone proves nothing.
    for person in ("alice", "bob"):
        kinds.Events().create_in_erp(world, person, f"Neighbour of {person}", "always")
    world.run("sync", check=0)
    return world


def weekly(world, subject="Review", weeks=10, days_ahead=3, **fields):
    """A series of alice's on one weekday, at ten o'clock in Berlin, begun some days from now."""
    account = world.account("alice")
    start = exchangelib.EWSDateTime.from_datetime(kinds.soon(days=days_ahead)).astimezone(BERLIN).replace(hour=10)
    weekday = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"][start.weekday()]
    item = exchangelib.CalendarItem(
        account=account, folder=account.calendar, subject=subject, categories=["ERP"], start=start, end=start + datetime.timedelta(hours=1),
        recurrence=Recurrence(pattern=WeeklyPattern(interval=1, weekdays=[weekday]), start=start.date(), number=weeks), **fields)
    item.save(send_meeting_invitations=SEND_TO_ALL_AND_SAVE_COPY)
    return item


def occurrences(world, person="alice"):
    now = exchangelib.EWSDateTime.from_datetime(kinds.soon(days=-60))
    found = world.account(person).calendar.view(start=now, end=now + datetime.timedelta(days=400))
    return sorted((item for item in found if item.type != "Single"), key=lambda item: item.start)


def masters(world, person="alice"):
    return [item for item in world.account(person).calendar.all() if item.type == "RecurringMaster"]


def entities(world, subject="Review"):
    found = [record for record in world.erp.records("Event") if record["Summary"]["value"].startswith(subject)]
    return sorted(found, key=lambda record: record["StartDate"]["value"])


def starts(records):
    return [datetime.datetime.fromisoformat(record["StartDate"]["value"]) for record in records]


def shift(item, **by):
    item.start, item.end = item.start + datetime.timedelta(**by), item.end + datetime.timedelta(**by)
    item.save(update_fields=["start", "end"])


def sync(world, times=2):
    for _ in range(times):
        world.run("sync", check=0)


def test_each_occurrence_in_the_window_is_one_event_in_the_erp(office):
    weekly(office, weeks=40)
    sync(office)
    end = datetime.datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + datetime.timedelta(days=181)
    expected = [item.start for item in occurrences(office) if item.start < end]
    assert 20 < len(expected) < 40 and starts(entities(office)) == expected
    assert {record["custom"]["Events"]["OwnerID"]["value"] for record in entities(office)} == {office.ids["alice"]}
    assert masters(office)[0].modified_occurrences is None
    office.control.clear()
    sync(office)
    assert office.control.writes() == []


def test_a_changed_event_changes_its_occurrence_alone(office):
    weekly(office)
    sync(office)
    before = [item.start for item in occurrences(office)]
    moved = entities(office)[2]
    later = starts([moved])[0] + datetime.timedelta(hours=3)
    office.erp.put("Event", NoteID=moved["id"], StartDate=later.isoformat(), EndDate=(later + datetime.timedelta(hours=1)).isoformat(), Location="Roof")
    sync(office)
    after = occurrences(office)
    assert [item.start for item in after] == before[:2] + [later] + before[3:]
    assert [item.location for item in after].count("Roof") == 1 and after[2].type == "Exception"
    assert len(masters(office)) == 1 and len(entities(office)) == 10
    office.control.clear()
    sync(office)
    assert office.control.writes() == []


def test_a_changed_occurrence_changes_its_event_alone(office):
    weekly(office)
    sync(office)
    item = occurrences(office)[4]
    item.subject, item.start, item.end = "Review of the year", item.start - datetime.timedelta(hours=1), item.end - datetime.timedelta(hours=1)
    item.save(update_fields=["subject", "start", "end"])
    sync(office)
    changed = [record for record in entities(office) if record["Summary"]["value"] == "Review of the year"]
    assert starts(changed) == [item.start] and len(entities(office)) == 10
    assert starts(entities(office)) == [item.start for item in occurrences(office)]


def test_a_deleted_event_takes_out_its_occurrence_and_the_reverse(office):
    weekly(office)
    sync(office)
    dates = starts(entities(office))
    office.erp.delete(entities(office)[1], "Event")
    occurrences(office)[7].delete()
    sync(office)
    left = dates[:1] + dates[2:7] + dates[8:]
    assert starts(entities(office)) == left == [item.start for item in occurrences(office)]
    assert len(masters(office)) == 1


def test_a_series_moved_as_a_whole_keeps_its_events(office):
    weekly(office)
    sync(office)
    ids = [record["id"] for record in entities(office)]
    shift(masters(office)[0], hours=2)
    sync(office)
    assert [record["id"] for record in entities(office)] == ids
    assert starts(entities(office)) == [item.start for item in occurrences(office)]


def test_an_occurrence_on_another_day_keeps_its_event_when_its_series_moves(office):
    weekly(office)
    sync(office)
    ids = [record["id"] for record in entities(office)]
    shift(occurrences(office)[4], days=1)
    sync(office)
    # Exchange puts the occurrence back to its day by that; another one is moved before anything is read.
    shift(masters(office)[0], hours=2)
    shift(occurrences(office)[6], days=1)
    sync(office)
    assert [record["id"] for record in entities(office)] == ids
    assert starts(entities(office)) == [item.start for item in occurrences(office)]


@pytest.mark.parametrize("days_ahead, days", [(-34, 5), (-27, -5)], ids=["into the window", "out of the window"])
def test_an_occurrence_moved_over_the_end_of_the_window_keeps_its_event_when_a_new_hour_puts_it_back(office, days_ahead, days):
    weekly(office, days_ahead=days_ahead)
    sync(office)
    shift(occurrences(office)[0], days=days)
    sync(office)
    ids = [record["id"] for record in entities(office)]
    assert len(ids) == 10
    shift(masters(office)[0], hours=2)
    sync(office)
    assert [record["id"] for record in entities(office)] == ids
    assert starts(entities(office)) == [item.start for item in occurrences(office)]
    office.control.clear()
    sync(office)
    assert office.control.writes() == []


def test_a_series_in_another_calendar_is_let_go_and_takes_no_event_along(office):
    weekly(office, weeks=6)
    sync(office)
    account = office.account("alice")
    other = exchangelib.folders.Calendar(parent=account.calendar, name="Other")
    other.save()
    masters(office)[0].move(other)
    office.control.clear()
    sync(office)
    assert len(entities(office)) == 6 and set(office.control.writes()) <= {"GetItem"}
    for master in [item for item in other.all() if item.type == "RecurringMaster"]:
        master.move(account.calendar)
    sync(office)
    assert len(entities(office)) == 6 and len(occurrences(office)) == 6
    office.control.clear()
    sync(office)
    assert office.control.writes() == []


def test_a_deleted_series_takes_its_events_along(office):
    weekly(office, weeks=6)
    sync(office)
    assert len(entities(office)) == 6
    masters(office)[0].move_to_trash()
    sync(office)
    assert entities(office) == []
    assert not list((office.mount).glob("*/Calendar/*Review*"))


def test_a_rebuild_pairs_occurrences_with_their_events_those_of_long_ago_too(office):
    weekly(office, weeks=30, days_ahead=-70)
    # An event of an occurrence that has left the window since: as if it had been carried in its time.
    old = occurrences(office)[0]
    office.erp.put("Event", owner=office.ids["alice"], Summary="Review", StartDate=old.start.isoformat(), EndDate=old.end.isoformat())
    for path in office.directory.glob("cache.db*"):
        path.unlink()
    sync(office, 1)
    count = len(entities(office))
    for _ in range(2):
        for path in office.directory.glob("cache.db*"):
            path.unlink()
        sync(office, 3)
        assert len(entities(office)) == count and len(masters(office)) == 1
        assert sorted(item.subject for item in office.account("alice").calendar.all()) == ["Neighbour of alice", "Review"]
    assert office.control.outbox() == []


def test_a_meeting_series_is_in_the_erp_once_and_tells_only_of_what_the_erp_changed(office):
    weekly(office, required_attendees=["bob@example.test"])
    sent = len(office.control.outbox())
    sync(office, 3)
    assert len(entities(office)) == 10 and len(masters(office, "bob")) == 1
    assert len(office.control.outbox()) == sent == 1
    moved = entities(office)[3]
    later = starts([moved])[0] + datetime.timedelta(hours=2)
    office.erp.put("Event", NoteID=moved["id"], StartDate=later.isoformat(), EndDate=(later + datetime.timedelta(hours=1)).isoformat())
    sync(office)
    assert [(kind, to) for kind, to, _ in office.control.outbox()[sent:]] == [("update", "bob@example.test")]
    assert [item.start for item in occurrences(office, "bob")] == [item.start for item in occurrences(office)] == starts(entities(office))


def test_the_mount_shows_the_series_with_its_exceptions(office):
    weekly(office)
    items = occurrences(office)
    items[1].subject = "Review outside"
    items[1].save(update_fields=["subject"])
    items[2].delete()
    office.start()
    office.daemon.sync()
    folder = office.mount / "alice@example.test" / "Calendar"
    [path] = folder.glob("*Review*.ics")
    assert path.name == f"{items[0].start.astimezone(zoneinfo.ZoneInfo('Europe/Berlin')).date()} Review.ics"
    calendar = icalendar.Calendar.from_ical(path.read_bytes())
    assert [component.name for component in calendar.subcomponents] == ["VTIMEZONE", "VEVENT", "VEVENT"]
    shown = recurring_ical_events.of(calendar).between(items[0].start - datetime.timedelta(days=1), items[-1].start + datetime.timedelta(days=1))
    assert sorted((event["DTSTART"].dt.astimezone(UTC), str(event["SUMMARY"])) for event in shown) == [
        (datetime.datetime.fromtimestamp(item.start.timestamp(), UTC), item.subject) for item in occurrences(office)]
    assert {component["UID"] for component in calendar.walk("VEVENT")} == {masters(office)[0].uid}


def test_khal_lists_what_is_there(office):
    weekly(office, weeks=3)
    kinds.Events().create_in_erp(office, "alice", "Single one", "Room 3")
    office.start()
    office.daemon.sync()
    folder = office.mount / "alice@example.test" / "Calendar"
    config = office.directory / "khal.conf"
    config.write_text(f"[calendars]\n[[work]]\npath = {folder}\nreadonly = True\n[sqlite]\npath = {office.directory}/khal.db\n[locale]\n"
                      "local_timezone = Europe/Berlin\ndefault_timezone = Europe/Berlin\ntimeformat = %H:%M\ndateformat = %Y-%m-%d\n"
                      "longdateformat = %Y-%m-%d\ndatetimeformat = %Y-%m-%d %H:%M\nlongdatetimeformat = %Y-%m-%d %H:%M\n")
    khal = pathlib.Path(sys.executable).parent / "khal"
    listed = subprocess.run([khal, "-c", config, "list", "--format", "{start-date} {start-time} {title}", "--day-format", "", "today", "40d"],
                            capture_output=True, text=True, check=True).stdout.splitlines()
    listed = [line for line in listed if line.strip()]
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    expected = [item.start.astimezone(berlin).strftime("%Y-%m-%d %H:%M Review") for item in occurrences(office)]
    expected += [kinds.soon().astimezone(berlin).strftime(f"%Y-%m-%d %H:%M {title}") for title in ("Neighbour of alice", "Single one")]
    assert sorted(line.strip() for line in listed) == sorted(expected)
