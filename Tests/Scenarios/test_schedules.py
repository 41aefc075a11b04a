"""Schedules start cycles by themselves: for whom and for what they say, not while paused; the next times are shown."""

import datetime
import json

import kinds
import processes
import pytest

pytestmark = pytest.mark.parametrize("world", [("--contacts", "0", "--tasks", "0", "--events", "0", "--emails", "0")], indirect=True)
SECTIONS = "contacts: {folder: C, filter: owner}\n    tasks: {folder: T}"


@pytest.fixture
def office(world):
    world.policies({"alice": SECTIONS, "bob": SECTIONS})
    world.run("sync", check=0)
    return world


def start(world, *schedules):
    text = world.config.read_text()
    world.config.write_text(text + "schedules:\n" + "".join(f"  - {{{schedule}}}\n" for schedule in schedules))
    world.start()


def arrives(world, kind, person, title):
    kinds.sides(world, kind, person)[0].create(title)
    file = world.mount / f"{person}@example.test" / world.folders[person, kind] / f"{title}.ics"
    processes.until(file.exists, f"'{title}' without being asked for", process=world.daemon.process)


def people(world):
    return {person["employee"].split("@")[0]: person for person in json.loads((world.mount / ".control" / "status.json").read_text())["employees"]}


def test_a_schedule_is_for_its_employees_and_types_alone(office):
    start(office, "name: some, every: 10s, employees: [alice@example.test], types: [tasks]")
    kinds.sides(office, "tasks", "bob")[0].create("for bob")
    kinds.sides(office, "contacts", "alice")[0].create("a contact")
    arrives(office, "tasks", "alice", "a task")
    assert kinds.sides(office, "tasks", "bob")[1].find("for bob") == []
    assert kinds.sides(office, "contacts", "alice")[1].find("a contact") == []
    status = people(office)
    assert status["alice"]["next"] and not status["bob"].get("next")


def test_the_next_time_is_shown(office):
    now = datetime.datetime.now(datetime.UTC)
    start(office, 'name: yearly, cron: "15 3 29 2 *", zone: UTC')
    shown = processes.until(lambda: people(office)["alice"].get("next"), "the next time", process=office.daemon.process)
    leap = next(year for year in range(now.year, now.year + 9)
                if year % 4 == 0 and (year % 100 or year % 400 == 0) and datetime.datetime(year, 2, 29, 3, 15, tzinfo=datetime.UTC) > now)
    assert shown == f"{leap}-02-29T03:15:00Z"
    assert shown in office.daemon.read("status")


def test_nothing_runs_in_a_pause_and_what_came_due_runs_when_it_ends(office):
    start(office, "name: often, every: 10s")
    arrives(office, "tasks", "alice", "before")
    # A round that runs is finished, pause or not.
    office.daemon.sync()
    assert office.daemon.control("ctl", "pause all\n") == 0
    office.control.clear()
    erp, box = kinds.sides(office, "tasks", "alice")
    erp.create("meanwhile")
    processes.until(lambda: not people(office)["alice"].get("next"), "a time that comes due in the pause", process=office.daemon.process)
    assert [entry for entry in office.control.exchange_log() if entry["operation"] == "SyncFolderItems"] == []
    assert office.daemon.control("ctl", "resume all\n") == 0
    file = office.mount / "alice@example.test" / "T" / "meanwhile.ics"
    processes.until(file.exists, "the cycle after the pause", process=office.daemon.process)
