"""Backups by programs of others take nothing twice: not after a remount, and not after the cache was rebuilt from both systems."""

import json
import os
import shutil
import subprocess

import pytest

# What the daemon says of itself changes by itself; the claim is about records.
CONTROL = ".control"


def run(words, directory, **variables):
    environment = {**os.environ, "HOME": str(directory), **variables}
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, env=environment)
    assert result.returncode == 0, f"{words}: {result.stdout[-500:]} {result.stderr[-500:]}"
    return result.stdout + result.stderr


class Rsync:
    def __init__(self, directory):
        self.directory, self.target = directory, directory / "rsync"

    def backup(self, mount):
        output = run(["rsync", "-a", "--itemize-changes", f"--exclude={CONTROL}", f"{mount}/", self.target], self.directory)
        return [line.split(" ", 1)[1] for line in output.splitlines() if line.startswith(">f")]


class Restic:
    def __init__(self, directory):
        self.directory = directory
        self.variables = {"RESTIC_REPOSITORY": str(directory / "restic"), "RESTIC_PASSWORD": "x"}
        run(["restic", "init"], directory, **self.variables)

    def backup(self, mount):
        output = run(["restic", "backup", "--json", f"--exclude={CONTROL}", "-vv", mount], self.directory, **self.variables)
        messages = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        taken = [message["item"] for message in messages
                 if message.get("message_type") == "verbose_status" and message["action"] in ("new", "modified") and not message["item"].endswith("/")]
        summary = next(message for message in messages if message.get("message_type") == "summary")
        assert summary["files_new"] + summary["files_changed"] == len(taken)
        return taken


class Borg:
    def __init__(self, directory):
        self.directory, self.count = directory, 0
        self.variables = {"BORG_REPO": str(directory / "borg"), "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}
        run(["borg", "init", "--encryption=none"], directory, **self.variables)

    def backup(self, mount):
        self.count += 1
        output = run(["borg", "create", "--list", "--filter=AMCE", f"--exclude=*/{CONTROL}", f"::{self.count}", mount], self.directory,
                     **self.variables)
        taken = [f"/{line.split(' ', 1)[1]}" for line in output.splitlines() if line[:2] in ("A ", "M ", "C ", "E ")]
        if self.count == 1:
            return taken
        # Borg never trusts the newest files of a backup, and reads them again: https://borgbackup.readthedocs.io/en/stable/faq.html
        newest = max(os.stat(path).st_ctime_ns for path in everything(mount))
        return [path for path in taken if os.stat(path).st_ctime_ns != newest]


def everything(mount):
    return [os.path.join(directory, name) for directory, _, names in os.walk(mount) if CONTROL not in directory for name in names]


@pytest.mark.parametrize("program", [Rsync, Restic, Borg])
def test_a_second_backup_takes_nothing_also_after_a_remount_and_after_a_rebuild(mounted, program):
    if not shutil.which(program.__name__.lower()):
        pytest.skip(f"{program.__name__.lower()} is not installed: scripts/setup installs it")
    tool = program(mounted.directory)
    count = len(everything(mounted.mount))
    assert len(tool.backup(mounted.mount)) == count > 180
    assert tool.backup(mounted.mount) == []
    mounted.daemon.close()
    mounted.start()
    assert tool.backup(mounted.mount) == []
    mounted.daemon.close()
    for suffix in ["", "-wal", "-shm"]:
        (mounted.directory / f"cache.db{suffix}").unlink(missing_ok=True)
    mounted.start()
    mounted.daemon.sync()
    assert len(everything(mounted.mount)) == count
    assert tool.backup(mounted.mount) == []
