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
import requests
from exchangelib import recurrence
from lxml import etree

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


BEGIN, END = datetime.datetime(2026, 1, 1, tzinfo=UTC), datetime.datetime(2027, 1, 1, tzinfo=UTC)
# Whole days have no instants of their own: the window is read a little wider, and what begins in it counts.
MARGIN = datetime.timedelta(days=10)


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


SOAP, MESSAGES, TYPES = (
    "http://schemas.xmlsoap.org/soap/envelope/", "http://schemas.microsoft.com/exchange/services/2006/messages",
    "http://schemas.microsoft.com/exchange/services/2006/types")
FIELDS = "".join(f'<t:FieldURI FieldURI="{name}"/>' for name in (
    "item:Subject", "calendar:Start", "calendar:End", "calendar:IsAllDayEvent"))


def view(world, begin, end):
    """The server's own view: a plain FindItem, as ten thousand whole items would take a client minutes to read."""
    body = f"""<s:Envelope xmlns:s="{SOAP}" xmlns:m="{MESSAGES}" xmlns:t="{TYPES}"><s:Body><m:FindItem Traversal="Shallow">
      <m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>{FIELDS}</t:AdditionalProperties></m:ItemShape>
      <m:CalendarView MaxEntriesReturned="100000" StartDate="{begin:%Y-%m-%dT%H:%M:%SZ}" EndDate="{end:%Y-%m-%dT%H:%M:%SZ}"/>
      <m:ParentFolderIds><t:DistinguishedFolderId Id="calendar"/></m:ParentFolderIds></m:FindItem></s:Body></s:Envelope>"""
    answer = requests.post(
        f"{world.sandbox.base}/EWS/Exchange.asmx", data=body, headers={"Content-Type": "text/xml"}, auth=("alice@example.test", "sandbox-user"))
    answer.raise_for_status()
    for element in etree.fromstring(answer.content).iter(f"{{{TYPES}}}CalendarItem"):
        text = {child.tag.split("}")[1]: child.text for child in element}
        reference = element.find(f"{{{TYPES}}}ItemId")
        yield {"id": reference.get("Id"), "changekey": reference.get("ChangeKey"), "subject": text["Subject"],
               "start": datetime.datetime.fromisoformat(text["Start"]), "end": datetime.datetime.fromisoformat(text["End"]),
               "is_all_day": text["IsAllDayEvent"] == "true"}


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
        except_some(world, account)
        world.start()
        world.daemon.sync()
        try:
            yield world, {name: zone for name, _, zone in combinations}
        finally:
            world.close()


def except_some(world, account):
    """Of each series an occurrence is moved, one deleted, one renamed, as far as there are so many in the year."""
    series = {}
    for entry in sorted(view(world, BEGIN - MARGIN, END + MARGIN), key=lambda entry: entry["start"]):
        series.setdefault(entry["subject"], []).append(entry)
    changed, deleted = [], []
    for entries in series.values():
        for entry, happens in zip(entries[2:3] + entries[4:6], ["moved", "deleted", "renamed"]):
            item = exchangelib.CalendarItem(account=account, folder=account.calendar, id=entry["id"], changekey=entry["changekey"])
            if happens == "deleted":
                deleted.append(item)
            elif happens == "renamed":
                item.subject = entry["subject"] + " (special)"
                changed.append((item, ["subject"]))
            elif entry["is_all_day"]:
                item.location = "Elsewhere"
                changed.append((item, ["location"]))
            else:
                item.start, item.end = (
                    exchangelib.EWSDateTime.from_datetime(entry[end] + datetime.timedelta(minutes=45)) for end in ("start", "end"))
                changed.append((item, ["start", "end"]))
    assert len(changed) > 300 and len(deleted) > 150
    account.bulk_update(changed)
    assert all(result is True for result in account.bulk_delete(deleted))


def shown(world):
    for path in (world.mount / "alice@example.test" / "Calendar").glob("*.ics"):
        yield icalendar.Calendar.from_ical(path.read_bytes())


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
    for entry in view(world, BEGIN - MARGIN, END + MARGIN):
        if BEGIN <= entry["start"] < END:
            instants[bare(entry["subject"])].append((entry["start"], entry["end"], entry["subject"]))
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
