"""The daemon is killed at boundaries of its cycles and started again: each record exists once on both sides, nobody gets mail that nobody asked
for, the mount shows both, and a third cycle writes nothing.

Here a sample: every CONCORDFS_CRASH_STRIDE-th boundary over all cases; scripts/crash-harness takes all of them."""

import collections
import os
import pathlib
import tempfile

import boundaries
import conftest
import crash_cases
import crash_policies
import pytest

STRIDE = int(os.environ.get("CONCORDFS_CRASH_STRIDE", "31"))
CASES = {case.name(): case for case in sorted(crash_policies.every(), key=lambda case: (case.shares_world, str(case.configuration())))}


class Worlds:
    """A world for each configuration in turn: cases of the same use the one that is there."""

    def __init__(self):
        self.world = self.directory = self.configuration = None

    def of(self, case_type):
        wanted = case_type.configuration()
        if self.world and case_type.shares_world and wanted == self.configuration:
            return case_type(self.world)
        self.close()
        self.directory = tempfile.TemporaryDirectory(prefix="concordfs-")
        self.world = conftest.World(pathlib.Path(self.directory.name), *case_type.options)
        self.world.boundaries = boundaries.Boundaries(self.world.directory)
        self.configuration = wanted
        # A campaign prepares many meetings at once.
        self.world.edit(("settle: 1s", "settle: 1s, invitations: 1000"))
        case = case_type(self.world)
        case.configure()
        if case_type is not crash_policies.FirstSync:
            case.start()
            self.world.daemon.sync()
        case.furnish()
        return case

    def close(self):
        world, self.world = self.world, None
        if world:
            world.close()
            self.directory.cleanup()


@pytest.fixture(scope="module")
def worlds():
    made = Worlds()
    yield made
    made.close()


def request(daemon):
    """Asks for a cycle and waits for its end, or the daemon's."""
    try:
        return daemon.control("sync", "all wait\n")
    except OSError:
        return None  # the mount died under the file


def first_cycle(world):
    """A session whose sign-in the daemon did not live to hear of takes a seat until the ERP ends it, which a test does not wait for."""
    if world.daemon.control("sync", "all wait\n") == 0:
        return
    assert "no free API session" in world.daemon.read("sync").splitlines()[0]
    boundaries.Crashes.seats += 1
    world.control.fault("erp", kind="endSessions")
    world.erp.login()
    world.daemon.sync()


def turn(case, number):
    """One action, a cycle that ends at the boundary of this number (0: at its own end), and what comes after. Returns how many boundaries it had,
    and the kind of the one that it ended at."""
    world = case.world
    case.act(number)
    world.control.empty_outbox()
    world.boundaries.arm(number)
    done = request(world.daemon)
    world.boundaries.disarm()
    killed = world.boundaries.killed
    if killed:
        assert world.daemon.process.wait(60) == -9
    else:
        assert done == 0, world.daemon.read("log")
    case.meanwhile(number)
    if killed:
        case.start()
    first_cycle(world)
    world.daemon.sync()
    case.check()
    case.after(number)
    told = collections.Counter((kind, to) for kind, to, _ in world.control.outbox())
    assert {key: count for key, count in told.items() if count > case.mail.get(key[0], 0)} == {}, "mail that nobody asked for"
    if not killed:
        assert set(told) == {(kind, guest) for kind in case.mail for guest in crash_cases.GUESTS}
    world.control.clear()
    world.daemon.sync()
    assert world.control.writes() == [], "the third cycle is quiet"
    return world.boundaries.count, killed


@pytest.mark.parametrize("name", CASES)
def test_killed_at_a_boundary(worlds, name):
    case_type = CASES[name]
    case = worlds.of(case_type)
    case.before([0])
    case.world.daemon.sync() if case.world.daemon else None
    count, _ = turn(case, 0)
    boundaries.Crashes.scenarios += 1
    boundaries.Crashes.boundaries += count
    # The sample's places differ from case to case: together they cover beginnings, middles and ends.
    first = 1 + list(CASES).index(name) * 5 % STRIDE
    numbers = list(range(first, count + 1, STRIDE))
    if case_type is not crash_policies.FirstSync:
        case.before(numbers)
        case.world.daemon.sync()
    for number in numbers:
        if case_type is crash_policies.FirstSync:
            worlds.close()
            case = worlds.of(case_type)
        try:
            _, killed = turn(case, number)
        except BaseException as error:
            error.add_note(f"{name}, boundary {number} of {count}")
            raise
        boundaries.Crashes.kills[killed or "passed by"] += 1
