"""A first sync against a bulk reader on the same server: wall times, their ratio, the daemon's peak memory. See scripts/bench-first-sync."""

import os
import pathlib
import statistics
import sys
import tempfile
import time

import mailbox
import processes


def peak(process):
    """The most memory that the process ever held (VmHWM), in MiB."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmHWM")


def processor(process):
    """Seconds of processor time that the process has used."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(contacts):
    with tempfile.TemporaryDirectory(prefix="concordfs-") as directory:
        sandbox = processes.Sandbox(directory, "--employees", "1", "--contacts", str(contacts))
        daemon = processes.Daemon(sandbox.config, pathlib.Path(directory) / "mnt")
        try:
            idle = peak(daemon.process)
            served = processor(sandbox.process)
            start = time.monotonic()
            daemon.sync()
            first = time.monotonic() - start
            memory, busy, served = peak(daemon.process), processor(daemon.process), processor(sandbox.process) - served
            start = time.monotonic()
            daemon.sync()
            quiet = time.monotonic() - start
            account = mailbox.account(sandbox.base, "alice@example.test")
            folder = mailbox.folder(account, "ERP Contacts")
            reading = processor(sandbox.process)
            start = time.monotonic()
            count = sum(1 for _ in folder.all())
            read = time.monotonic() - start
            reading = processor(sandbox.process) - reading
            account.protocol.close()
            assert count == contacts, f"{count} of {contacts} contacts arrived"
            return {"first": first, "read": read, "ratio": first / read, "quiet": quiet, "idle": idle, "memory": memory, "busy": busy,
                    "served": served, "reading": reading}
        finally:
            daemon.close()
            sandbox.close()


def main():
    contacts, rounds = int(sys.argv[1]), int(sys.argv[2])
    results = []
    for number in range(rounds):
        result = measure(contacts)
        results.append(result)
        print(f"round {number + 1}: first sync {result['first']:.2f} s, exchangelib reads in {result['read']:.2f} s, ratio {result['ratio']:.2f}, "
              f"daemon {result['busy']:.2f} s of processor, sandbox {result['served']:.2f} s (for the reader {result['reading']:.2f} s), "
              f"second cycle {result['quiet']:.3f} s, VmHWM {result['memory']:.0f} MiB ({result['idle']:.0f} before)", flush=True)
    def middle(name):
        return statistics.median(result[name] for result in results)
    ratios = sorted(result["ratio"] for result in results)
    print(f"{contacts} contacts, one employee, {rounds} rounds, load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, Linux {os.uname().release}")
    print(f"median: first sync {middle('first'):.2f} s, exchangelib {middle('read'):.2f} s, ratio {middle('ratio'):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), "
          f"second cycle {middle('quiet'):.3f} s, peak memory of the daemon {middle('memory'):.0f} MiB")


if __name__ == "__main__":
    main()
