"""exchangelib works with calendars in the sandbox: single events, whole days, series of each pattern, their occurrences."""

import datetime

import exchangelib
import pytest
from exchangelib import CalendarItem, EWSDate, EWSDateTime, EWSTimeZone
from exchangelib.errors import ErrorCalendarOccurrenceIsDeletedFromRecurrence, ErrorItemNotFound, EWSError
from exchangelib.recurrence import (
    AbsoluteMonthlyPattern, AbsoluteYearlyPattern, DailyPattern, Recurrence, RelativeMonthlyPattern, RelativeYearlyPattern, WeeklyPattern)

from strangers import steps

step = steps("exchangelib", "calendar and series")
BERLIN, UTC = EWSTimeZone("Europe/Berlin"), exchangelib.UTC


@pytest.fixture(scope="module")
def calendar(office):
    """A calendar of its own, so that no seeded event stands in it."""
    account = office.first()
    made = exchangelib.folders.Calendar(parent=account.calendar, name="Tried").save()
    yield made
    made.delete()


def berlin(*parts):
    return EWSDateTime(*parts, tzinfo=BERLIN)


def made(calendar, subject, start=berlin(2027, 3, 1, 10), hours=1, **fields):
    return CalendarItem(account=calendar.account, folder=calendar, subject=subject, start=start, end=start + datetime.timedelta(hours=hours), **fields).save()


def read(calendar, item):
    return calendar.get(id=item.id)


def view(calendar, subject, start=berlin(2027, 1, 1), days=700):
    found = calendar.view(start=start, end=start + datetime.timedelta(days=days))
    return sorted((item for item in found if (item.subject or "").startswith(subject)), key=lambda item: item.start)


def test_every_field_comes_back_as_it_was_sent(calendar):
    fields = dict(
        location="Raum <1> & 2", body="Line one\nLine two é", categories=["ERP", "Ünïcode"], legacy_free_busy_status="Tentative", importance="High",
        sensitivity="Private", reminder_is_set=True, reminder_minutes_before_start=45, is_response_requested=False, uid="uid-of-the-test-1")
    with step("create an event with every field"):
        item = made(calendar, "Kickoff ü", **fields)
        found = read(calendar, item)
        assert {name: getattr(found, name) for name in fields} == fields
        assert (found.start, found.end) == (berlin(2027, 3, 1, 10), berlin(2027, 3, 1, 11))
    with step("what the server fills in is there"):
        assert (found.type, found.is_meeting, found.is_recurring, found.is_all_day, found.is_cancelled) == ("Single", False, False, False, False)
        assert found.organizer.email_address == calendar.account.primary_smtp_address and found.item_class == "IPM.Appointment"
        assert found._start_timezone == BERLIN and found.last_modified_time and found.duration == "PT1H"
    with step("change the time"):
        key = found.changekey
        found.start, found.end = berlin(2027, 3, 2, 14), berlin(2027, 3, 2, 15, 30)
        found.save(update_fields=["start", "end"])
        again = read(calendar, item)
        assert (again.start, again.end, again.location) == (berlin(2027, 3, 2, 14), berlin(2027, 3, 2, 15, 30), fields["location"]) and again.changekey != key
    with step("clear fields"):
        again.location = again.categories = None
        again.reminder_is_set = False
        again.save(update_fields=["location", "categories", "reminder_is_set"])
        found = read(calendar, item)
        assert (found.location, found.categories, found.reminder_is_set, found.subject) == (None, None, False, "Kickoff ü")
    with step("delete"):
        gone = found.id
        found.delete()
        with pytest.raises((ErrorItemNotFound, exchangelib.errors.DoesNotExist)):
            calendar.get(id=gone)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"])
def test_an_event_keeps_its_zone(calendar, zone):
    with step(f"zone {zone}"):
        zone = EWSTimeZone(zone)
        item = made(calendar, "Zoned", start=EWSDateTime(2027, 7, 1, 9, tzinfo=zone))
        found = read(calendar, item)
        assert found.start == EWSDateTime(2027, 7, 1, 9, tzinfo=zone)
        assert found._start_timezone.ms_id == zone.ms_id
        item.delete()


