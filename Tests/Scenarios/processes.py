"""Starts and ends the programs under test: the sandbox and the daemon. Knows them only by what their users see."""

import os
import pathlib
import signal
import subprocess
import time

PROGRAM = os.environ["CONCORDFS"]
PATIENCE = 60.0


def until(condition, what, seconds=PATIENCE, process=None):
    """Waits until the condition gives something; fails when it does not in time, or when the process ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        if process is not None and process.poll() is not None:
            raise AssertionError(f"{what}: the process ended with {process.returncode}")
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


class Sandbox:
    """One `concordfs sandbox` on a free port of loopback, and the configuration that it wrote."""

    def __init__(self, directory, *options, listen="127.0.0.1:0", patience=PATIENCE):
        self.directory = pathlib.Path(directory)
        self.config = self.directory / "config.yaml"
        self.store = self.directory / "cache.db"
        self.output = self.directory / "sandbox.log"
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [PROGRAM, "sandbox", "--listen", listen, "--write-config", str(self.config), *options],
                stdout=output, stderr=subprocess.STDOUT)
        until(lambda: b"sandbox: Exchange at" in self.output.read_bytes(), "start of the sandbox", patience, self.process)
        text = self.config.read_text()
        self.base = next(line.split()[1] for line in text.splitlines() if line.startswith("  url: "))

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)


class Daemon:
    """`concordfs mount` in the foreground over a configuration."""

    def __init__(self, config, mount, wait=True, options=(), env=None):
        self.config = pathlib.Path(config)
        self.mount = pathlib.Path(mount)
        self.mount.mkdir(exist_ok=True)
        self.errors = self.config.parent / "daemon.log"
        with open(self.errors, "ab") as output:
            self.process = subprocess.Popen(
                [PROGRAM, "mount", "-f", "-c", str(config), *(["-o", ",".join(options)] if options else []), str(mount)], stdout=output, stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})})
        if wait:
            try:
                until(self.is_up, "mounting", process=self.process)
            except AssertionError as error:
                raise AssertionError(f"{error}: {self.errors.read_text()[-500:]}") from None

    def is_up(self):
        try:
            return (self.mount / ".control" / "sync").exists()
        except OSError:  # a stale mount, until the daemon has replaced it
            return False

    def control(self, file, text, folder=""):
        """Writes to a control file. Returns 0, or the errno value of the write."""
        descriptor = os.open(self.mount / folder / ".control" / file, os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
            return 0
        except OSError as error:
            return error.errno
        finally:
            os.close(descriptor)

    def sync(self, line="all wait"):
        code = self.control("sync", line + "\n")
        assert code == 0, f"'{line}' gave errno {code}: {self.read('sync')[:500]}"

    def read(self, file, folder=""):
        return (self.mount / folder / ".control" / file).read_text()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        finally:
            unmount(self.mount)


def unmount(mount):
    """Takes a mount away that a killed daemon left."""
    with open("/proc/self/mounts") as mounts:
        if any(line.split()[1] == str(mount) for line in mounts):
            subprocess.run(["fusermount3", "-uz", str(mount)], check=False)


def run(*arguments, config=None, check=None, timeout=300, env=None):
    """Runs one command of concordfs to its end."""
    words = [PROGRAM, *arguments] + (["-c", str(config)] if config else [])
    result = subprocess.run(words, capture_output=True, text=True, timeout=timeout, env={**os.environ, **(env or {})})
    if check is not None:
        assert result.returncode == check, f"{words[1:]} ended with {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result
