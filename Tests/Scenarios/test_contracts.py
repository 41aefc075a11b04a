"""The forms of the ERP's contract: end and reminder as date and time apart (Default up to 24.200) or joined (from 25.200 on), whether the
configuration names the endpoint or the engine finds it."""

import datetime

import exchangelib
import kinds
import mailbox
import pytest

APART, JOINED = "24.200.001", "25.200.001"
# erp.endpoint of the configuration: the endpoint that is spoken to, and the form of its contract.
ENDPOINTS = {
    "Default/24.200.001": ("Default/24.200.001", APART),
    "Default/25.200.001": ("Default/25.200.001", JOINED),
    "none": ("Default/25.200.001", JOINED),  # the newest that the site lists
    "Extended/1.0": ("Extended/1.0", JOINED),  # the site's own: its description tells
}
EMPTY = ("--contacts", "0", "--tasks", "0", "--events", "0", "--emails", "0")
LINE = "  endpoint: Default/24.200.001\n"
START = kinds.soon()
HOURS = datetime.timedelta(hours=1)

pytestmark = pytest.mark.parametrize("world", [EMPTY], indirect=True)


@pytest.fixture(params=ENDPOINTS)
def site(world, request):
    world.policies({"alice": "events: {folder: E}\n    tasks: {folder: T}"})
    world.edit((LINE, "" if request.param == "none" else f"  endpoint: {request.param}\n"))
    world.endpoint, world.form = ENDPOINTS[request.param]
    kinds.Events().create_in_erp(world, "alice", "Standing", "always")
    kinds.Tasks().create_in_erp(world, "alice", "Standing", "always")
    world.run("sync", check=0)
    return world


def text(time):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000+00:00")


def wrapped(**fields):
    return {name: {"value": value} for name, value in fields.items()}


def ends(site, end):
    return wrapped(EndDateTime=text(end)) if site.form == JOINED else wrapped(EndDate=text(end), EndTime=text(end))


def reminder(site, time):
    names = ["RemindAtDateTime"] if site.form == JOINED else ["RemindAtDate", "RemindAtTime"]
    return {"Reminder": wrapped(IsActive=True, **{name: text(time) for name in names})}


def put(site, entity, body):
    """Plain HTTP, over the same contract as the engine."""
    answer = site.erp.session.put(f"{site.sandbox.base}/entity/{site.endpoint}/{entity}", json=body)
    answer.raise_for_status()
    return answer.json()["id"]


def read(site, entity, title):
    """One record over the contract in use; its end and its reminder are read from the joined form, which any of them is kept in."""
    query = {"$filter": f"Summary eq '{title}'", "$expand": "Reminder", "$custom": "Events.OwnerID"}
    answer = site.erp.session.get(f"{site.sandbox.base}/entity/Default/{JOINED}/{entity}", params=query)
    answer.raise_for_status()
    return answer.json()


def end(record):
    return datetime.datetime.fromisoformat(record["EndDateTime"]["value"])


def reminded(record):
    row = record["Reminder"]
    return row["IsActive"].get("value") and datetime.datetime.fromisoformat(row["RemindAtDateTime"]["value"])


def event_body(site, title, stop, **more):
    owner = {"Events": {"OwnerID": {"type": "CustomStringField", "value": site.ids["alice"]}}}
    return {**wrapped(Summary=title, StartDate=text(START)), **ends(site, stop), "custom": owner, **more}


def items(site, title, kind="events"):
    return kinds.sides(site, kind, "alice")[1].find(title)


def save(item, **fields):
    for name, value in fields.items():
        setattr(item, name, value)
    item.save(update_fields=list(fields))


def test_events_of_the_erp_come_with_their_end_and_reminder_change_and_go(site):
    id = put(site, "Event", {**event_body(site, "From ERP", START + 2 * HOURS), **reminder(site, START - HOURS / 2)})
    site.sync()
    [item] = items(site, "From ERP")
    assert (item.start, item.end, item.reminder_minutes_before_start) == (START, START + 2 * HOURS, 30)
    put(site, "Event", {"id": id, **ends(site, START + 3 * HOURS), **reminder(site, START - HOURS)})
    site.sync()
    [item] = items(site, "From ERP")
    assert (item.end, item.reminder_minutes_before_start) == (START + 3 * HOURS, 60)
    site.erp.delete({"id": id}, "Event")
    site.sync()
    assert items(site, "From ERP") == []


