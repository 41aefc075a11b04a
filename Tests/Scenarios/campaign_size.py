"""A first sync of a large mailbox, interrupted at will, against the sandbox. See scripts/campaign-size."""

import collections
import os
import pathlib
import pty
import re
import signal
import sys
import tempfile
import threading
import time

import erp
import mailbox
import processes

ALICE = "alice@example.test"
FOLDER = "ERP Contacts"
# When a run is interrupted: by which signal, and at which share of the items. None: while the ERP is still read.
INTERRUPTIONS = [(signal.SIGINT, None), (signal.SIGTERM, 0.15), (signal.SIGKILL, 0.35), (signal.SIGINT, 0.55), (signal.SIGKILL, 0.8)]
# A person who stops a run waits no longer than this for its end, in seconds.
LONGEST_END = 15.0


class Run:
    """`concordfs sync` on a terminal of its own, with what it shows there and the memory that it takes."""

    def __init__(self, config):
        self.started, self.shown, self.memory = time.monotonic(), "", {}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execv(processes.PROGRAM, [processes.PROGRAM, "sync", "-c", str(config), "--types", "contacts", ALICE])
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()

    def watch(self):
        while True:
            try:
                text = os.read(self.terminal, 65536).decode(errors="replace")
            except OSError:  # the program has ended
                return
            self.shown = (self.shown + text)[-20000:]
            self.look()

    def look(self):
        try:
            lines = pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines()
        except OSError:
            return
        for line in lines:
            name, _, value = line.partition(":")
            if name in ("VmHWM", "RssAnon", "RssFile") and value.strip():
                self.memory[name] = max(self.memory.get(name, 0), int(value.split()[0]) / 1024)

    def progress(self):
        """What the progress line says last."""
        lines = [line for line in re.split(r"[\r\n]|\x1b\[[0-9;]*[A-Za-z]", self.shown) if line.strip()]
        return lines[-1].strip() if lines else ""

    def interrupt(self, number):
        start = time.monotonic()
        os.kill(self.pid, number)
        return self.wait(), time.monotonic() - start

    def wait(self):
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.watcher.join()
        os.close(self.terminal)
        return status

    def has_ended(self):
        """Whether the process is no more than its exit status."""
        return pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"

    def told_memory(self):
        return ", ".join(f"{name} {value:.0f} MiB" for name, value in sorted(self.memory.items()))


def wanted(base):
    """The ids of the contacts that alice owns, read page by page."""
    client = erp.ERP(base)
    ids, skip = [], 0
    try:
        while True:
            page = client.contacts(select="NoteID,Owner", top=5000, skip=skip)
            ids += [contact["id"] for contact in page if contact["Owner"].get("value") == "EP00000001"]
            skip += len(page)
            if len(page) < 5000:
                return ids, skip
    finally:
        client.close()


def count(account):
    """Items in the folder; 0 while there is none."""
    try:
        found = mailbox.folder(account, FOLDER)
    except Exception as error:  # exchangelib's ErrorFolderNotFound
        assert "FolderNotFound" in type(error).__name__, error
        return 0
    found.refresh()
    return found.total_count


def until_share(run, account, total, share):
    """Waits until the mailbox holds that share of the items; while the ERP is read when there is none. Gives the seconds to the first new one."""
    before, first = count(account), None
    while True:
        assert not run.has_ended(), f"it ended by itself: {run.shown[-1000:]}"
        if share is None and "reading" in run.progress():
            return first
        now = count(account)
        if first is None and now > before:
            first = time.monotonic() - run.started
        if share is not None and now >= share * total:
            return first
        time.sleep(0.2)


def say(text):
    print(text, flush=True)


def main():
    contacts = int(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="concordfs-", dir=os.environ.get("BENCH_DIR")) as directory:
        start = time.monotonic()
        sandbox = processes.Sandbox(
            directory, "--employees", "2", "--contacts", str(contacts), "--tasks", "0", "--events", "0", "--emails", "0", patience=3600)
        try:
            sandbox.config.write_text(sandbox.config.read_text().replace("filter: all", "filter: owner"))
            ids, listed = wanted(sandbox.base)
            say(f"the sandbox has {listed:,} contacts, {len(ids):,} of them {ALICE}'s (filled in {time.monotonic() - start:.0f} s)")
            account = mailbox.account(sandbox.base, ALICE)
            kept = 0
            for number, share in INTERRUPTIONS:
                run = Run(sandbox.config)
                first = until_share(run, account, len(ids), share)
                line = run.progress()
                status, seconds = run.interrupt(number)
                items = count(account)
                assert items >= kept, f"{items} items after there were {kept}"
                assert seconds < LONGEST_END, f"it took {seconds} s to end"
                kept = items
                resumed = "" if first is None else f", first new item after {first:.1f} s"
                say(f"{signal.Signals(number).name} after {time.monotonic() - run.started:.0f} s at '{line}'{resumed}: ended in {seconds:.2f} s "
                    f"with {status}, {items:,} items; {run.told_memory()}")
            run = Run(sandbox.config)
            status = run.wait()
            seconds = time.monotonic() - run.started
            say(f"the last run ended with {status} after {seconds:.0f} s: {run.progress()}; {run.told_memory()}")
            assert status == 0, run.shown[-2000:]
            stamps = collections.Counter(
                item.erp_record_id for item in mailbox.folder(account, FOLDER).all().only("erp_record_id"))
            missing, twice = set(ids) - set(stamps), [stamp for stamp, number in stamps.items() if number > 1]
            assert not missing and not twice and len(stamps) == len(ids), f"{len(missing)} missing, {len(twice)} twice, {len(stamps)} in all"
            say(f"every one of {len(ids):,} contacts is in the mailbox exactly once")
            for what in ["the cycle after", "the one after that"]:
                run = Run(sandbox.config)
                status = run.wait()
                assert status == 0, run.shown[-2000:]
                say(f"{what}: {time.monotonic() - run.started:.1f} s: {run.progress()}; {run.told_memory()}")
            account.protocol.close()
        finally:
            sandbox.close()
    say(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, Linux {os.uname().release}")


main()
