"""Reading the mount depends on nobody: not on the servers, not on a cycle. What df, du and stat say is right."""

import ctypes
import os
import signal
import struct
import subprocess
import threading
import time

import processes

ACCESS, CLOSE_NOWRITE, OPEN, ISDIR = 0x01, 0x10, 0x20, 0x4000_0000


def read_everything(mount):
    """What grep, find, tar and ls see; seconds that it took."""
    start = time.monotonic()
    seen = []
    for command in ["find . -type f | sort", "grep -rc '' --exclude-dir=.control . | sort", "tar cf - --exclude=.control . | wc -c",
                    "ls -lR | grep -c '^-'", "grep -rc '' .control >/dev/null && echo read"]:
        result = subprocess.run(["bash", "-c", "set -o pipefail; " + command], cwd=mount, capture_output=True, text=True, timeout=60)
        assert result.returncode == 0 and result.stderr == "", (command, result.stderr)
        seen.append(result.stdout)
    return seen, time.monotonic() - start


def remounted(world):
    """A mount that the kernel knows nothing of."""
    world.daemon.close()
    world.start()


def test_with_both_servers_gone_every_read_works_as_fast(mounted):
    remounted(mounted)
    with_servers, before = read_everything(mounted.mount)
    mounted.sandbox.process.send_signal(signal.SIGKILL)
    mounted.sandbox.process.wait()
    remounted(mounted)
    without, after = read_everything(mounted.mount)
    assert without == with_servers
    assert after < 3 * before + 1, f"{before:.2f} s with the servers, {after:.2f} s without"


def test_reads_do_not_wait_for_a_cycle_that_hangs_on_a_server(mounted):
    mounted.sandbox.process.send_signal(signal.SIGSTOP)
    try:
        mounted.daemon.sync("all full")
        processes.until(lambda: "running" in mounted.daemon.read("status"), "the cycle to run")
        assert read_everything(mounted.mount)[1] < 30
        assert "running" in mounted.daemon.read("status"), "the cycle waits for the server all the time"
    finally:
        mounted.sandbox.process.send_signal(signal.SIGCONT)
    mounted.daemon.sync()


def test_walks_do_not_wait_for_a_writer_who_waits_for_a_cycle(mounted):
    mounted.sandbox.process.send_signal(signal.SIGSTOP)
    writer = threading.Thread(target=lambda: mounted.daemon.control("sync", "all full wait\n"), daemon=True)
    try:
        writer.start()
        processes.until(lambda: "running" in mounted.daemon.read("status"), "the cycle to run")
        for command in ["find . -type f", "ls -laR", "du -a", "grep -rc '' --exclude-dir=.control ."]:
            subprocess.run(["bash", "-c", command], cwd=mounted.mount, stdout=subprocess.DEVNULL, timeout=30, check=True)
        assert writer.is_alive(), "the writer waits all the time"
    finally:
        mounted.sandbox.process.send_signal(signal.SIGCONT)
    writer.join(120)
    assert not writer.is_alive()


def test_tail_follows_the_log_within_a_second(mounted):
    tail = subprocess.Popen(["tail", "-n", "0", "-f", mounted.mount / ".control" / "log"], stdout=subprocess.PIPE, text=True)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(tail.stdout), daemon=True)
    try:
        reader.start()
        time.sleep(1.5)  # tail has found the end; what comes from here on is new
        contact = mounted.erp.contacts(top=1)[0]
        mounted.erp.put(ContactID=contact["ContactID"]["value"], JobTitle="Followed")
        mounted.daemon.sync()
        ended = time.monotonic()
        wanted = mounted.daemon.read("log").splitlines()[-1]
        processes.until(lambda: os.fstat(tail.stdout.fileno()) and any(wanted in line for line in list(lines)), "the line in tail", seconds=5)
        # tail looks once a second on a file system that is not of the kernel's own.
        assert time.monotonic() - ended < 1.5
    finally:
        tail.terminate()
        tail.wait()


def test_df_du_and_stat_say_what_is_there(mounted):
    records = [path for path in mounted.mount.rglob("*") if path.is_file() and ".control" not in path.parts]
    sizes = sum(path.stat().st_size for path in records)
    system = os.statvfs(mounted.mount)
    assert system.f_files == len(records) and system.f_bfree == system.f_bavail == 0 and system.f_namemax == 255
    assert system.f_blocks * system.f_frsize - sizes in range(512)
    for path in records:
        status = path.stat()
        assert status.st_blocks == -(-status.st_size // 512) and status.st_nlink == 1
    for directory in [mounted.mount, *(path for path in mounted.mount.iterdir() if path.is_dir())]:
        subdirectories = sum(1 for path in directory.iterdir() if path.is_dir())
        assert directory.stat().st_nlink == subdirectories + 2, directory


def test_inotify_tells_what_processes_do_and_not_what_the_daemon_changes(mounted):
    """The limit that docs/mount.md states, so that it is noticed when it moves: a watcher has to look at the folder's time."""
    contact = mounted.erp.contacts(top=1)[0]
    card = next(path for path in mounted.mount.glob("*@*/ERP Contacts/*.vcf") if erp_id(path) == contact["NoteID"]["value"])
    folder = card.parent
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    try:
        assert libc.inotify_add_watch(watch, os.fsencode(folder), 0xFFF) > 0, os.strerror(ctypes.get_errno())  # IN_ALL_EVENTS
        before = folder.stat().st_mtime_ns
        assert "Watched" not in card.read_text()
        assert card.name.encode() in events(watch), "what a process does is told"
        mounted.erp.put(ContactID=contact["ContactID"]["value"], JobTitle="Watched")
        mounted.daemon.sync()
        processes.until(lambda: "Watched" in card.read_text(), "the changed card")
        assert folder.stat().st_mtime_ns > before
        assert changes(events(watch)) == [], "the kernel tells of changes from behind now: docs/mount.md, Limits"
    finally:
        os.close(watch)


def erp_id(path):
    return os.getxattr(path, "user.concordfs.erp_id").decode()


def events(watch):
    try:
        return os.read(watch, 65536)
    except BlockingIOError:
        return b""


def changes(told):
    """Names of the events (inotify(7): struct inotify_event) that are more than opening, reading and closing."""
    names, offset = [], 0
    while offset < len(told):
        _, mask, _, length = struct.unpack_from("iIII", told, offset)
        name = told[offset + 16:offset + 16 + length].rstrip(b"\0")
        offset += 16 + length
        if mask & ~(OPEN | ACCESS | CLOSE_NOWRITE | ISDIR):
            names.append(name)
    return names
