"""`concordfs check` on configurations that are wrong in different ways: a line for each, with file, line, key and what is allowed."""

import pytest

import processes

GOOD = """\
store: STORE
erp:
  kind: acumatica
  url: https://erp.example.test/Site
  endpoint: Default/24.200.001
  auth: {username: concord, password: {env: SECRET}}
exchange:
  - name: HQ
    email: concord-sync@example.test
    password: {env: SECRET}
    server: https://mail.example.test/EWS/Exchange.asmx
    default_policy: Sales
policies:
  - name: Sales
    category: {name: ERP, color: blue}
    conflict: erp
    contacts: {folder: ERP Contacts, merge_by_email: true, direction: both, filter: all}
    emails: {folder: ERP Mail, attachments: true}
employees:
  - {id: EP00000001, email: alice@example.test}
guards:
  deletes: {count: 10, percent: 5}
schedules:
  - {name: office hours, every: 5m, from: "07:00", to: "19:00", days: mon-fri, employees: all}
"""

BROKEN = [
    ("conflict: erp", "conflict: sometimes", 16, "policies[0].conflict", "last-updated"),
    ("kind: acumatica", "kind: sap", 3, "erp.kind", "acumatica"),
    ("color: blue", "color: bleu", 15, "policies[0].category.color", "blue"),
    ("direction: both", "direction: sideways", 17, "policies[0].contacts.direction", "to-exchange"),
    ("{folder: ERP Mail, attachments: true}", "{attachments: true}", 18, "policies[0].emails.folder", "folder"),
    ("email: alice@example.test", "email: alice", 20, "employees[0].email", "address"),
    ("default_policy: Sales", "default_policy: Sails", 12, "exchange[0].default_policy", "Sales"),
    ("every: 5m", "every: soon", 24, "schedules[0].every", "m"),
    ("days: mon-fri", "days: mon-funday", 24, "schedules[0].days", "mon"),
    ("percent: 5", "procent: 5", 22, "guards.deletes.procent", "percent"),
    ("url: https://erp.example.test/Site", "url: http://erp.example.test/Site", 4, "erp.url", "https"),
    ("store: STORE", "store: STORE\nshop: STORE", 2, "shop", "store"),
]


def check(workdir, text):
    config = workdir / "config.yaml"
    config.write_text(text.replace("STORE", str(workdir / "cache.db")))
    return config, processes.run("check", config=config, env={"SECRET": "xyzzy-secret"})


def test_a_good_configuration_has_no_faults(workdir):
    _, result = check(workdir, GOOD)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("old, new, line, key, allowed", BROKEN)
def test_a_fault_is_named_with_its_place_and_what_is_allowed(workdir, old, new, line, key, allowed):
    assert old in GOOD
    config, result = check(workdir, GOOD.replace(old, new, 1))
    assert result.returncode == 78
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert f"{config}:{line}:" in lines[0] and key in lines[0] and allowed in lines[0], lines[0]
    assert "xyzzy" not in lines[0]


def test_all_faults_are_reported_at_once(workdir):
    text = GOOD
    for old, new, *_ in BROKEN[:9]:
        text = text.replace(old, new, 1)
    _, result = check(workdir, text)
    assert result.returncode == 78 and len(result.stderr.splitlines()) == 9


@pytest.mark.parametrize("text", ["", "store: [", "- a\n- b\n", "\x00", "a: &a [*a]\n", "store: x\nstore: y\n"])
def test_what_is_no_configuration_at_all_is_an_error_not_a_crash(workdir, text):
    _, result = check(workdir, text)
    assert result.returncode == 78 and result.stderr.startswith("concordfs: ")


def test_a_file_that_is_not_there(workdir):
    result = processes.run("check", config=workdir / "nothing.yaml")
    assert result.returncode == 78 and "nothing.yaml" in result.stderr


@pytest.mark.parametrize("command", [["mount", "/nowhere"], ["sync"], ["plan"], ["status"], ["log"], ["journal"], ["policy", "list"]])
def test_every_command_ends_with_78_on_a_broken_configuration(workdir, command):
    config = workdir / "config.yaml"
    config.write_text("store: 1\n")
    assert processes.run(*command, config=config).returncode == 78


def test_what_init_writes_is_understood(workdir):
    processes.run("init", str(workdir), check=0)
    written = workdir / "config.yaml"
    result = processes.run("check", config=written)
    assert result.returncode == 0, result.stderr
    again = processes.run("init", str(workdir))
    assert again.returncode != 0 and "config.yaml" in again.stderr
