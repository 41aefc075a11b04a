"""Exchange accounts: several in one configuration, active or not, batch sizes, logging levels, whose policy an employee has."""

import json

import kinds
import pytest

pytestmark = pytest.mark.parametrize("world", [("--contacts", "0", "--tasks", "0", "--events", "0", "--emails", "0")], indirect=True)
SECTIONS = "contacts: {folder: C, filter: owner}\n    tasks: {folder: T}"
KINDS = ("contacts", "tasks")


@pytest.fixture
def office(world):
    world.policies({"alice": SECTIONS, "bob": SECTIONS})
    return world


def sync(world, *options):
    return world.run("sync", *options, check=0).stdout


def second_account(world):
    """Bob is reached through an account of his own, alice through the delegate."""
    (world.directory / "bob.secret").write_text("sandbox-user")
    (world.directory / "bob.secret").chmod(0o600)
    server = next(line.split(maxsplit=1)[1] for line in world.config.read_text().splitlines() if line.strip().startswith("server:"))
    account = (f"  - name: Branch\n    email: bob@example.test\n    password: {{file: {world.directory / 'bob.secret'}}}\n"
               f"    auth: basic\n    server: {server}\n    default_policy: bob\n    active: true\n")
    world.edit(("policies:\n", account + "policies:\n"), ("alice@example.test,", "alice@example.test, account: Sandbox,"),
               ("bob@example.test, policy: bob", "bob@example.test, account: Branch"))


def test_each_account_signs_in_by_itself_and_reaches_its_own_employees(office):
    second_account(office)
    for person in ("alice", "bob"):
        for kind in KINDS:
            kinds.sides(office, kind, person)[0].create(f"for {person}")
    office.control.clear()
    sync(office)
    users = {(entry["user"], entry["mailbox"]) for entry in office.control.exchange_log() if entry["operation"] == "CreateItem"}
    assert users == {("concord-sync@example.test", "alice@example.test"), ("bob@example.test", "bob@example.test")}
    for person in ("alice", "bob"):
        for kind in KINDS:
            assert kinds.sides(office, kind, person)[1].titles("for") == [f"for {person}"]
    listed = office.run("account", "list", check=0).stdout
    assert "Sandbox" in listed and "Branch" in listed and listed.count("Exchange") == 2
    steps = office.run("test", "Branch", check=0).stdout
    assert "sign in as bob@example.test" in steps and "alice@example.test" not in steps


def test_an_account_that_is_off_is_left_alone_and_doubles_nothing_when_it_is_on_again(office):
    second_account(office)
    erp, box = kinds.sides(office, "tasks", "bob")
    erp.create("kept")
    sync(office)
    office.edit(("    active: true", "    active: false"))
    office.control.clear()
    erp.create("meanwhile")
    sync(office)
    assert {entry["mailbox"] for entry in office.control.exchange_log()} <= {"alice@example.test", ""}
    assert "Branch" in office.run("account", "list", check=0).stdout and "off" in office.run("account", "list", check=0).stdout
    assert "not active" in office.run("test", check=0).stdout
    office.edit(("    active: false", "    active: true"))
    sync(office)
    assert box.titles("") == erp.titles("") == ["kept", "meanwhile"]


def test_the_refused_sign_in_of_one_account_stops_no_other(office):
    second_account(office)
    (office.directory / "bob.secret").write_text("wrong")
    kinds.sides(office, "tasks", "alice")[0].create("for alice")
    result = office.run("sync")
    assert result.returncode != 0
    assert kinds.sides(office, "tasks", "alice")[1].titles("") == ["for alice"]


@pytest.mark.parametrize(("select", "update"), [(3, 2), (100, 25)])
def test_batches_are_no_larger_than_configured(office, select, update):
    office.edit(("    logging: informational", f"    logging: informational\n    select_batch: {select}\n    update_batch: {update}"))
    for number in range(7):
        kinds.sides(office, "contacts", "alice")[0].create(f"number {number}")
    office.control.clear()
    sync(office, "alice@example.test", "--types", "contacts")
    log = office.control.exchange_log()
    created = [entry["items"] for entry in log if entry["operation"] == "CreateItem"]
    # Batches go side by side, so the last may arrive before another.
    assert sorted(created, reverse=True) == {2: [2, 2, 2, 1], 25: [7]}[update]
    store = office.sandbox.store
    for suffix in ("", "-wal", "-shm"):
        store.with_name(store.name + suffix).unlink(missing_ok=True)
    office.control.clear()
    sync(office, "alice@example.test", "--types", "contacts")
    read = [entry["items"] for entry in office.control.exchange_log() if entry["operation"] == "GetItem"]
    assert max(read) <= select and sum(read) == 7
    assert len(read) == (3 if select == 3 else 1)


def test_an_employee_without_a_policy_has_that_of_the_account(office):
    office.edit(("alice@example.test, policy: alice", "alice@example.test"), ("default_policy: alice", "default_policy: bob"))
    assert "bob" in office.run("employee", "show", "alice@example.test", check=0).stdout
    kinds.sides(office, "tasks", "alice")[0].create("by default")
    sync(office)
    assert kinds.sides(office, "tasks", "alice")[1].titles("") == ["by default"]
    office.edit(("    default_policy: bob\n", ""))
    shown = office.run("employee", "list", check=0).stdout
    assert "no policy" in next(line for line in shown.splitlines() if "alice@example.test" in line)
    kinds.sides(office, "tasks", "alice")[0].create("without a policy")
    sync(office)
    assert kinds.sides(office, "tasks", "alice")[1].titles("") == ["by default"], "both sides stay as they are"


# What an account's log keeps of a cycle that did something, and of one that failed.
LEVELS = {"none": set(), "default": {"error"}, "informational": {"informational", "error"}, "verbose": {"informational", "error"}}


@pytest.mark.parametrize("level", LEVELS)
def test_the_logging_level_says_what_the_log_keeps(office, level):
    office.edit(("    logging: informational", f"    logging: {level}"))
    kinds.sides(office, "tasks", "alice")[0].create("something to do")
    sync(office)
    (office.directory / "exchange.secret").write_text("wrong")
    assert office.run("sync").returncode != 0
    lines = [line for line in office.run("log", check=0).stdout.splitlines() if "alice@example.test" in line]
    assert {line.split()[1] for line in lines} == LEVELS[level]


def test_verbose_tells_what_a_test_only_account_would_have_written(office):
    office.edit(("    logging: informational", "    logging: verbose\n    test_only: true"))
    kinds.sides(office, "tasks", "alice")[0].create("not written")
    sync(office)
    assert "would create not written" in office.run("log", check=0).stdout
    assert office.control.writes() == ["PUT Task"], "that of the test itself"
    assert json.loads(office.run("status", "--json", check=0).stdout)["employees"]