def test_whole_days(calendar):
    with step("one whole day"):
        item = CalendarItem(account=calendar.account, folder=calendar, subject="Holiday", is_all_day=True, start=EWSDate(2027, 5, 3), end=EWSDate(2027, 5, 3)).save()
        found = read(calendar, item)
        assert (found.is_all_day, found.start, found.end) == (True, EWSDate(2027, 5, 3), EWSDate(2027, 5, 3))
    with step("three whole days"):
        found.end = EWSDate(2027, 5, 5)
        found.save(update_fields=["start", "end", "is_all_day"])
        found = read(calendar, item)
        assert (found.start, found.end) == (EWSDate(2027, 5, 3), EWSDate(2027, 5, 5))
    item.delete()


def test_views(calendar):
    items = [made(calendar, f"View {day}", start=berlin(2027, 6, day, 9)) for day in (1, 2, 3)]
    with step("a view holds what touches its window"):
        assert [item.subject for item in view(calendar, "View", berlin(2027, 6, 2), 1)] == ["View 2"]
        assert [item.subject for item in view(calendar, "View", berlin(2027, 6, 1, 9, 30), 1)] == ["View 1", "View 2"]
    with step("no more than asked for"):
        assert len(list(calendar.view(start=berlin(2027, 6, 1), end=berlin(2027, 6, 4), max_items=2))) == 2
    with step("find by time"):
        assert {item.subject for item in calendar.filter(start__range=(berlin(2027, 6, 2), berlin(2027, 6, 4)))} == {"View 2", "View 3"}
    with step("a window of more than two years is refused"):
        with pytest.raises(EWSError):
            list(calendar.view(start=berlin(2027, 1, 1), end=berlin(2030, 1, 1)))
    for item in items:
        item.delete()


