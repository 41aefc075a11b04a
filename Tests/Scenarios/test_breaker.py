"""A mailbox or an account that fails ten times in a row is left alone by schedules, until it works or somebody says so."""

import json

import processes

LIMIT = 10


def person(world, name="alice"):
    report = json.loads(world.daemon.read("status.json"))
    return next(entry for entry in report["employees"] if entry["employee"] == f"{name}@example.test")


def folder_requests(world):
    return len(world.control.exchange_log())


def test_a_wrong_password_is_not_tried_for_ever(world):
    secret = world.directory / "exchange.secret"
    right = secret.read_text()
    secret.write_text("wrong")
    world.start()
    for number in range(LIMIT):
        assert "suspended" not in person(world), f"after {number} failures"
        assert world.daemon.control("sync", "all contacts wait\n") != 0
    assert person(world)["state"] == "suspended"
    said = person(world)["suspended"]
    assert "after 10 failures in a row" in said and "sign-in" in said and "wrong" not in said
    assert said in world.daemon.read("status") and "suspended until" in world.daemon.read("errors")
    assert "left alone until" in world.daemon.read("log")
    world.control.clear()
    assert world.daemon.control("sync", "all contacts wait\n") != 0
    assert folder_requests(world) == 0, "nobody signs in any more"
    # Over a restart, and with the right password: until then, or until somebody says so.
    world.daemon.close()
    secret.write_text(right)
    world.start()
    world.control.clear()
    assert world.daemon.control("sync", "all contacts wait\n") != 0 and folder_requests(world) == 0
    assert world.daemon.control("ctl", "resume all\n") == 0
    assert person(world)["state"] == "idle"
    world.daemon.sync("all contacts wait")


def test_a_request_that_names_the_employee_tries_at_once_and_success_ends_it(world):
    secret = world.directory / "exchange.secret"
    right = secret.read_text()
    secret.write_text("wrong")
    for _ in range(LIMIT):
        assert world.run("sync", "--types", "contacts").returncode == 77
    paused = world.run("sync", "--types", "contacts")
    assert paused.returncode == 75 and "left alone until" in paused.stdout
    secret.write_text(right)
    world.run("sync", "alice@example.test", "--types", "contacts", check=0)
    # The account works: everybody's mailbox is tried again.
    world.run("sync", "--types", "contacts", check=0)
    assert "suspended" not in world.run("status", check=0).stdout
