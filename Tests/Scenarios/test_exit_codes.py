"""Each exit code of the command, shown by a case of its own: 0, 1, 64, 69, 75, 77, 78; what went wrong is one line on stderr."""

import processes


def said(result):
    """The one line that tells what failed."""
    lines = result.stderr.splitlines() or result.stdout.splitlines()
    assert lines, result
    return lines[-1]


def test_0_done(world):
    assert world.run("sync").returncode == 0
    assert world.run("check").returncode == 0


def test_1_something_failed_and_was_reported(world):
    world.run("sync", check=0)
    result = world.run("holds", "show", "nothing")
    assert result.returncode == 1 and said(result) == "concordfs: there is no hold 'nothing'; 'concordfs holds' lists them"
    result = world.run("why", "alice@example.test/ERP Contacts/Nobody.vcf")
    assert result.returncode == 1 and "Nobody.vcf" in said(result)


def test_64_wrong_usage(world):
    assert world.run("sync", "--bogus").returncode == 64
    assert processes.run("no-such-command").returncode == 64
    assert processes.run("sandbox", "--listen", "no address").returncode == 64


def test_69_a_server_is_unreachable(world):
    world.edit((world.sandbox.base, "http://127.0.0.1:1"))
    result = world.run("sync")
    assert result.returncode == 69 and "127.0.0.1:1" in result.stdout + result.stderr
    assert world.run("test").returncode == 69


def test_75_try_again_as_the_store_is_in_use(mounted):
    result = mounted.run("mount", "-f", str(mounted.directory))
    assert result.returncode == 75 and len(result.stderr.splitlines()) == 1


def test_75_try_again_as_the_server_is_busy(world):
    world.control.fault("exchange", kind="serverBusy", milliseconds=100, count=100)
    result = world.run("sync")
    assert result.returncode == 75, result.stdout + result.stderr


def test_77_the_sign_in_is_refused(world):
    (world.directory / "exchange.secret").write_text("wrong")
    result = world.run("sync")
    assert result.returncode == 77 and "wrong" not in result.stdout + result.stderr


def test_78_the_configuration_is_wrong(world):
    world.edit(("conflict: erp", "conflict: sometimes"))
    for command in ["check", "sync", "plan", "status"]:
        result = world.run(command)
        assert result.returncode == 78 and said(result).count("config.yaml:") == 1


def test_78_the_mailbox_is_not_there(world):
    world.edit(("email: alice@example.test", "email: nobody@example.test"))
    assert world.run("sync", "nobody@example.test").returncode == 78
