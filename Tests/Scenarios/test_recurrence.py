"""Every zone with every pattern and exceptions: the files of the mount, expanded by a library that is not ours, give the instants of the
server's own view."""

import datetime
import itertools
import pathlib
import tempfile
import zoneinfo

import conftest
import exchangelib
import icalendar
import pytest
import recurring_ical_events
from exchangelib import recurrence

UTC = datetime.timezone.utc
ZONES = [
    "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney", "Europe/London",
    "Pacific/Auckland", "Africa/Casablanca", "America/St_Johns", "Asia/Tehran", "Etc/UTC",
]
START = datetime.date(2025, 12, 30)
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
# Each pattern with the times of its first day.
PATTERNS = {
    "daily": recurrence.DailyPattern(interval=1),
    "every third day": recurrence.DailyPattern(interval=3),
    "weekly": recurrence.WeeklyPattern(interval=1, weekdays=["Friday"]),
    "weekly on three days": recurrence.WeeklyPattern(interval=1, weekdays=["Monday", "Wednesday", "Friday"]),
    "every second week, weeks from Sunday": recurrence.WeeklyPattern(interval=2, weekdays=["Sunday", "Friday"], first_day_of_week="Sunday"),
    "every second week, weeks from Monday": recurrence.WeeklyPattern(interval=2, weekdays=["Sunday", "Friday"], first_day_of_week="Monday"),
    "every fifth week": recurrence.WeeklyPattern(interval=5, weekdays=["Tuesday"]),
    "working days": recurrence.WeeklyPattern(interval=1, weekdays=DAYS[:5]),
    "monthly on the 30th": recurrence.AbsoluteMonthlyPattern(interval=1, day_of_month=30),
    "monthly on the 31st": recurrence.AbsoluteMonthlyPattern(interval=1, day_of_month=31),
    "monthly on the 29th": recurrence.AbsoluteMonthlyPattern(interval=1, day_of_month=29),
    "every second month on the 15th": recurrence.AbsoluteMonthlyPattern(interval=2, day_of_month=15),
    "second Tuesday": recurrence.RelativeMonthlyPattern(interval=1, weekday="Tuesday", week_number="Second"),
    "last Friday": recurrence.RelativeMonthlyPattern(interval=1, weekday="Friday", week_number="Last"),
    "last working day": recurrence.RelativeMonthlyPattern(interval=1, weekday="Weekday", week_number="Last"),
    "first weekend day of every third month": recurrence.RelativeMonthlyPattern(interval=3, weekday="WeekendDay", week_number="First"),
    "third day of the month": recurrence.RelativeMonthlyPattern(interval=1, weekday="Day", week_number="Third"),
    "last day of the month": recurrence.RelativeMonthlyPattern(interval=1, weekday="Day", week_number="Last"),
    "yearly on the leap day": recurrence.AbsoluteYearlyPattern(month="February", day_of_month=29),
    "yearly in October": recurrence.AbsoluteYearlyPattern(month="October", day_of_month=25),
    "last Sunday of March": recurrence.RelativeYearlyPattern(weekday="Sunday", week_number="Last", month="March"),
    "first working day of the year": recurrence.RelativeYearlyPattern(weekday="Weekday", week_number="First", month="January"),
}
RANGES = [{"number": 40}, {"end": datetime.date(2026, 12, 20)}, {}]
# Whatever the hour, daylight saving changes fall into some of them.
HOURS = [0, 2, 9, 23]


def series(account, name, pattern, zone, index):
    """A series; every fifth lasts whole days."""
    tz = exchangelib.EWSTimeZone(zone)
    limits = {"start": START, **RANGES[index % 3]}
    rule = recurrence.Recurrence(pattern=pattern, **limits)
    if index % 5 == 4:
        return exchangelib.CalendarItem(
            account=account, folder=account.calendar, subject=name, categories=["ERP"], is_all_day=True, start=exchangelib.EWSDate.from_date(START),
            end=exchangelib.EWSDate.from_date(START + datetime.timedelta(days=index % 2)), _start_timezone=tz, _end_timezone=tz, recurrence=rule)
    start = exchangelib.EWSDateTime(START.year, START.month, START.day, HOURS[index % 4], 30, tzinfo=tz)
    return exchangelib.CalendarItem(
        account=account, folder=account.calendar, subject=name, categories=["ERP"], start=start, end=start + datetime.timedelta(minutes=90),
        recurrence=rule)


