from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEFT_DEAF = """if True:
    import os, signal, sys
    for name in ("SIGHUP", "SIGINT", "SIGQUIT"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *sys.argv[1:]])
"""


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["by itself", "in a worker"])
def test_tests_pass_that_were_started_by_nohup_or_in_the_background(tmp_path: Path, workers: tuple[str, ...]) -> None:
    chosen = ["tests/cassette_tools/test_interruption.py", "tests/cassette_tools/test_launch.py"]
    done = subprocess.run(
        [
            *(sys.executable, "-c", LEFT_DEAF, "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'inner'}"),
            *("-k", "is_told_to_stop or (sent_to_us_reaches and queued)", *workers, *chosen),
        ],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "10 passed" in done.stdout
