"""What is particular to tasks: every field both ways, whose mailbox a task lies in, recurring ones, to-dos in the mount."""

import datetime
import decimal
import pathlib
import subprocess
import sys

import dateutil.rrule
import exchangelib
import icalendar
import kinds
import mailbox
import pytest
from exchangelib.recurrence import AbsoluteMonthlyPattern, DailyRegeneration, WeeklyPattern

pytestmark = pytest.mark.parametrize("world", [("--contacts", "0", "--tasks", "0")], indirect=True)

NOON = "2027-03-08T12:30:00+00:00"


@pytest.fixture
def office(world):
    """Alice's tasks in a folder of their own, Carol's among those of her mailbox."""
    world.policies({"alice": "tasks: {folder: T}", "bob": "tasks: {folder: T}", "carol": "tasks: {direction: both}"})
    world.start()
    world.daemon.sync()
    return world


def tasks(world, subject):
    return kinds.KINDS["tasks"].in_erp(world, subject)


def items(world, person, subject):
    return kinds.sides(world, "tasks", person)[1].find(subject)


def test_every_field_of_a_task_of_the_erp_reaches_the_mailbox(office):
    reminder = {"IsActive": {"value": True}, "RemindAtDate": {"value": "2027-03-08T00:00:00+00:00"}, "RemindAtTime": {"value": NOON}}
    office.erp.put(
        "Task", Summary="Full", Body="<html><body><p>One &amp; two</p><p>three</p></body></html>", StartDate="2027-03-05T00:00:00+00:00",
        DueDate="2027-03-09T00:00:00+00:00", Status="In Process", CompletionPercentage=40, Priority="High", Owner=office.ids["alice"],
        Reminder=reminder)
    office.daemon.sync()
    item = items(office, "alice", "Full")[0]
    assert str(item.body).splitlines() == ["One & two", "three"]
    assert (item.start_date, item.due_date) == (datetime.date(2027, 3, 5), datetime.date(2027, 3, 9))
    assert (item.status, int(item.percent_complete), item.importance, item.categories) == ("InProgress", 40, "High", ["ERP"])
    assert item.reminder_is_set and item.reminder_due_by.isoformat() == NOON
    office.erp.put("Task", NoteID=tasks(office, "Full")[0]["id"], Reminder={"IsActive": {"value": False}}, DueDate=None, Priority="Low")
    office.daemon.sync()
    item = items(office, "alice", "Full")[0]
    assert (item.reminder_is_set, item.due_date, item.importance, item.start_date) == (False, None, "Low", datetime.date(2027, 3, 5))


def test_every_field_of_a_task_of_the_mailbox_reaches_the_erp(office):
    account = office.account("alice")
    item = exchangelib.Task(
        account=account, folder=mailbox.folder(account, "T"), subject="O'Reilly & Söhne", body="One <two>\nthree", importance="Low",
        start_date=datetime.date(2027, 3, 5), due_date=datetime.date(2027, 3, 9), status="WaitingOnOthers", percent_complete=decimal.Decimal(60),
        reminder_is_set=True, reminder_due_by=exchangelib.EWSDateTime.fromisoformat(NOON))
    item.save()
    office.daemon.sync()
    found = tasks(office, "O'Reilly & Söhne")
    assert len(found) == 1
    task = {name: value.get("value") for name, value in found[0].items() if isinstance(value, dict) and "value" in value}
    assert mailbox.plain(task["Body"]) == "One <two>\nthree"
    assert (task["StartDate"][:10], task["DueDate"][:10]) == ("2027-03-05", "2027-03-09")
    assert (task["Status"], task["CompletionPercentage"], task["Priority"]) == ("Pending Approval", 60, "Low")
    assert task["Owner"] == office.ids["alice"]
    reminder = found[0]["Reminder"]
    assert reminder["IsActive"]["value"] and reminder["RemindAtTime"]["value"][:16] == NOON[:16]
    item = items(office, "alice", "O'Reilly & Söhne")[0]
    item.reminder_is_set, item.due_date, item.percent_complete = False, None, decimal.Decimal(80)
    item.save(update_fields=["reminder_is_set", "due_date", "percent_complete"])
    office.daemon.sync()
    task = tasks(office, "O'Reilly & Söhne")[0]
    assert (task["Reminder"]["IsActive"]["value"], task["DueDate"], task["CompletionPercentage"]["value"]) == (False, {}, 80)


def test_a_task_handed_to_somebody_else_changes_the_mailbox_and_stays_in_the_erp(office):
    office.erp.put("Task", Summary="Handed on", Owner=office.ids["alice"])
    office.daemon.sync()
    assert len(items(office, "alice", "Handed on")) == 1 and items(office, "bob", "Handed on") == []
    office.erp.put("Task", NoteID=tasks(office, "Handed on")[0]["id"], Owner=office.ids["bob"])
    office.daemon.sync()
    assert items(office, "alice", "Handed on") == [] and len(items(office, "bob", "Handed on")) == 1
    assert [task["Owner"]["value"] for task in tasks(office, "Handed on")] == [office.ids["bob"]]
    office.erp.put("Task", NoteID=tasks(office, "Handed on")[0]["id"], Owner=None)
    office.daemon.sync()
    assert items(office, "bob", "Handed on") == [] and len(tasks(office, "Handed on")) == 1