def instant(value, zone):
    """An instant; of whole days their first midnight in the series' zone."""
    if isinstance(value, datetime.datetime):
        return datetime.datetime.fromtimestamp(value.timestamp(), UTC)
    return datetime.datetime(value.year, value.month, value.day, tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(UTC)


def view(account, begin, end):
    """The server's own view, in pieces that a view allows."""
    found, edge = {}, begin
    while edge < end:
        next_edge = min(edge + datetime.timedelta(days=30), end)
        for item in account.calendar.view(
                start=exchangelib.EWSDateTime.from_datetime(edge), end=exchangelib.EWSDateTime.from_datetime(next_edge)).only(
                    "subject", "start", "end", "type", "is_all_day", "_start_timezone"):
            found[item.id] = item
        edge = next_edge
    return list(found.values())


@pytest.fixture(scope="module")
def calendars():
    """All combinations in one calendar; of each series the third occurrence is moved, the fifth deleted, the sixth renamed."""
    with tempfile.TemporaryDirectory(prefix="concordfs-") as directory:
        world = conftest.World(
            pathlib.Path(directory), "--contacts", "0", "--tasks", "0", "--events", "0", "--emails", "0", "--employees", "1")
        # What is looked at is what Exchange has and the mount shows.
        world.control.quiet()
        world.policies({"alice": "category: {name: ERP, color: blue}\n    events: {direction: to-exchange}"})
        account = world.account("alice")
        combinations = [(f"{pattern} in {zone}", rule, zone) for zone, (pattern, rule) in itertools.product(ZONES, PATTERNS.items())]
        items = [series(account, name, rule, zone, index) for index, (name, rule, zone) in enumerate(combinations)]
        account.bulk_create(folder=account.calendar, items=items)
        for item in account.calendar.all().only("subject", "start", "end", "is_all_day"):
            except_some(item)
        world.start()
        world.daemon.sync()
        try:
            yield world, {name: zone for name, _, zone in combinations}
        finally:
            world.close()


def except_some(master):
    for index, happens in [(3, "moved"), (5, "deleted"), (6, "renamed")]:
        try:
            item = master.occurrence(index)
            item.refresh()
        except exchangelib.errors.ResponseMessageError:
            return  # a series shorter than that
        if happens == "deleted":
            item.delete()
        elif happens == "renamed":
            item.subject += " (special)"
            item.save(update_fields=["subject"])
        elif item.is_all_day:
            item.location = "Elsewhere"
            item.save(update_fields=["location"])
        else:
            item.start, item.end = item.start + datetime.timedelta(minutes=45), item.end + datetime.timedelta(minutes=45)
            item.save(update_fields=["start", "end"])


def shown(world):
    for path in (world.mount / "alice@example.test" / "Calendar").glob("*.ics"):
        yield icalendar.Calendar.from_ical(path.read_bytes())


BEGIN, END = datetime.datetime(2026, 1, 1, tzinfo=UTC), datetime.datetime(2027, 1, 1, tzinfo=UTC)
# Whole days have no instants of their own: the window is read a little wider, and what begins in it counts.
MARGIN = datetime.timedelta(days=10)


def expanded(calendar, zone, counts=lambda event: True):
    found = (
        (instant(event["DTSTART"].dt, zone), instant(event["DTEND"].dt, zone), str(event["SUMMARY"]))
        for event in recurring_ical_events.of(calendar).between(BEGIN - MARGIN, END + MARGIN) if counts(event))
    return sorted(entry for entry in found if BEGIN <= entry[0] < END)


def exists(value, zone):
    """Whether a clock ever shows the time: not in the hour that daylight saving time skips."""
    if not isinstance(value, datetime.datetime):
        return True
    local = value.replace(tzinfo=zoneinfo.ZoneInfo(zone))
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) == value.replace(tzinfo=None)


def bare(name):
    return name.removesuffix(" (special)")


@pytest.fixture(scope="module")
def year(calendars):
    """What the server says of a year, by series."""
    world, zones = calendars
    instants = {name: [] for name in zones}
    for item in view(world.account("alice"), BEGIN - MARGIN, END + MARGIN):
        zone = zones[bare(item.subject)]
        last = item.end + datetime.timedelta(days=1) if item.is_all_day else item.end
        if BEGIN <= instant(item.start, zone) < END:
            instants[bare(item.subject)].append((instant(item.start, zone), instant(last, zone), item.subject))
    return instants


def test_every_series_gives_the_instants_of_the_servers_view(calendars, year):
    world, zones = calendars
    assert sum(map(len, year.values())) > 10_000
    seen = set()
    for calendar in shown(world):
        [name] = {bare(str(event["SUMMARY"])) for event in calendar.walk("VEVENT") if "RRULE" in event}
        seen.add(name)
        assert expanded(calendar, zones[name]) == sorted(year[name]), name
    assert seen == set(zones) and len(zones) == len(ZONES) * len(PATTERNS) >= 200


def test_the_written_zones_alone_give_the_same_instants(calendars):
    """Under names that no zone database has, readers have nothing but the VTIMEZONE. Times that no clock shows are left out: there this
    reader departs from RFC 5545 section 3.3.5."""
    world, zones = calendars
    count = 0
    for calendar in shown(world):
        if not calendar.walk("VTIMEZONE"):
            continue
        renamed = icalendar.Calendar.from_ical(calendar.to_ical().replace(b"TZID:", b"TZID:Written-").replace(b"TZID=", b"TZID=Written-"))
        [name] = {bare(str(event["SUMMARY"])) for event in renamed.walk("VEVENT") if "RRULE" in event}
        def counts(event, zone=zones[name]):
            return exists(event["DTSTART"].dt, zone) and exists(event["DTEND"].dt, zone)
        assert expanded(renamed, zones[name], counts) == expanded(calendar, zones[name], counts), name
        count += 1
    assert count > 150