def test_events_of_a_mailbox_come_with_their_end_and_reminder_change_and_go(site):
    account = site.account("alice")
    exchangelib.CalendarItem(
        account=account, folder=mailbox.folder(account, "E"), subject="From mailbox", start=START, end=START + 1.5 * HOURS,
        reminder_is_set=True, reminder_minutes_before_start=15).save()
    site.sync()
    [record] = read(site, "Event", "From mailbox")
    assert (end(record), reminded(record)) == (START + 1.5 * HOURS, START - HOURS / 4)
    [item] = items(site, "From mailbox")
    save(item, start=START + HOURS, end=START + 4 * HOURS)
    site.sync()
    [record] = read(site, "Event", "From mailbox")
    assert (end(record), reminded(record)) == (START + 4 * HOURS, START + HOURS * 3 / 4), "the reminder goes along with the start"
    save(items(site, "From mailbox")[0], reminder_is_set=False)
    site.sync()
    assert not reminded(read(site, "Event", "From mailbox")[0])
    items(site, "From mailbox")[0].move_to_trash()
    site.sync()
    assert read(site, "Event", "From mailbox") == []


def test_whole_days_keep_their_dates(site):
    day = datetime.datetime.combine(START.date(), datetime.time(), datetime.timezone.utc)
    body = {**event_body(site, "Whole days", day), **wrapped(StartDate=text(day), AllDay=True), **ends(site, day + datetime.timedelta(days=2))}
    put(site, "Event", body)
    account = site.account("alice")
    first = exchangelib.EWSDate.from_date(START.date())
    exchangelib.CalendarItem(
        account=account, folder=mailbox.folder(account, "E"), subject="Days off", is_all_day=True, start=first,
        end=first + datetime.timedelta(days=2)).save()
    site.sync()
    [item] = items(site, "Whole days")
    assert item.is_all_day and (item.start, item.end) == (first, first + datetime.timedelta(days=1)), "exchangelib's end is the last day"
    [record] = read(site, "Event", "Days off")
    assert record["AllDay"]["value"] and end(record) - datetime.datetime.fromisoformat(record["StartDate"]["value"]) == datetime.timedelta(days=3)


def test_reminders_of_tasks_travel_both_ways(site):
    owner = wrapped(Owner=site.ids["alice"])
    put(site, "Task", {**wrapped(Summary="From ERP"), **owner, **reminder(site, START)})
    account = site.account("alice")
    exchangelib.Task(account=account, folder=mailbox.folder(account, "T"), subject="From mailbox", reminder_is_set=True, reminder_due_by=START).save()
    site.sync()
    assert items(site, "From ERP", "tasks")[0].reminder_due_by == START
    assert reminded(read(site, "Task", "From mailbox")[0]) == START
    save(items(site, "From ERP", "tasks")[0], reminder_due_by=START + HOURS)
    site.sync()
    assert reminded(read(site, "Task", "From ERP")[0]) == START + HOURS


def test_one_endpoint_is_spoken_to_and_a_quiet_cycle_writes_nothing(site):
    put(site, "Event", {**event_body(site, "Quiet", START + HOURS), **reminder(site, START - HOURS)})
    site.assert_quiet()
    log = site.control.erp_log()
    assert {entry["path"].split("/")[2:4] == site.endpoint.split("/") for entry in log if entry["entity"] not in ("", "swagger.json")} == {True}
    assert {entry["method"] for entry in log} <= {"GET", "POST"}, "no contract is asked to PATCH, which not every one can"
    asked = [entry["path"] for entry in log if entry["path"] == "/entity" or entry["entity"] == "swagger.json"]
    assert len(asked) == (0 if site.endpoint in site.config.read_text() and site.endpoint != "Extended/1.0" else 1), "a site is asked once"
    tested = site.run("test", check=0).stdout
    assert f"endpoint {site.endpoint}" in tested


def test_patch_is_of_the_newer_contract_alone(world):
    """The sandbox, as other clients find it."""
    made = world.erp.put("Task", Summary="Patched", Priority="High")
    for version, code in [(APART, 405), (JOINED, 200)]:
        url = f"{world.sandbox.base}/entity/Default/{version}/Task"
        assert world.erp.session.patch(url, json={"id": made["id"], "Body": {"value": version}}).status_code == code
    [task] = world.erp.records("Task")
    assert (task["Body"]["value"], task["Priority"]["value"]) == (JOINED, "High")
    missing = {"id": "00000000-0000-4000-8000-000000000000", "Body": {"value": "x"}}
    assert world.erp.session.patch(f"{world.sandbox.base}/entity/Default/{JOINED}/Task", json=missing).status_code == 404


@pytest.mark.parametrize("endpoint, complaint", [("Default/26.200.001", "not found"), ("Nowhere/1.0", "not found")])
def test_an_endpoint_that_is_not_there_is_named(world, endpoint, complaint):
    world.edit((LINE, f"  endpoint: {endpoint}\n"))
    failed = world.run("sync")
    assert failed.returncode != 0 and endpoint in failed.stdout + failed.stderr and complaint in failed.stdout + failed.stderr