START = datetime.date(2027, 3, 1)  # a Monday
PATTERNS = {
    "daily": (DailyPattern(interval=3), lambda n: START + datetime.timedelta(days=3 * n)),
    "weekly": (WeeklyPattern(interval=2, weekdays=["Monday"], first_day_of_week="Monday"), lambda n: START + datetime.timedelta(days=14 * n)),
    "weekly on two days": (WeeklyPattern(interval=1, weekdays=["Monday", "Thursday"], first_day_of_week="Monday"),
                           lambda n: START + datetime.timedelta(days=7 * (n // 2) + 3 * (n % 2))),
    "monthly on a date": (AbsoluteMonthlyPattern(interval=1, day_of_month=1), lambda n: datetime.date(2027, 3 + n, 1)),
    "monthly on a weekday": (RelativeMonthlyPattern(interval=1, weekday="Monday", week_number="First"),
                             lambda n: [datetime.date(2027, month, day) for month, day in [(3, 1), (4, 5), (5, 3), (6, 7), (7, 5)]][n]),
    "monthly on the last workday": (RelativeMonthlyPattern(interval=1, weekday="Weekday", week_number="Last"),
                                    lambda n: [datetime.date(2027, month, day) for month, day in [(3, 31), (4, 30), (5, 31), (6, 30), (7, 30)]][n]),
    "yearly on a date": (AbsoluteYearlyPattern(day_of_month=1, month="March"), lambda n: datetime.date(2027 + n, 3, 1)),
    "yearly on a weekday": (RelativeYearlyPattern(weekday="Monday", week_number="First", month="March"),
                            lambda n: [datetime.date(2027, 3, 1), datetime.date(2028, 3, 6)][n]),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns(calendar, name):
    pattern, date = PATTERNS[name]
    count = 2 if name.startswith("yearly") else 5
    with step(f"series: {name}"):
        item = made(calendar, "Series", recurrence=Recurrence(pattern=pattern, start=START, number=count))
        found = read(calendar, item)
        assert found.type == "RecurringMaster" and found.recurrence.pattern == pattern and found.recurrence.boundary.number == count
        occurrences = view(calendar, "Series")
        assert [entry.start.astimezone(BERLIN).date() for entry in occurrences] == [date(n) for n in range(count)]
        assert {entry.start.astimezone(BERLIN).hour for entry in occurrences} == {10} and {entry.type for entry in occurrences} == {"Occurrence"}
    item.delete()


@pytest.mark.parametrize(("name", "boundary", "count"), [
    ("number", dict(number=4), 4), ("end", dict(end=datetime.date(2027, 3, 15)), 3), ("no end", {}, 14)])
def test_ends_of_series(calendar, name, boundary, count):
    with step(f"series with {name}"):
        item = made(calendar, "Bounded", recurrence=Recurrence(pattern=WeeklyPattern(interval=1, weekdays=["Monday"]), start=START, **boundary))
        assert type(read(calendar, item).recurrence.boundary) is type(item.recurrence.boundary)
        # From 1 March, 98 days hold 14 Mondays.
        assert len(view(calendar, "Bounded", berlin(2027, 3, 1), 98)) == count
    item.delete()


def test_one_occurrence_and_the_series(calendar):
    item = made(calendar, "Weekly", body="Bring a pen", location="Room 1", recurrence=Recurrence(
        pattern=WeeklyPattern(interval=1, weekdays=["Monday"]), start=START, number=8))
    with step("find the first and the last occurrence"):
        master = read(calendar, item)
        assert (master.first_occurrence.start, master.last_occurrence.start) == (berlin(2027, 3, 1, 10), berlin(2027, 4, 19, 10))
        assert master.modified_occurrences is None and master.deleted_occurrences is None
    with step("an occurrence by its index"):
        second = master.occurrence(index=2)
        second.refresh()
        assert (second.start, second.subject, second.type) == (berlin(2027, 3, 8, 10), "Weekly", "Occurrence")
    with step("the master of an occurrence"):
        entry = view(calendar, "Weekly")[3]
        found = entry.recurring_master()
        found.refresh()
        assert found.id == item.id and found.type == "RecurringMaster"
    with step("change one occurrence"):
        second.subject, second.start, second.end = "Weekly, elsewhere", berlin(2027, 3, 9, 12), berlin(2027, 3, 9, 13)
        second.save(update_fields=["subject", "start", "end"])
        changed = view(calendar, "Weekly")[1]
        assert (changed.type, changed.subject, changed.start, changed.original_start) == (
            "Exception", "Weekly, elsewhere", berlin(2027, 3, 9, 12), berlin(2027, 3, 8, 10))
        assert [(entry.original_start, entry.start) for entry in read(calendar, item).modified_occurrences] == [(berlin(2027, 3, 8, 10), berlin(2027, 3, 9, 12))]
    with step("the change of one occurrence changes the master's change key"):
        assert read(calendar, item).changekey != master.changekey
    with step("delete one occurrence"):
        master.occurrence(index=5).delete()
        assert [entry.start for entry in read(calendar, item).deleted_occurrences] == [berlin(2027, 3, 29, 10)]
        assert len(view(calendar, "Weekly")) == 7
    with step("a deleted occurrence is not found"):
        with pytest.raises(ErrorCalendarOccurrenceIsDeletedFromRecurrence):
            master.occurrence(index=5).refresh()
    with step("an occurrence does not pass its neighbour"):
        third = master.occurrence(index=3)
        third.refresh()
        third.start, third.end = berlin(2027, 4, 5, 14), berlin(2027, 4, 5, 15)
        with pytest.raises(EWSError):
            third.save(update_fields=["start", "end"])
    with step("change the whole series"):
        master.refresh()
        master.location = "Room 2"
        master.save(update_fields=["location"])
        assert {entry.location for entry in view(calendar, "Weekly")} >= {"Room 2"}
    with step("delete the series"):
        master.refresh()
        master.delete()
        assert view(calendar, "Weekly") == []


def test_calendars_are_synchronized_by_series(calendar):
    list(calendar.sync_items())
    state = calendar.item_sync_state
    item = made(calendar, "Synchronized", recurrence=Recurrence(pattern=DailyPattern(interval=1), start=START, number=3))
    with step("a new series is one change"):
        changes = list(calendar.sync_items(sync_state=state))
        assert [(change, entry.subject, entry.type) for change, entry in changes] == [("create", "Synchronized", "RecurringMaster")]
        state = calendar.item_sync_state
    with step("a changed occurrence is a change of the series"):
        second = item.occurrence(index=2)
        second.refresh()
        second.subject = "Synchronized, other"
        second.save(update_fields=["subject"])
        changes = list(calendar.sync_items(sync_state=state))
        assert [(change, entry.id) for change, entry in changes] == [("update", item.id)]
        state = calendar.item_sync_state
    with step("a deleted series is one change"):
        item.refresh()
        item.delete()
        assert [change for change, _ in calendar.sync_items(sync_state=state)] == ["delete"]
