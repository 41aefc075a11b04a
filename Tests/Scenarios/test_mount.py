"""Mounting as administrators do: from fstab's type, with several users, with signals; and who sees what."""

import os
import pwd
import signal
import stat
import subprocess

import pytest

import processes

root = pytest.mark.skipif(os.getuid() != 0, reason="needs root: other users, mount(8)")

# Two users of Debian that own nothing and can do nothing.
USERS = {"alice": "nobody", "bob": "daemon"}


def as_user(name, *words):
    entry = pwd.getpwnam(name)
    return subprocess.run(
        ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", *words], capture_output=True, text=True, timeout=30)


@pytest.fixture
def shared(world):
    """A tree for everybody, alice's and bob's folders owned by two users, the caches of the kernel cold."""
    world.directory.chmod(0o755)
    world.edit(*((f"email: {person}@example.test", f"email: {person}@example.test, unix_user: {user}") for person, user in USERS.items()))
    world.start(options=["allow_other"])
    world.daemon.sync()
    world.daemon.close()
    return world.start(options=["allow_other"])


@root
def test_nobody_sees_anothers_mail_however_warm_the_cache_is(world, shared):
    names = {person: sorted(os.listdir(shared.mount / f"{person}@example.test" / "ERP Contacts")) for person in USERS}
    folders = {person: shared.mount / f"{person}@example.test" for person in USERS}
    for person, user in USERS.items():
        # The owner reads everything: attributes, names and pages are in the kernel now.
        warmed = as_user(user, "sh", "-c", f"cat '{folders[person]}/ERP Contacts/'*.vcf | wc -c && find '{folders[person]}' -type f -printf x | wc -c")
        assert warmed.returncode == 0, warmed.stderr
        assert all(int(number) > 0 for number in warmed.stdout.split())
    for person, user in USERS.items():
        other = next(name for name in USERS if name != person)
        target = folders[other]
        card = target / "ERP Contacts" / next(name for name in names[other] if name.endswith(".vcf"))
        attempts = {
            "ls": ["ls", str(target)], "ls folder": ["ls", str(target / "ERP Contacts")], "cat": ["cat", str(card)], "stat": ["stat", str(card)],
            "cd": ["bash", "-c", f"cd '{target}'"], "xattr": ["getfattr", "-d", str(card)] if os.path.exists("/usr/bin/getfattr") else ["cat", str(card)],
            "sync file": ["cat", str(target / ".control" / "sync")], "status": ["cat", str(target / ".control" / "status")],
            "write": ["sh", "-c", f"echo contacts > '{target}/.control/sync'"], "top": ["ls", str(shared.mount / ".control")],
            "top sync": ["sh", "-c", f"echo all > '{shared.mount}/.control/sync'"], "log": ["cat", str(shared.mount / ".control" / "log")],
            "config": ["cat", str(shared.mount / ".control" / "config.yaml")], "missing": ["cat", str(target / "ERP Contacts" / "no such file.vcf")],
        }
        for name, words in attempts.items():
            result = as_user(user, *words)
            assert result.returncode != 0, f"{user}: {name} of {other}"
            assert result.stdout == "", f"{user}: {name} of {other}"
            # The same answer whether the file is there or not.
            assert "Permission denied" in result.stderr, f"{user}: {name}: {result.stderr}"
        found = as_user(user, "find", str(shared.mount), "-type", "f").stdout.splitlines()
        assert found and all(path.startswith(f"{folders[person]}/") for path in found)


@root
def test_owners_read_and_synchronize_their_own(world, shared):
    for person, user in USERS.items():
        folder = shared.mount / f"{person}@example.test"
        assert pwd.getpwuid(folder.stat().st_uid).pw_name == user
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        done = as_user(user, "sh", "-c", f"echo 'contacts wait' > '{folder}/.control/sync' && cat '{folder}/.control/status.json'")
        assert done.returncode == 0 and f"{person}@example.test" in done.stdout, done.stderr
        other = next(name for name in USERS if name != person)
        assert f"{other}@example.test" not in done.stdout, "one's status tells nothing of others"
        assert as_user(user, "sh", "-c", f"echo '{other}@example.test wait' > '{folder}/.control/sync'").returncode != 0


@root
def test_what_the_mount_allows_is_the_same_whatever_was_asked_for(world, shared):
    line = next(line for line in open("/proc/self/mounts") if str(shared.mount) in line)
    kind, options = line.split()[2], line.split()[3].split(",")
    assert kind == "fuse.concordfs"
    assert {"nosuid", "nodev", "noexec", "default_permissions", "allow_other"} <= set(options)


def installed(script, **environment):
    """Runs a script as root where the program is installed in /usr/local/bin: in a mount namespace of its own, the machine stays as it is."""
    words = ["unshare", "--mount", "--propagation", "private", "sh", "-ec",
             f"mount -t tmpfs none /usr/local/bin; ln -s '{processes.PROGRAM}' /usr/local/bin/concordfs; {script}"]
    return subprocess.run(words, capture_output=True, text=True, timeout=90, env={**os.environ, **environment})


@root
@pytest.mark.parametrize("source", ["configuration", "concordfs"])
def test_mount_by_its_type_as_from_fstab(world, source):
    """mount(8) calls mount.fuse, which calls `concordfs SOURCE DIRECTORY -o OPTIONS`."""
    world.mount.mkdir()
    name = str(world.config) if source == "configuration" else source
    result = installed(
        f"mount -t fuse.concordfs -o ro,noauto,x-systemd.automount,_netdev '{name}' '{world.mount}';"
        f"head -n 1 '{world.mount}/.control/status'; grep '{world.mount} ' /proc/self/mounts; umount '{world.mount}'",
        CONCORDFS_CONFIG=str(world.config))
    assert result.returncode == 0, result.stderr
    status, line = result.stdout.splitlines()
    assert status.startswith("concordfs ")
    assert {"ro", "nosuid", "nodev", "noexec", "default_permissions"} <= set(line.split()[3].split(","))
    processes.until(lambda: not (world.directory / "cache.db.lock").read_text(), "end of the daemon")


@root
def test_mount_by_its_type_says_why_it_cannot(world):
    world.mount.mkdir()
    world.edit(("conflict: erp", "conflict: sometimes"))
    result = installed(f"mount -t fuse.concordfs '{world.config}' '{world.mount}'")
    assert result.returncode != 0 and "policies[0].conflict" in result.stderr, result.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_unmounts_and_ends_well(mounted, number):
    mounted.daemon.process.send_signal(number)
    assert mounted.daemon.process.wait(30) == 0
    assert not os.path.ismount(mounted.mount)
    assert list(mounted.mount.iterdir()) == []


def test_a_signal_ends_the_daemon_also_while_somebody_stands_in_the_tree(mounted):
    holder = subprocess.Popen(["sh", "-c", f"cd '{mounted.mount}/alice@example.test' && echo in && exec sleep 60"], stdout=subprocess.PIPE)
    try:
        assert holder.stdout.readline() == b"in\n"
        mounted.daemon.process.terminate()
        assert mounted.daemon.process.wait(30) == 0
        assert not os.path.ismount(mounted.mount)
    finally:
        holder.kill()
        holder.wait()


def test_hang_up_reads_the_configuration_again(mounted):
    mounted.edit(("conflict: erp", "conflict: exchange"))
    mounted.daemon.process.send_signal(signal.SIGHUP)
    processes.until(lambda: "conflict: exchange" in mounted.daemon.read("policies/Sales.yaml"), "the new configuration")
    assert mounted.daemon.process.poll() is None


@pytest.mark.parametrize("place, code", [("nothing here", 78), ("a file", 78)])
def test_what_cannot_be_mounted_on_is_said_in_one_line(world, place, code):
    target = world.directory / place
    if place == "a file":
        target.write_text("x")
    result = world.run("mount", str(target))
    assert result.returncode == code and str(target) in result.stderr and len(result.stderr.splitlines()) == 1, result.stderr


def test_a_directory_with_files_is_not_hidden_by_accident(world):
    world.mount.mkdir()
    (world.mount / "precious").write_text("x")
    result = world.run("mount", str(world.mount))
    assert result.returncode == 78 and "not empty" in result.stderr
    assert (world.mount / "precious").read_text() == "x"


def test_with_both_servers_gone_the_tree_is_read_as_fast_as_ever(mounted):
    mounted.sandbox.process.send_signal(signal.SIGSTOP)
    try:
        # A cycle hangs on the silent server, and nobody else does.
        assert mounted.daemon.control("sync", "all\n") == 0
        for words in [["ls", "-lR", str(mounted.mount)], ["grep", "-rc", "BEGIN:VCARD", str(mounted.mount)], ["cat", str(mounted.mount / ".control" / "status")]]:
            assert subprocess.run(words, capture_output=True, timeout=5).returncode == 0, words
    finally:
        mounted.sandbox.process.send_signal(signal.SIGCONT)
