"""Changes are in the mount without waiting for a schedule: mailboxes tell by streaming notifications, the ERP by push notifications."""

import collections
import datetime
import pathlib
import re
import ssl
import subprocess
import tempfile
import urllib.request

import exchangelib
import pytest
import requests

import bench_notifications
import conftest
import mailbox
import processes
import test_emails
import told

SECRET = "a secret of the ERP's push"
# What is promised, event to mount.
PROMISE = 2.0


@pytest.fixture(scope="module")
def listening():
    """One daemon that listens to three mailboxes, for all tests that do not need one of their own."""
    with tempfile.TemporaryDirectory(prefix="concordfs-") as directory:
        made = conftest.World(pathlib.Path(directory))
        try:
            made.edit(told.STREAMING)
            told.listen(made)
            yield made
        finally:
            made.close()


def holds(world, person, folder, text):
    """Whether a file of the folder says so."""
    return any(text in path.read_text() for path in (world.mount / f"{person}@example.test" / folder).iterdir() if path.is_file())


def retitle(world, person, title, index=0):
    item = mailbox.contacts(world.account(person))[index]
    item.job_title = title
    item.save(update_fields=["job_title"])


def make_contact(account):
    exchangelib.Contact(account=account, folder=mailbox.folder(account, "ERP Contacts"), display_name="Told Anew", given_name="Told", surname="Anew").save()


def make_task(account):
    exchangelib.Task(account=account, folder=mailbox.folder(account, "ERP Tasks"), subject="Told of").save()


def make_event(account):
    start = exchangelib.EWSDateTime.now(exchangelib.UTC).replace(microsecond=0) + datetime.timedelta(days=2)
    exchangelib.CalendarItem(account=account, folder=account.calendar, subject="Told of", categories=["ERP"], start=start, end=start + datetime.timedelta(hours=1)).save()


def make_message(account):
    test_emails.SentMessage(
        account=account, folder=mailbox.folder(account, "ERP Mail"), flags=1, mime_content=test_emails.raw(subject="Told of", message_id="<told@other.test>")).save()


def test_the_requests_of_a_connection_keep_to_one_server(listening):
    log = listening.control.exchange_log()
    about = [entry for entry in log if entry["operation"] in ("Subscribe", "GetStreamingEvents") and entry["anchor"]]
    assert [entry["operation"] for entry in about].count("Subscribe") >= 3
    assert len({entry["anchor"] for entry in about}) == 1
    assert about[0]["serverCookie"] == "" and all(entry["serverCookie"] == "X-BackEndOverrideCookie=sandbox~1" for entry in about[1:])
    hanging = [entry for entry in about if entry["operation"] == "GetStreamingEvents"]
    assert len(hanging) <= 4


def test_a_change_in_a_mailbox_is_in_the_mount_within_two_seconds(listening):
    first = listening.people()[0]
    account = listening.account(first)
    for name, make in {"ERP Contacts": make_contact, "ERP Tasks": make_task, "Calendar": make_event, "ERP Mail": make_message}.items():
        folder = listening.mount / f"{first}@example.test" / name
        before = {path.name for path in folder.iterdir()}
        make(account)
        taken = told.seconds_until(lambda: any("Told" in path.read_text() for path in folder.iterdir() if path.name not in before), f"a new file in {name}")
        print(f"{name}: {taken:.2f} s from the answer to the change to the mount")
        assert taken < PROMISE, f"{name}: {taken:.2f} s"
        told.rest(listening)


def test_a_change_wakes_its_mailbox_and_type_alone_and_ends_there(listening):
    first = listening.people()[0]
    listening.control.clear()
    retitle(listening, first, "Head of Being Told")
    assert told.seconds_until(lambda: holds(listening, first, "ERP Contacts", "Head of Being Told"), "the change in the mount") < PROMISE
    told.rest(listening)
    log = listening.control.exchange_log()
    ours = [entry for entry in log if entry["user"] == "concord-sync@example.test"]
    assert ours and {entry["mailbox"] for entry in ours} <= {"", f"{first}@example.test"}
    # The own write and its echo: a bounded number of looks, and none of another type.
    assert 1 <= [entry["operation"] for entry in ours].count("SyncFolderItems") <= 4
    assert {entry["entity"] for entry in listening.control.erp_log()} <= {"Contact", "Employee", ""}


def test_an_idle_mailbox_costs_no_request(listening):
    listening.control.clear()
    told.rest(listening, seconds=3)
    assert listening.control.exchange_log() == [] and listening.control.erp_log() == []


