"""Programs that tests run: those of this environment come first, wherever the tests were started from."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

SEARCHED: Final = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
"""The PATH to give them."""


def is_installed(name: str) -> bool:
    return shutil.which(name, path=SEARCHED) is not None
