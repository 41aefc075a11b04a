"""Control files: what they take, what they refuse, and that a refusal changes nothing."""

import errno
import json
import os

import pytest


@pytest.mark.parametrize("file, line, code, reason", [
    ("sync", "bogus\n", errno.EINVAL, "bogus"),
    ("sync", "all quickly\n", errno.EINVAL, "quickly"),
    ("sync", "\n", errno.EINVAL, "README"),
    ("sync", "all \x01\n", errno.EINVAL, "control characters"),
    ("sync", "nobody@example.test wait\n", errno.ENOENT, "nobody@example.test"),
    ("sync", "all wait\nbogus\n", errno.EINVAL, "bogus"),
    ("ctl", "bogus\n", errno.EINVAL, "reload"),
    ("ctl", "pause nobody@example.test\n", errno.ENOENT, "nobody@example.test"),
    ("ctl", "approve deadbeef\n", errno.ENOENT, "deadbeef"),
    ("ctl", "approve\n", errno.EINVAL, "id of a hold"),
    ("ctl", "log-level loud\n", errno.EINVAL, "verbose"),
])
def test_a_line_that_is_not_understood_is_refused_and_changes_nothing(mounted, file, line, code, reason):
    mounted.control.clear()
    before = mounted.daemon.read("status.json")
    assert mounted.daemon.control(file, line) == code
    first = mounted.daemon.read(file).splitlines()[0]
    assert first.startswith("refused: ") and reason in first
    assert mounted.daemon.read("status.json") == before
    assert mounted.control.exchange_log() == [] and mounted.control.erp_log() == []


def test_an_employees_file_is_for_that_employee(mounted):
    folder = "alice@example.test"
    assert mounted.daemon.control("sync", "bob@example.test wait\n", folder) == errno.EACCES
    assert mounted.daemon.control("sync", "contacts wait\n", folder) == 0
    assert "done: alice@example.test contacts wait" in mounted.daemon.read("sync", folder)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be somebody else")
def test_somebody_else_has_no_permission(workdir, world):
    world.directory.chmod(0o755)
    with open("/etc/fuse.conf", "a+") as conf:
        conf.seek(0)
        if "user_allow_other" not in conf.read():
            pass  # root may use allow_other without it
    world.start()
    world.daemon.close()
    import processes
    import subprocess
    daemon = subprocess.Popen([processes.PROGRAM, "mount", "-f", "-o", "allow_other", "-c", str(world.config), str(world.mount)])
    try:
        processes.until(lambda: (world.mount / ".control" / "sync").exists(), "mounting", process=daemon)
        for path in [".control/sync", "alice@example.test/.control/sync", "alice@example.test/ERP Contacts"]:
            result = subprocess.run(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", f"cat '{world.mount}/{path}'; echo all > '{world.mount}/{path}'"],
                capture_output=True, text=True, timeout=20)
            assert result.returncode != 0 and result.stderr.count("Permission denied") == 2, result.stderr
    finally:
        daemon.terminate()
        daemon.wait(30)
        processes.unmount(world.mount)


def test_pause_keeps_everybody_still_until_resume(mounted):
    assert mounted.daemon.control("ctl", "pause all\n") == 0
    mounted.control.clear()
    assert mounted.daemon.control("sync", "all wait\n") == errno.EIO
    assert mounted.control.exchange_log() == []
    assert mounted.daemon.control("ctl", "resume all\n") == 0
    mounted.daemon.sync()
    assert mounted.control.exchange_log() != []


def test_reload_takes_a_good_file_and_refuses_a_bad_one(mounted):
    good = mounted.config.read_text()
    mounted.config.write_text(good.replace("conflict: erp", "conflict: sometimes"))
    assert mounted.daemon.control("ctl", "reload\n") == errno.EINVAL
    first = mounted.daemon.read("ctl").splitlines()[0]
    assert "sometimes" in first and "last-updated" in first
    assert "sometimes" not in mounted.daemon.read("config.yaml")
    mounted.config.write_text(good.replace("conflict: erp", "conflict: exchange"))
    assert mounted.daemon.control("ctl", "reload\n") == 0
    assert "conflict: exchange" in mounted.daemon.read("policies/Sales.yaml")


def test_whoever_is_switched_off_and_on_again_between_two_rounds_has_all_files_back(mounted):
    folder = mounted.mount / "alice@example.test"
    before = {path.relative_to(folder): path.read_bytes() for path in folder.glob("*/*.*") if path.parent.name != ".control"}
    assert len(before) > 2
    on = mounted.config.read_text()
    mounted.config.write_text(on.replace("email: alice@example.test", "email: alice@example.test, sync: false"))
    assert mounted.daemon.control("ctl", "reload\n") == 0
    assert not folder.exists()
    mounted.config.write_text(on)
    assert mounted.daemon.control("ctl", "reload\n") == 0
    mounted.daemon.sync()
    assert {path: (folder / path).read_bytes() for path in before} == before


def test_no_secret_is_shown_anywhere(mounted):
    for secret in ["sandbox-delegate", "sandbox-erp"]:
        for path in (mounted.mount / ".control").rglob("*"):
            if path.is_file():
                assert secret not in path.read_text(), path
        for file in ["cache.db", "cache.db-wal", "daemon.log"]:
            assert secret.encode() not in (mounted.directory / file).read_bytes(), file
        with open(f"/proc/{mounted.daemon.process.pid}/cmdline") as words:
            assert secret not in words.read()


def test_status_is_the_same_for_people_programs_and_the_command(mounted):
    report = json.loads(mounted.daemon.read("status.json"))
    assert [person["employee"] for person in report["employees"]] == [f"{name}@example.test" for name in ["alice", "bob", "carol"]]
    assert [person["kinds"][0]["linked"] for person in report["employees"]] == [60, 60, 60]
    assert json.loads(mounted.run("status", "--json", check=0).stdout)["employees"] == report["employees"]
    assert mounted.run("status", check=0).stdout == mounted.daemon.read("status")


def test_every_control_file_can_be_read_and_tells_its_size(mounted):
    names = sorted(str(path.relative_to(mounted.mount / ".control")) for path in (mounted.mount / ".control").rglob("*") if path.is_file())
    assert names == sorted(["README", "sync", "ctl", "status", "status.json", "log", "metrics", "config.yaml", "errors",
                            "policies/Sales.yaml", "policies/Service.yaml"])
    for name in names:
        path = mounted.mount / ".control" / name
        assert len(path.read_bytes()) == path.stat().st_size, name
