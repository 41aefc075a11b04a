"""How the process ends: at once, so that no library takes away at exit what a thread still uses."""

import os
import shutil
import subprocess
import sys

import processes
import pytest

SHIM = r"""
#include <unistd.h>
__attribute__((destructor)) static void last(void) { (void)!write(2, "destructors ran\n", 16); }
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    """A library that says when destructors run."""
    directory = tmp_path_factory.mktemp("shim")
    compiler = shutil.which("clang") or shutil.which("cc")
    (directory / "last.c").write_text(SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", directory / "last.so", directory / "last.c"], check=True)
    return {"LD_PRELOAD": str(directory / "last.so")}


@pytest.mark.parametrize("arguments", [["sync"], ["sync", "nobody@example.test"], ["check"]])
def test_no_destructor_runs_while_threads_work(world, shim, arguments):
    result = world.run(*arguments, env=shim)
    assert "destructors ran" not in result.stderr, result.stderr


def test_the_shim_sees_destructors_elsewhere(shim):
    result = subprocess.run([sys.executable, "-c", "pass"], capture_output=True, text=True, env={**os.environ, **shim})
    assert result.stderr == "destructors ran\n"


def test_what_is_printed_last_is_there(shim):
    assert "OVERVIEW" in processes.run("--help", env=shim).stdout
    wrong = processes.run("sync", "--bogus", env=shim)
    assert wrong.returncode == 64 and "Unknown option" in wrong.stderr and not wrong.stdout
