import pathlib
import re
import tempfile

import pytest

pytest.register_assert_rewrite("concord", "crash_cases", "crash_policies")

import boundaries
import erp as erp_client
import erp_schemas
import mailbox
import processes
import round_trip
import schemas
import strangers
import tally


@pytest.fixture
def workdir():
    """A short path: daemons keep sockets and locks in it."""
    with tempfile.TemporaryDirectory(prefix="concordfs-") as directory:
        yield pathlib.Path(directory)


class World:
    """A sandbox, its configuration, clients of others for both sides; a daemon when asked for."""

    def __init__(self, directory, *options):
        self.directory = directory
        self.sandbox = processes.Sandbox(directory, *options)
        self.config = self.sandbox.config
        # The sandbox carries out a request at once or never: what was in doubt need not be left alone for long.
        self.config.write_text("guards: {settle: 1s}\n" + self.config.read_text())
        self.store = self.sandbox.store
        self.erp = erp_client.ERP(self.sandbox.base)
        self.control = erp_client.Control(self.sandbox.base)
        self.mount = directory / "mnt"
        self.traffic = directory / "traffic"
        self.traffic.mkdir()
        if schemas.directory():
            self.control.traffic(self.traffic)
        self.daemon = None
        self.accounts = {}
        self.folders = {}

    def start(self, **options):
        self.daemon = processes.Daemon(self.config, self.mount, **options)
        return self.daemon

    def account(self, name):
        address = f"{name}@example.test"
        if address not in self.accounts:
            self.accounts[address] = mailbox.account(self.sandbox.base, address)
        return self.accounts[address]

    def first(self, index=0):
        """The mailbox of one of the employees."""
        return self.account(self.people()[index])

    def people(self):
        """Local parts of the employees' addresses."""
        return [line.split("email: ")[1].split("@")[0] for line in self.config.read_text().splitlines() if line.startswith("  - {id: ")]

    def edit(self, *replacements):
        """Changes the configuration that the sandbox wrote."""
        text = self.config.read_text()
        for old, new in replacements:
            assert old in text, old
            text = text.replace(old, new)
        self.config.write_text(text)

    @property
    def ids(self):
        """Employees' ids in the ERP by the first parts of their addresses."""
        return {address.split("@")[0]: id for id, address in re.findall(r"\{id: (\w+), email: ([^,}]+)", self.config.read_text())}

    def policies(self, sections):
        """Gives each person a policy of their own: YAML of its sections (or more, as `conflict`), by the person's name."""
        head = self.config.read_text().split("policies:\n")[0]
        ids = self.ids
        lines = [head.replace("default_policy: Sales", "default_policy: " + next(iter(sections))) + "policies:"]
        for person, text in sections.items():
            category = "" if "category:" in text else "\n    category: {name: ERP, color: blue}"
            lines.append(f"  - name: {person}{category}\n    {text}")
            for kind in ("contacts", "tasks", "events", "emails"):
                if section := re.search(rf"^ *{kind}: *\{{(.*)\}}", text, re.M):
                    named = re.search(r"folder: ([^,]+)", section[1])
                    own = {"contacts": "Contacts", "tasks": "Tasks", "events": "Calendar", "emails": None}[kind]
                    self.folders[person, kind] = named[1].strip() if named else own
        lines.append("employees:")
        lines += [f"  - {{id: {ids[person]}, email: {person}@example.test, policy: {person}}}" for person in sections]
        self.config.write_text("\n".join(lines) + "\n")

    def run(self, *arguments, **options):
        return processes.run(*arguments, config=self.config, **options)

    def sync(self, times=1):
        for _ in range(times):
            self.run("sync", check=0)

    def assert_quiet(self):
        """What was written last is listed once more; after that a cycle writes nothing."""
        self.sync()
        self.control.clear()
        self.sync()
        assert self.control.writes() == []

    def close(self):
        try:
            if self.daemon:
                self.daemon.close()
        finally:
            for account in self.accounts.values():
                account.protocol.close()
            self.erp.close()
            self.sandbox.close()
            processes.unmount(self.mount)
        schemas.Report.check(self.traffic)
        erp_schemas.Report.check(self.traffic)


@pytest.fixture
def world(workdir, request):
    """A world; parametrize indirectly with the sandbox's options."""
    made = World(workdir, *getattr(request, "param", ()))
    yield made
    made.close()


@pytest.fixture
def mounted(world):
    """A world whose daemon runs and has made the first sync."""
    world.start()
    world.daemon.sync()
    return world


@pytest.fixture
def behind(world):
    """Puts a server before the world's sandbox that behaves in a manner of `differing`."""
    servers = []

    def made(manner):
        servers.append(round_trip.put_between(world, manner))
        return servers[-1]

    yield made
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def office():
    """A sandbox without a daemon for a whole file, as a stranger's client meets it."""
    with tempfile.TemporaryDirectory(prefix="concordfs-") as directory:
        made = World(pathlib.Path(directory))
        yield made
        made.close()


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tally"] = tally.packed()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    if not error:  # else a test is reported that took its process along
        tally.add(node.workeroutput["tally"])


def pytest_terminal_summary(terminalreporter):
    for line in [*strangers.lines(), *boundaries.lines()]:
        terminalreporter.write_line(line)
    if schemas.directory():
        report = schemas.Report
        terminalreporter.write_line(
            f"EWS messages validated against messages.xsd: {report.messages}, operations: {len(report.operations)}, invalid: {len(report.invalid)}")
        report = erp_schemas.Report
        terminalreporter.write_line(
            f"ERP bodies validated against openapi.json: {report.bodies}, entities: {len(report.entities)}, invalid: {len(report.invalid)}")
    else:
        terminalreporter.write_line("skipped: EWS messages and ERP bodies were not validated, the schemas (../shared/reference) are not here")
