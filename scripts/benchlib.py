"""What the measuring scripts share: building, mounting, dropping caches, reading what a process uses."""

import http.server
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PATIENCE = 120.0


def say(text):
    print(text, file=sys.stderr, flush=True)


def programs():
    """The directory with release builds of the product and the tool, or the one named by CONCORDFS_BIN."""
    given = os.environ.get("CONCORDFS_BIN")
    if given:
        return pathlib.Path(given)
    for product in ["concordfs", "concordfs-bench"]:
        subprocess.run(["swift", "build", "-c", "release", "--product", product], cwd=ROOT, check=True, stdout=sys.stderr)
    shown = subprocess.run(
        ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True)
    return pathlib.Path(shown.stdout.strip())


def workdir():
    """A private directory on a disk, not in memory: BENCH_DIR or /var/tmp. From here on a signal ends the script by its `finally` clauses."""
    for number in [signal.SIGINT, signal.SIGTERM]:
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    return tempfile.TemporaryDirectory(prefix="concordfs-bench-", dir=os.environ.get("BENCH_DIR", "/var/tmp"))


def until(condition, what, seconds=PATIENCE, process=None):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{what}: the process ended with {process.returncode}")
        time.sleep(0.01)
    raise RuntimeError(f"{what}: not within {seconds} s")


def is_mounted(directory):
    with open("/proc/self/mounts") as mounts:
        return any(line.split()[1] == str(directory) for line in mounts)


def unmount(directory):
    if is_mounted(directory):
        subprocess.run(["fusermount3", "-u", str(directory)], check=False)


def drop_caches():
    """Page, inode and dentry caches of the whole machine. Needs root."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3\n")


def cpu_seconds(pid):
    """User and system time of a process so far."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy_seconds():
    """User and system time of everything on the machine so far."""
    with open("/proc/stat") as file:
        user, nice, system = map(int, file.readline().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def questions(pid):
    """Reading system calls of a process so far: of a daemon with a mapped store they are the kernel's questions, and few others."""
    with open(f"/proc/{pid}/io") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("syscr"))


def anonymous_mb(pid):
    """A process's own memory: RssAnon of /proc/PID/status, in MB of 1,000,000 bytes."""
    with open(f"/proc/{pid}/status") as file:
        line = next(line for line in file if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024 / 1e6


def settle(pid):
    """Waits until a process has nothing left to do: the kernel's messages after dropping caches are worked off."""
    quiet, last = 0, -1.0
    while quiet < 5:
        now = cpu_seconds(pid)
        quiet = quiet + 1 if now == last else 0
        last = now
        time.sleep(0.02)


class Refusing(http.server.BaseHTTPRequestHandler):
    """A server that is there and does nothing: 503 to everybody."""

    def do_GET(self):
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_PUT = do_GET

    def log_message(self, *arguments):
        pass


class Product:
    """`concordfs mount` over a filled store. Both servers' address answers with errors alone, or cannot be reached: no byte comes from there."""

    CONFIG = """\
store: {store}
erp: {{kind: acumatica, url: "{server}", endpoint: Default/24.200.001, auth: {{username: nobody, password: {{file: {secret}}}}}}}
exchange:
  - {{name: HQ, email: nobody@example.test, password: {{file: {secret}}}, server: "{server}/EWS/Exchange.asmx", default_policy: Sales}}
policies:
  - {{name: Sales, category: {{name: ERP, color: blue}}, contacts: {{folder: ERP Contacts}}}}
employees:
{employees}
"""

    def __init__(self, bin_path, directory, folders):
        self.program = bin_path / "concordfs"
        self.directory = pathlib.Path(directory)
        self.mount = self.directory / "mnt"
        self.mount.mkdir()
        self.config = self.directory / "config.yaml"
        secret = self.directory / "secret"
        secret.write_text("x")
        secret.chmod(0o600)
        people = "\n".join(f"  - {{id: EP{index:06}, email: employee{index:03}@example.test}}" for index in range(folders))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        server = f"http://127.0.0.1:{self.server.server_port}"
        self.config.write_text(self.CONFIG.format(store=self.directory / "cache.db", secret=secret, employees=people, server=server))
        self.process = None

    def start(self, cut_off=False):
        """Mounts; returns the seconds until the first answer.
        cut_off: in a network namespace of its own, without any interface that is up."""
        began = time.monotonic()
        with open(self.directory / "daemon.log", "ab") as log:
            self.process = subprocess.Popen(
                [*(["unshare", "--net"] if cut_off else []), self.program, "mount", "-f", "-c", self.config, self.mount], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            until(lambda: is_mounted(self.mount), "mounting", process=self.process)
        except RuntimeError as error:
            raise RuntimeError(f"{error}: {(self.directory / 'daemon.log').read_text()[-1000:]}") from None
        os.stat(self.mount / ".control")
        return time.monotonic() - began

    def check(self):
        """Fails with the daemon's last words when it has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"the daemon ended with {self.process.returncode}: {(self.directory / 'daemon.log').read_text()[-2000:]}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(PATIENCE)
        unmount(self.mount)
        self.process = None

    def close(self):
        self.stop()
        self.server.shutdown()
        self.server.server_close()


def conditions():
    """What the machine was like, in one line."""
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown processor")
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    system = os.uname()
    return f"Linux {system.release} {system.machine}, {os.cpu_count()} processors ({model}), load averages {load}"
