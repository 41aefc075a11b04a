"""Kills a daemon at a chosen boundary (boundaries.c): the page that both share, and what was counted over the run."""

import collections
import functools
import mmap
import pathlib
import struct
import subprocess
import tempfile

from tally import Tally

KINDS = ["sent", "answered", "torn", "committed", "carried", "synced"]


class Crashes(Tally):
    """Counts over a whole run."""

    scenarios = 0
    boundaries = 0
    kills = collections.Counter()
    # Seats of the ERP's licence that nobody can sign out: the kill came before the sign-in's answer was kept.
    seats = 0


def lines():
    if Crashes.scenarios:
        kinds = ", ".join(f"{Crashes.kills[kind]} {kind}" for kind in KINDS if Crashes.kills[kind])
        yield (f"crash harness: {Crashes.scenarios} scenarios, {Crashes.boundaries} boundaries in their cycles, "
               f"killed at {sum(Crashes.kills.values())} ({kinds}), {Crashes.seats} of them between a sign-in and its answer")


@functools.cache
def library():
    """The shim, built anew: it is small."""
    target = pathlib.Path(tempfile.mkdtemp(prefix="concordfs-boundaries-")) / "boundaries.so"
    source = pathlib.Path(__file__).with_name("boundaries.c")
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(target), str(source)], check=True, timeout=60)
    return target


class Boundaries:
    """What the shim is told, and what it saw: eight bytes a number, in the order of `struct page`."""

    ARMED, KILL_AT, COUNT, KIND, KILLED = 0, 1, 2, 3, 3 + len(KINDS)

    def __init__(self, directory):
        self.path = directory / "boundaries"
        size = 8 * (self.KILLED + 1)
        self.path.write_bytes(bytes(size))
        with open(self.path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), size)
        self.environment = {"LD_PRELOAD": str(library()), "CONCORDFS_BOUNDARIES": str(self.path)}

    def arm(self, number=0):
        """From now on boundaries count; the process ends at the given one."""
        self.page[:] = bytes(len(self.page))
        self._put(self.KILL_AT, number)
        self._put(self.ARMED, 1)

    def disarm(self):
        self._put(self.ARMED, 0)

    @property
    def count(self):
        return self._get(self.COUNT)

    @property
    def killed(self):
        """The kind of the boundary that the process was killed at; None: it was not."""
        return KINDS[self._get(self.KILLED) - 1] if self._get(self.KILLED) else None

    def _put(self, index, value):
        struct.pack_into("=Q", self.page, 8 * index, value)

    def _get(self, index):
        return struct.unpack_from("=Q", self.page, 8 * index)[0]
