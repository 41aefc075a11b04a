"""The commands: what they print, their exit codes, with and without a daemon."""

import json

import mailbox
import processes


def test_sync_without_a_daemon_and_again_with_one(world):
    first = world.run("sync", check=0)
    lines = first.stdout.splitlines()
    assert [line for line in lines if " contacts: " in line] == [
        f"{name}@example.test contacts: 60 created-items" for name in ["alice", "bob", "carol"]]
    assert [line.split(":")[0] for line in lines if " tasks: " in line] == [f"{name}@example.test tasks" for name in ["alice", "bob", "carol"]]
    assert world.run("sync", check=0).stdout.count("nothing to do") == 12
    world.start()
    assert "done: all wait" in world.run("sync", check=0).stdout
    assert "done: bob@example.test contacts wait" in world.run("sync", "bob@example.test", "--types", "contacts", check=0).stdout


def test_plan_shows_every_change_and_writes_nothing(world):
    plan = world.run("plan", check=0)
    assert plan.stdout.count("contacts: create in the mailbox") == 180
    assert [entry for entry in world.control.exchange_log() if entry["operation"].startswith(("Create", "Update", "Delete", "Move"))] == []
    world.run("sync", check=0)
    contact = world.erp.contacts(top=1)[0]
    world.erp.put(ContactID=contact["ContactID"]["value"], JobTitle="Planned")
    lines = json.loads(world.run("plan", "alice@example.test", "--json", check=0).stdout)
    writes = [line for line in lines if line["action"] == "update"]
    assert len(writes) == 1 and writes[0]["side"] == "exchange"
    assert [(change["field"], change["new"]) for change in writes[0]["changes"]] == [("jobTitle", "Planned")]
    assert "nothing" in world.run("plan", "nobody@example.test").stderr or world.run("plan", "nobody@example.test").returncode != 0


def test_test_names_each_step(world):
    result = world.run("test", check=0)
    lines = result.stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines)
    # Sign in, read each record type, reach each mailbox.
    assert all(any(f"ERP: read {kind}" in line for line in lines) for kind in ["contacts", "tasks", "events", "emails"])
    assert sum("server http" in line for line in lines) == sum("sign in as" in line for line in lines) == 1
    for name in ["alice", "bob", "carol"]:
        steps = [line for line in lines if f"mailbox {name}@example.test" in line]
        assert len(steps) == 1 + len(["contacts", "tasks", "events", "emails"]), steps
    assert any("folder 'ERP Tasks' is made by the first synchronization" in line for line in lines)
    (world.directory / "exchange.secret").write_text("wrong")
    failed = world.run("test")
    assert failed.returncode == 69 and failed.stdout.count("FAILED") == 1 and "sign in as" in failed.stdout and "wrong" not in failed.stdout


def test_unreachable_servers_end_sync_with_69(world):
    world.edit((world.sandbox.base, "http://127.0.0.1:1"))
    result = world.run("sync")
    assert result.returncode == 69 and "127.0.0.1:1" in result.stdout + result.stderr


def test_wrong_usage_ends_with_64(world):
    for words in [["sync", "--types", "letters"], ["frobnicate"], ["plan", "--bogus"], ["mount"], ["log", "--level", "loud"],
                  ["sandbox", "--listen", "nowhere"]]:
        result = processes.run(*words) if words[0] in ("frobnicate", "sandbox") else world.run(*words)
        assert result.returncode == 64, (words, result.returncode, result.stderr)
        assert result.stderr.strip(), words


def test_the_sandbox_refuses_other_addresses_than_loopback():
    result = processes.run("sandbox", "--listen", "0.0.0.0:0", timeout=20)
    assert result.returncode != 0 and "loopback" in result.stderr


