"""Other tools' packages, in the environments that `benchmarks/` keeps for them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

__all__ = ["in_peer", "peer"]

_ROOT = Path(__file__).resolve().parents[3]


def peer(name: str) -> Path | None:
    """Give the interpreter that has the package `name`."""
    python = _ROOT / "benchmarks" / ".venv-peers" / name / "bin" / "python"
    return python if python.exists() else None


def in_peer(name: str, program: str, *arguments: str) -> Any:
    """Run a program there and give the JSON that it prints on its last line."""
    python = peer(name)
    assert python is not None
    done = subprocess.run([python, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