@pytest.mark.parametrize("fault", ["break-streams", "forget-subscriptions"])
def test_what_is_lost_is_made_anew(listening, fault):
    first = listening.people()[0]
    requests.post(f"{listening.sandbox.base}/sandbox/exchange/{fault}").raise_for_status()
    retitle(listening, first, "Told After All")
    told.seconds_until(lambda: holds(listening, first, "ERP Contacts", "Told After All"), "the change in the mount", limit=30)
    told.seconds_until(lambda: told.is_listening(listening, 3), "listening again", limit=30)
    told.rest(listening)


def test_who_is_paused_is_not_woken(listening):
    first, second = listening.people()[:2]
    assert listening.daemon.control("ctl", f"pause {first}@example.test\n") == 0
    listening.control.clear()
    retitle(listening, first, "Not Yet")
    retitle(listening, second, "At Once", index=7)
    told.seconds_until(lambda: holds(listening, second, "ERP Contacts", "At Once"), "the other's change in the mount")
    told.rest(listening)
    assert not holds(listening, first, "ERP Contacts", "Not Yet")
    assert listening.daemon.control("ctl", f"resume {first}@example.test\n") == 0
    listening.daemon.sync()
    assert holds(listening, first, "ERP Contacts", "Not Yet")


def test_a_reload_turns_notifications_off_and_on(listening):
    text = listening.config.read_text()
    listening.config.write_text(text.replace("    notifications: streaming\n", ""))
    assert listening.daemon.control("ctl", "reload\n") == 0
    told.seconds_until(lambda: told.lines(listening) == [], "no more listening")
    listening.config.write_text(text)
    assert listening.daemon.control("ctl", "reload\n") == 0
    told.seconds_until(lambda: told.is_listening(listening, 3), "listening again")


def test_a_busy_server_is_not_asked_for_notifications_before_its_pause_has_ended(world):
    world.edit(told.STREAMING)
    world.control.fault("exchange", kind="serverBusy", operation="GetStreamingEvents", milliseconds=2500)
    world.control.fault("exchange", kind="serverBusy", operation="Subscribe", milliseconds=1200)
    told.listen(world)
    assert [entry for entry in world.control.exchange_log() if entry["isEarly"]] == []
    retitle(world, world.people()[0], "Told In The End")
    told.seconds_until(lambda: holds(world, world.people()[0], "ERP Contacts", "Told In The End"), "the change in the mount")


@pytest.mark.parametrize("world", [("--employees", "8", "--contacts", "2", "--tasks", "0", "--events", "0", "--emails", "0")], indirect=True, ids=["eight"])
def test_mailboxes_that_change_together_are_served_side_by_side_with_one_reading_of_the_erp(world):
    world.edit(told.STREAMING)
    told.listen(world, mailboxes=8)
    people = [person for person in world.people() if (world.mount / f"{person}@example.test" / "ERP Contacts").exists()]
    accounts = {person: world.account(person) for person in people}
    items = [
        exchangelib.Contact(account=account, folder=mailbox.folder(account, "ERP Contacts"), display_name=person, surname=f"Told-{person}")
        for person, account in accounts.items()]
    assert len(items) > 4
    told.rest(world)
    delay = 1000
    world.control.fault("exchange", kind="delay", operation="SyncFolderItems", milliseconds=delay, count=100)
    world.control.clear()
    for item in items:
        item.save()
    for person in people:
        told.seconds_until(lambda: holds(world, person, "ERP Contacts", f"Told-{person}"), f"{person}'s change in the mount")
    ours = [entry for entry in world.control.exchange_log() if entry["user"] == "concord-sync@example.test"]
    began = sorted(entry["time"] for entry in ours if entry["operation"] == "SyncFolderItems")
    # One after the other they would begin a delay apart.
    assert any(later - earlier < delay / 2 for earlier, later in zip(began, began[2:])), began
    # What was asked a moment ago is not asked again, but who owns the mailbox before it is written to.
    asked = collections.Counter(entry["operation"] for entry in ours)
    assert asked["GetFolder"] == asked["FindFolder"] == 0, asked
    assert asked["GetUserConfiguration"] == asked["UpdateUserConfiguration"], asked
    employees = [entry for entry in world.control.erp_log() if entry["entity"] == "Employee"]
    assert employees == []


# The ERP


def address_of(world):
    return next(iter(re.findall(r"ERP: push notifications at (\S+)", "\n".join(told.lines(world)))), "")


