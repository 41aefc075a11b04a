"""Eight readers of a mount whose records change at full speed see nothing torn, stale, doubled or missing."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_a_short_campaign_of_the_consistency_script_finds_nothing():
    result = subprocess.run(
        [sys.executable, ROOT / "scripts" / "consistency", "--seconds", "5", "--rate", "500", "--records", "1000", "--still", "500"],
        capture_output=True, text=True, timeout=180, env={**os.environ, "CONCORDFS_BIN": str(pathlib.Path(os.environ["CONCORDFS"]).parent)})
    assert result.returncode == 0, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    assert lines[-1].startswith("0 faults")
    looks = {line.split(":")[0] for line in lines if " looks, " in line and " 0 rounds" not in line}
    assert looks == {"find", "grep", "stat_walk", "random_files", "held_files"}, result.stdout