def test_in_the_mailboxes_own_folder_the_category_decides(office):
    account = office.account("carol")
    folder = mailbox.folder(account, "Tasks")
    exchangelib.Task(account=account, folder=folder, subject="Private business").save()
    exchangelib.Task(account=account, folder=folder, subject="For the ERP", categories=["erp"]).save()
    office.daemon.sync()
    assert tasks(office, "Private business") == [] and len(tasks(office, "For the ERP")) == 1
    item = items(office, "carol", "For the ERP")[0]
    item.categories = ["Mine"]
    item.save(update_fields=["categories"])
    office.daemon.sync()
    office.erp.put("Task", NoteID=tasks(office, "For the ERP")[0]["id"], Priority="High")
    office.daemon.sync()
    assert items(office, "carol", "For the ERP")[0].importance == "Normal", "without the category both stay, apart"


def test_the_next_occurrence_of_a_recurring_task_is_a_task_of_its_own(office):
    account = office.account("alice")
    start = datetime.date(2027, 3, 1)
    exchangelib.Task(
        account=account, folder=mailbox.folder(account, "T"), subject="Weekly report", start_date=start, due_date=start,
        recurrence=exchangelib.recurrence.TaskRecurrence(pattern=WeeklyPattern(interval=1, weekdays=["Monday"]), start=start, number=3)).save()
    office.daemon.sync()
    assert len(tasks(office, "Weekly report")) == 1
    for done in (1, 2):
        item = next(item for item in items(office, "alice", "Weekly report") if not item.is_complete)
        item.status = "Completed"
        item.save(update_fields=["status"])
        office.daemon.sync()
        states = sorted((task["StartDate"]["value"][:10], task["Status"]["value"]) for task in tasks(office, "Weekly report"))
        days = ["2027-03-01", "2027-03-08", "2027-03-15"][:done + 1]
        assert states == list(zip(days, ["Completed"] * done + ["Open"]))
    open_task = next(task for task in tasks(office, "Weekly report") if task["Status"]["value"] == "Open")
    office.erp.put("Task", NoteID=open_task["id"], Status="Completed")
    office.daemon.sync()
    assert [item.is_complete for item in items(office, "alice", "Weekly report")] == [True] * 3, "the third was the last"


@pytest.mark.parametrize("applied", [True, False])
def test_a_creation_whose_answer_is_lost_makes_one_task(office, applied):
    account = office.account("alice")
    exchangelib.Task(account=account, folder=mailbox.folder(account, "T"), subject="Once", body="text").save()
    office.control.fault("erp", kind="dropAnswer" if applied else "failure", method="PUT")
    office.daemon.control("sync", "all wait\n")
    for line in ("all wait", "all full wait"):
        office.daemon.sync(line)
    assert len(tasks(office, "Once")) == 1 and len(items(office, "alice", "Once")) == 1


def test_a_task_of_somebody_else_is_never_taken_for_one_that_a_lost_answer_made(office):
    account = office.account("alice")
    office.erp.put("Task", Summary="Call back", Owner=office.ids["bob"])
    office.erp.put("Task", Summary="Call back", Owner=office.ids["alice"], Priority="High")
    exchangelib.Task(account=account, folder=mailbox.folder(account, "T"), subject="Call back").save()
    office.control.fault("erp", kind="failure", method="PUT")
    office.daemon.control("sync", "all wait\n")
    for line in ("all wait", "all full wait"):
        office.daemon.sync(line)
    assert sorted((task["Owner"]["value"], task["Priority"]["value"]) for task in tasks(office, "Call back")) == sorted(
        [(office.ids["bob"], "Normal"), (office.ids["alice"], "High"), (office.ids["alice"], "Normal")])
    assert sorted(item.importance for item in items(office, "alice", "Call back")) == ["High", "Normal"]
    assert len(items(office, "bob", "Call back")) == 1


def test_a_lost_cache_doubles_no_task(office):
    for number in range(3):
        office.erp.put("Task", Summary=f"Kept {number}", Owner=office.ids["alice"])
    office.daemon.sync()
    office.daemon.close()
    office.sandbox.store.unlink()
    office.control.clear()
    office.start()
    office.daemon.sync()
    # The lost cache takes the mailboxes again that it had.
    writes = [write for write in office.control.writes() if write != "UpdateUserConfiguration"]
    assert writes == ["GetItem"] and len(office.erp.records("Task")) == 3