def test_a_conflict_is_journalled_planned_and_explained(mounted):
    item = next(item for item in mailbox.contacts(mounted.account("alice")) if item.job_title)
    contact = next(contact for contact in mounted.erp.contacts() if contact["id"] == item.erp_record_id)
    item.job_title = "From the mailbox"
    item.save(update_fields=["job_title"])
    mounted.erp.put(ContactID=contact["ContactID"]["value"], JobTitle="From the ERP")
    plan = mounted.run("plan", "alice@example.test", check=0).stdout
    assert "'From the mailbox' -> 'From the ERP'" in plan and "conflict: erp" in plan
    mounted.daemon.sync()
    entry = json.loads(mounted.run("journal", "--json", check=0).stdout)[0]
    assert entry["rule"].endswith("decided by conflict: erp")
    assert [(value["field"], value["lost"], value["kept"]) for value in entry["values"]] == [("jobTitle", "From the mailbox", "From the ERP")]
    path = next(path for path in (mounted.mount / "alice@example.test" / "ERP Contacts").glob("*.vcf") if item.erp_record_id in path.read_text())
    why = mounted.run("why", str(path), check=0).stdout
    assert "From the ERP" in why and item.erp_record_id in why and "synchronized" in why


def test_a_lost_value_can_be_restored(mounted):
    item = next(item for item in mailbox.contacts(mounted.account("alice")) if item.job_title)
    contact = next(contact for contact in mounted.erp.contacts() if contact["id"] == item.erp_record_id)
    item.job_title = "Worth keeping"
    item.save(update_fields=["job_title"])
    mounted.erp.put(ContactID=contact["ContactID"]["value"], JobTitle="Overwrites it")
    mounted.daemon.sync()
    mounted.daemon.close()
    entry = json.loads(mounted.run("journal", "--json", check=0).stdout)[0]
    mounted.run("journal", "--restore", str(entry["id"]), check=0)
    restored = next(contact for contact in mounted.erp.contacts() if contact["id"] == item.erp_record_id)
    assert restored["JobTitle"]["value"] == "Worth keeping"
    titles = [other.job_title for other in mailbox.contacts(mounted.account("alice")) if other.erp_record_id == item.erp_record_id]
    assert titles == ["Worth keeping"]
    assert mounted.run("journal", "--restore", "999999").returncode == 1


def test_the_log_tells_what_was_done(mounted):
    lines = mounted.run("log", "-n", "4", check=0).stdout.splitlines()
    assert len(lines) == 4 and "synchronized: 60 created-items" in lines[0]
    assert mounted.run("log", "--employee", "bob@example.test", check=0).stdout.count("bob@example.test contacts") == 1
    assert mounted.run("log", "--level", "error", check=0).stdout == ""


def test_mount_in_the_background_returns_when_the_tree_is_there(world):
    world.mount.mkdir()
    world.run("mount", str(world.mount), check=0)
    assert (world.mount / ".control" / "status").read_text().startswith("concordfs ")
    assert "done" in world.run("sync", check=0).stdout
    process = int((world.directory / "cache.db.lock").read_text().split()[0])
    processes.unmount(world.mount)
    processes.until(lambda: not (world.directory / "cache.db.lock").read_text(), f"end of process {process}")


def test_test_only_accounts_are_never_written_to(world):
    world.edit(("    logging: informational", "    logging: informational\n    test_only: true"))
    world.run("sync", check=0)
    assert [entry for entry in world.control.exchange_log() if entry["operation"].startswith(("Create", "Update", "Delete", "Move"))] == []
    assert mailbox.contacts(world.account("carol"), "Contacts")[0].categories is None


def test_lists_show_what_is_configured(world):
    assert "Sales" in world.run("policy", "list", check=0).stdout
    assert "conflict: last-updated" in world.run("policy", "show", "Service", check=0).stdout
    assert world.run("policy", "show", "Nothing").returncode != 0
    assert world.run("employee", "list", check=0).stdout.count("@example.test") == 3
    accounts = world.run("account", "list", check=0).stdout
    assert accounts.count("Exchange") == 3 and "server account" in accounts
    world.edit(("email: bob@example.test", "email: bob@example.test, sync: false"))
    assert world.run("account", "list", check=0).stdout.count("Exchange") == 2
