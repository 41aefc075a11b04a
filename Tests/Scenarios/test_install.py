"""What is installed beside the program: completions that shells read, a unit that systemd reads, and every subcommand in both."""

import pathlib
import re
import shutil
import subprocess

import processes
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def subcommands():
    text = processes.run("--help", check=0).stdout
    return re.findall(r"^  ([a-z]+) ", text.split("SUBCOMMANDS:")[1], re.MULTILINE)


def test_every_command_has_a_help_that_says_what_it_does():
    names = subcommands()
    assert {"mount", "sync", "plan", "check", "test", "status", "log", "holds", "journal", "why", "policy", "employee", "account", "init",
            "sandbox", "takeover"} == set(names)
    for name in names:
        overview = processes.run(name, "--help", check=0).stdout
        assert overview.startswith("OVERVIEW: ") and "USAGE: concordfs " + name in overview


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_name_every_command(shell):
    script = processes.run("--generate-completion-script", shell, check=0).stdout
    for name in subcommands():
        assert re.search(rf"\b{name}\b", script), name
    if shutil.which(shell):
        done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr


def test_the_unit_is_understood_by_systemd(workdir):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here")
    unit = workdir / "concordfs.service"
    unit.write_text((ROOT / "packaging" / "concordfs.service").read_text().replace("@PREFIX@/bin/concordfs", processes.PROGRAM))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stderr.strip() == "", done.stderr


def test_the_configuration_that_the_readme_and_init_speak_of_is_understood(workdir):
    written = processes.run("init", str(workdir), check=0)
    assert "concordfs check" in written.stdout
    assert "test_only: true" in (workdir / "config.yaml").read_text()
