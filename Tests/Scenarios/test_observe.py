"""What a monitoring system and a curious administrator see: metrics, the log as it grows, JSON."""

import json
import os
import re
import subprocess
import threading

import mailbox
import processes


def metrics(world):
    """Prometheus' text format, read by its grammar; fails on what it does not allow."""
    values, types = {}, {}
    for line in world.daemon.read("metrics").splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert kind in ("gauge", "counter") and name not in types
            types[name] = kind
        elif line.startswith("# HELP "):
            assert len(line.split(" ", 3)) == 4
        else:
            found = re.fullmatch(r'([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\} (-?[0-9.]+)', line)
            assert found and found[1] in types, line
            key = (found[1], tuple(sorted(re.findall(r'([a-z_]+)="([^"]*)"', found[2]))))
            assert key not in values
            values[key] = float(found[3])
    return values


def test_metrics_tell_what_status_tells(mounted):
    found = metrics(mounted)
    report = json.loads(mounted.daemon.read("status.json"))
    for person in report["employees"]:
        labels = (("employee", person["employee"]), ("type", "contacts"))
        assert found[("concordfs_linked_records", labels)] == person["kinds"][0]["linked"] == 60
        assert found[("concordfs_last_cycle_ok", labels)] == 1
        assert found[("concordfs_last_cycle_end_seconds", labels)] > 1.7e9
        assert found[("concordfs_record_errors", (("employee", person["employee"]),))] == 0
        assert found[("concordfs_holds", (("employee", person["employee"]),))] == 0
    for contact in mounted.erp.contacts()[:30]:
        mounted.erp.delete(contact)
    assert mounted.daemon.control("sync", "all wait\n") != 0
    assert metrics(mounted)[("concordfs_holds", (("employee", "alice@example.test"),))] == 1


def test_tail_and_the_command_follow_the_log(mounted):
    """Both started before the change, both show its line, and end when they are told to."""
    seen = {"tail": [], "command": []}
    followers = {
        "tail": subprocess.Popen(["tail", "-n", "0", "-F", str(mounted.mount / ".control" / "log")], stdout=subprocess.PIPE, text=True),
        "command": subprocess.Popen([processes.PROGRAM, "log", "-f", "-n", "0", "-c", str(mounted.config)], stdout=subprocess.PIPE, text=True)}
    readers = [threading.Thread(target=lambda name=name: seen[name].extend(iter(followers[name].stdout.readline, "")), daemon=True) for name in followers]
    try:
        for reader in readers:
            reader.start()
        number = 0
        while not all(seen.values()):
            # A follower that has not started yet misses a line: there comes another.
            number += 1
            assert number < 40, seen
            mounted.erp.put(ContactID=mounted.erp.contacts(top=1)[0]["ContactID"]["value"], JobTitle=f"Number {number}")
            mounted.daemon.sync()
            for name in seen:
                try:
                    processes.until(lambda: seen[name], f"a line for {name}", seconds=1.5)
                except AssertionError:
                    pass
    finally:
        for follower in followers.values():
            follower.terminate()
            follower.wait(20)
    for lines in seen.values():
        assert any("updated-items" in line for line in lines), lines


def test_reading_the_whole_control_directory_ends(mounted):
    for directory in [".control", "alice@example.test/.control"]:
        done = subprocess.run(["grep", "-r", "", str(mounted.mount / directory)], capture_output=True, timeout=30)
        assert done.returncode == 0
    assert sorted(os.listdir(mounted.mount / "alice@example.test" / ".control")) == ["errors", "log", "status", "status.json", "sync"]


def test_an_employees_files_tell_of_that_employee_alone(mounted):
    for name in ["status", "status.json", "log", "errors", "sync"]:
        text = mounted.daemon.read(name, "alice@example.test")
        assert "bob@example.test" not in text and "carol@example.test" not in text, name
    assert "alice@example.test" in mounted.daemon.read("log", "alice@example.test")


def test_what_is_put_in_a_record_never_reaches_a_terminal_raw(mounted):
    mounted.erp.put(LastName="Evil\x1b[31m\x07\u202eName", FirstName="Bell")
    item = mailbox.contacts(mounted.account("alice"))[0]
    item.job_title = "\x9b31mred"
    item.save(update_fields=["job_title"])
    mounted.daemon.sync()
    output = "".join([mounted.daemon.read(name) for name in ["log", "status", "errors"]]) + mounted.run("plan", check=0).stdout
    names = "".join(os.listdir(mounted.mount / "alice@example.test" / "ERP Contacts"))
    journal = mounted.run("journal", check=0).stdout
    for text in [output, names, journal]:
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)


def test_why_tells_what_the_next_cycle_would_do(mounted):
    item = next(item for item in mailbox.contacts(mounted.account("alice")) if item.job_title)
    path = next(path for path in (mounted.mount / "alice@example.test" / "ERP Contacts").glob("*.vcf") if item.erp_record_id in path.read_text())
    assert "next cycle: nothing to do" in mounted.run("why", str(path), check=0).stdout
    item.job_title = "Changed since"
    item.save(update_fields=["job_title"])
    why = mounted.run("why", str(path), check=0).stdout
    assert "next cycle: update in the ERP (changed in the mailbox)" in why
    assert "-> 'Changed since'" in why
    assert [contact["JobTitle"].get("value") for contact in mounted.erp.contacts()].count("Changed since") == 0


def test_json_has_the_keys_that_are_documented(mounted):
    status = json.loads(mounted.run("status", "--json", check=0).stdout)
    assert set(status) >= {"version", "isRunning", "isPaused", "mountPoint", "employees"}
    assert set(status["employees"][0]) >= {"employee", "policy", "account", "state", "kinds", "errors", "holds"}
    mounted.erp.put(ContactID=mounted.erp.contacts(top=1)[0]["ContactID"]["value"], JobTitle="For the plan")
    plan = json.loads(mounted.run("plan", "--json", check=0).stdout)
    assert len(plan) == 3
    assert set(plan[0]) == {"employee", "kind", "side", "action", "name", "uid", "changes", "reason"}
    assert set(plan[0]["changes"][0]) >= {"field", "new"}