@pytest.fixture(scope="module")
def pushed():
    """One daemon that listens for the ERP's pushes."""
    with tempfile.TemporaryDirectory(prefix="concordfs-") as directory:
        made = conftest.World(pathlib.Path(directory))
        secret = made.directory / "push.secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        try:
            made.edit(("  auth: {username", f"  push: {{listen: \"127.0.0.1:0\", secret: {{file: {secret}}}}}\n  auth: {{username"))
            made.start()
            made.daemon.sync()
            told.rest(made)
            yield made
        finally:
            made.close()


def change_in_erp(world, title):
    contact = world.erp.contacts()[0]
    world.erp.session.put(f"{world.erp.root}/Contact", json={"id": contact["id"], "JobTitle": {"value": title}}).raise_for_status()


BODY = {"Inserted": [{"ContactID": 1}], "Deleted": [], "Query": "Contacts", "CompanyId": "Company", "Id": "5", "TimeStamp": 638}


def test_a_push_of_the_erp_brings_its_change_to_every_mount_within_two_seconds(pushed):
    world, address = pushed, address_of(pushed)
    change_in_erp(world, "Pushed")
    answer = requests.post(address, json=BODY, headers={"X-Concordfs-Secret": SECRET})
    assert answer.status_code == 204
    for person in world.people():
        folder = "ERP Contacts" if (world.mount / f"{person}@example.test" / "ERP Contacts").exists() else "Contacts"
        assert told.seconds_until(lambda: holds(world, person, folder, "Pushed"), f"{person}'s file") < PROMISE
    # Mailboxes are written to, and not asked what changed in them.
    world.control.clear()
    change_in_erp(world, "Pushed Again")
    assert requests.post(f"{address}contacts", data=b"\0 not JSON", headers={"X-Concordfs-Secret": SECRET}).status_code == 204
    told.seconds_until(lambda: holds(world, world.people()[0], "ERP Contacts", "Pushed Again"), "the second change")
    told.rest(world)
    assert "SyncFolderItems" not in [entry["operation"] for entry in world.control.exchange_log()]


@pytest.mark.parametrize("request_", [
    dict(method="POST", headers={}), dict(method="POST", headers={"X-Concordfs-Secret": "a guess of about as much"}),
    dict(method="GET", headers={"X-Concordfs-Secret": SECRET}), dict(method="POST", path="employees", headers={"X-Concordfs-Secret": SECRET}),
], ids=["no secret", "wrong secret", "GET", "unknown path"])
def test_anything_else_is_refused_and_asks_nobody(pushed, request_):
    world, address = pushed, address_of(pushed)
    world.control.clear()
    answer = requests.request(request_["method"], address + request_.get("path", ""), json=BODY, headers=request_["headers"])
    assert answer.status_code in (403, 404, 405) and SECRET not in answer.text
    told.rest(world)
    assert world.control.erp_log() == [] and world.control.exchange_log() == []
    assert SECRET not in world.daemon.read("log") + world.daemon.read("config.yaml")


def test_the_listener_speaks_tls(pushed):
    world = pushed
    certificate, key = world.directory / "push.pem", world.directory / "push.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    key.chmod(0o600)
    world.edit(("  push: {", f"  push: {{certificate: {certificate}, private_key: {{file: {key}}}, "))
    assert world.daemon.control("ctl", "reload\n") == 0
    processes.until(lambda: address_of(world).startswith("https://"), "the listener of the new configuration")
    address = address_of(world)
    change_in_erp(world, "Pushed Over TLS")
    request = urllib.request.Request(address, data=b"{}", headers={"X-Concordfs-Secret": SECRET}, method="POST")
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=certificate)) as answer:
        assert answer.status == 204
    told.seconds_until(lambda: holds(world, world.people()[0], "ERP Contacts", "Pushed Over TLS"), "the change in the mount")
    with pytest.raises(OSError):
        urllib.request.urlopen(urllib.request.Request(address.replace("https", "http"), data=b"{}", headers={"X-Concordfs-Secret": SECRET}))


def test_many_mailboxes_at_rest_ask_for_nothing_and_a_change_in_each_of_some_is_soon_in_the_mount():
    figures = bench_notifications.run(mailboxes=30, changed=8, idle=3)
    print(figures)
    assert figures["idle_requests_per_minute"] == 0
    assert figures["one_change_s"] < PROMISE
    assert figures["p99_s"] < 5 * PROMISE