def test_the_mount_shows_to_dos_that_icalendar_and_todoman_read(office):
    office.erp.put(
        "Task", Summary="Call, the; bank", Body="<p>First line</p><p>second; line</p>", StartDate="2027-03-05T00:00:00+00:00",
        DueDate="2027-03-09T00:00:00+00:00", Status="In Process", CompletionPercentage=40, Priority="High", Owner=office.ids["alice"],
        Reminder={"IsActive": {"value": True}, "RemindAtDate": {"value": NOON}, "RemindAtTime": {"value": NOON}})
    office.erp.put("Task", Summary="Done already", Status="Completed", Owner=office.ids["alice"])
    office.daemon.sync()
    folder = office.mount / "alice@example.test" / "T"
    todos = {}
    for path in folder.glob("*.ics"):
        calendar = icalendar.Calendar.from_ical(path.read_bytes())
        assert not calendar.errors and len(calendar.todos) == 1
        todos[path.name] = calendar.todos[0]
    todo = todos["Call, the; bank.ics"]
    assert (str(todo["SUMMARY"]), str(todo["DESCRIPTION"])) == ("Call, the; bank", "First line\nsecond; line")
    assert (todo["DTSTART"].dt, todo["DUE"].dt) == (datetime.date(2027, 3, 5), datetime.date(2027, 3, 9))
    assert (todo["STATUS"], todo["PERCENT-COMPLETE"], todo["PRIORITY"], todo["CATEGORIES"].cats) == ("IN-PROCESS", 40, 1, ["ERP"])
    assert str(todo["UID"]) == tasks(office, "Call, the; bank")[0]["id"]
    alarm = todo.walk("VALARM")[0]
    assert (alarm["ACTION"], alarm["TRIGGER"].dt.isoformat()) == ("DISPLAY", NOON)
    done = todos["Done already.ics"]
    assert (done["STATUS"], done["PERCENT-COMPLETE"]) == ("COMPLETED", 100)
    assert done["COMPLETED"].dt.date() == datetime.datetime.now(datetime.UTC).date()
    assert "Call, the; bank" in listed(office, folder) and "Done already" not in listed(office, folder)
    assert "Done already" in listed(office, folder, "--status", "COMPLETED")


RECURRING = {
    # subject: pattern, number of occurrences; the days that are shown from 2027-03-01, a Monday, on.
    "Weekly": (WeeklyPattern(interval=2, weekdays=["Monday", "Thursday"]), 4, ["2027-03-01", "2027-03-04", "2027-03-15", "2027-03-18"]),
    "Monthly": (AbsoluteMonthlyPattern(interval=1, day_of_month=1), 3, ["2027-03-01", "2027-04-01", "2027-05-01"]),
    "After completion": (DailyRegeneration(interval=3), 3, None),
}


def test_the_mount_shows_the_series_of_a_recurring_task(office):
    account = office.account("alice")
    start = datetime.date(2027, 3, 1)
    for subject, (pattern, number, _) in RECURRING.items():
        exchangelib.Task(
            account=account, folder=mailbox.folder(account, "T"), subject=subject, start_date=start, due_date=start,
            recurrence=exchangelib.recurrence.TaskRecurrence(pattern=pattern, start=start, number=number)).save()
    office.daemon.sync()
    folder = office.mount / "alice@example.test" / "T"

    def todo(subject):
        calendar = icalendar.Calendar.from_ical((folder / f"{subject}.ics").read_bytes())
        assert not calendar.errors
        return calendar.todos[0]

    def days(subject):
        first = datetime.datetime.combine(todo(subject)["DTSTART"].dt, datetime.time())
        return [day.date().isoformat() for day in dateutil.rrule.rrulestr(todo(subject)["RRULE"].to_ical().decode(), dtstart=first)]

    for subject, (_, _, expected) in RECURRING.items():
        if expected is None:
            assert "RRULE" not in todo(subject), "what begins when somebody is done has no rule"
        else:
            assert days(subject) == expected
    assert all(subject in listed(office, folder) for subject in RECURRING)
    item = items(office, "alice", "Weekly")[0]
    item.status = "Completed"
    item.save(update_fields=["status"])
    office.daemon.sync()
    shown = {path.name: icalendar.Calendar.from_ical(path.read_bytes()).todos[0] for path in folder.glob("Weekly*.ics")}
    assert sorted((todo["STATUS"], "RRULE" in todo) for todo in shown.values()) == [("COMPLETED", False), ("NEEDS-ACTION", True)]
    left = next(todo for todo in shown.values() if "RRULE" in todo)
    first = datetime.datetime.combine(left["DTSTART"].dt, datetime.time())
    rest = [day.date().isoformat() for day in dateutil.rrule.rrulestr(left["RRULE"].to_ical().decode(), dtstart=first)]
    assert rest == ["2027-03-04", "2027-03-15", "2027-03-18"]


def listed(office, folder, *options):
    """What todoman lists of a folder."""
    home = office.directory / "todoman"
    home.mkdir(exist_ok=True)
    (home / "config.py").write_text(f'path = "{folder}"\ncache_path = "{home}/cache.sqlite3"\ndate_format = "%Y-%m-%d"\ntime_format = "%H:%M"\n')
    program = pathlib.Path(sys.executable).parent / "todo"
    result = subprocess.run([program, "--config", home / "config.py", "list", *options], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return result.stdout
