"""A first sync against a bulk reader on the same server: wall, processor, requests, bytes, memory. See scripts/bench-first-sync."""

import argparse
import json
import os
import pathlib
import statistics
import tempfile
import threading
import time
import urllib.request

import mailbox
import processes

KINDS = {"contacts": "ERP Contacts", "emails": "ERP Mail"}


def status(process):
    """Of the process's memory, in MiB: the most it ever held (VmHWM); now in all, its own, and pages of mapped files."""
    lines = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines() if ":" in line)
    return {name: int(lines[name].split()[0]) / 1024 for name in ("VmHWM", "VmRSS", "RssAnon", "RssFile")}


class Peak:
    """The most of its own memory (RssAnon) that a process held, looked at ten times a second."""

    def __init__(self, process):
        self.process, self.most, self.ended = process, 0.0, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.ended.wait(0.1):
            try:
                self.most = max(self.most, status(self.process)["RssAnon"])
            except OSError:
                return

    def stop(self):
        self.ended.set()
        self.thread.join()
        return self.most


def processor(process):
    """Seconds of processor time that the process has used."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def totals(base):
    """Requests and bytes so far: of the synchronization's account, of the mailbox's owner, and of the ERP."""
    def ask(path):
        with urllib.request.urlopen(f"{base}/sandbox/{path}") as answer:
            return json.load(answer)
    none = {"requests": 0, "bytesIn": 0, "bytesOut": 0}
    users = ask("exchange/totals")
    return {"daemon": users.get("concord-sync@example.test", none), "reader": users.get("alice@example.test", none), "erp": ask("erp/totals")}


def used(after, before, who):
    return {"requests": after[who]["requests"] - before[who]["requests"],
            "MB": sum(after[who][name] - before[who][name] for name in ("bytesIn", "bytesOut")) / 1e6}


def read(base, kind):
    """Reads every item of the folder by exchangelib's bulk calls: FindItem in pages, GetItem for a hundred at once."""
    account = mailbox.account(base, "alice@example.test")
    folder = mailbox.folder(account, KINDS[kind])
    start, own = time.monotonic(), time.process_time()
    count = sum(1 for _ in folder.all())
    wall, own = time.monotonic() - start, time.process_time() - own
    account.protocol.close()
    return count, wall, own


def measure(kind, records):
    with tempfile.TemporaryDirectory(prefix="concordfs-", dir=os.environ.get("BENCH_DIR")) as directory:
        sizes = {"contacts": 0, "emails": 0, "tasks": 0, "events": 0, kind: records}
        options = [word for name, size in sizes.items() for word in (f"--{name}", str(size))]
        sandbox = processes.Sandbox(directory, "--employees", "1", *options, patience=3600)
        daemon = processes.Daemon(sandbox.config, pathlib.Path(directory) / "mnt")
        try:
            idle = status(daemon.process)
            before, served = totals(sandbox.base), processor(sandbox.process)
            peak = Peak(daemon.process)
            start = time.monotonic()
            daemon.sync(f"all {kind} wait")
            first = time.monotonic() - start
            own, memory = peak.stop(), status(daemon.process)
            busy, served, after = processor(daemon.process), processor(sandbox.process) - served, totals(sandbox.base)
            start = time.monotonic()
            daemon.sync(f"all {kind} wait")
            second = time.monotonic() - start
            start = time.monotonic()
            daemon.sync(f"all {kind} wait")
            quiet = time.monotonic() - start
            reading, early = processor(sandbox.process), totals(sandbox.base)
            count, wall, client = read(sandbox.base, kind)
            reading, late = processor(sandbox.process) - reading, totals(sandbox.base)
            assert count == records, f"{count} of {records} {kind} arrived"
            return {"first": first, "read": wall, "ratio": first / wall, "second": second, "quiet": quiet, "idle": idle["VmHWM"],
                    "VmHWM": memory["VmHWM"], "own": own, "mapped": memory["RssFile"], "busy": busy, "client": client,
                    "cpu": busy / client, "served": served, "reading": reading,
                    "exchange": used(after, before, "daemon"), "erp": used(after, before, "erp"), "reader": used(late, early, "reader")}
        finally:
            daemon.close()
            sandbox.close()


def line(kind, records, result):
    def amount(part):
        return f"{part['requests']:,} requests of {part['MB']:.1f} MB"
    return (
        f"{records:,} {kind}: first sync {result['first']:.2f} s, exchangelib reads in {result['read']:.2f} s, ratio {result['ratio']:.2f}; "
        f"processor: daemon {result['busy']:.2f} s, exchangelib {result['client']:.2f} s, ratio {result['cpu']:.2f}, "
        f"sandbox {result['served']:.2f} s ({result['reading']:.2f} s for the reader); "
        f"daemon: {amount(result['exchange'])} to Exchange, {amount(result['erp'])} to the ERP; exchangelib: {amount(result['reader'])}; "
        f"second cycle {result['second']:.2f} s, third {result['quiet']:.2f} s; "
        f"memory: VmHWM {result['VmHWM']:.0f} MiB ({result['idle']:.0f} before), its own at most {result['own']:.0f}, files mapped at the end {result['mapped']:.0f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("records", type=int)
    parser.add_argument("rounds", type=int)
    parser.add_argument("kind", choices=KINDS)
    given = parser.parse_args()
    results = []
    for number in range(given.rounds):
        results.append(measure(given.kind, given.records))
        print(f"round {number + 1}: {line(given.kind, given.records, results[-1])}", flush=True)
    ratios = sorted(result["ratio"] for result in results)
    print(f"median ratio of walls {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), of processor times "
          f"{statistics.median(result['cpu'] for result in results):.2f}; load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, "
          f"Linux {os.uname().release}")


if __name__ == "__main__":
    main()
