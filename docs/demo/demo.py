"""What `make demo` shows: a real client recorded against a real HTTPS server, and its cassette looked at.

Law: every command is printed as it can be typed, and then run; what follows is its own output. The server is a process
of its own on loopback and ends with the demo. What is made stays in demo-output/, for a look around.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "demo-output"

sys.path.insert(0, str(ROOT))

from tests.servers.origin import origin_process  # noqa: E402 -- the path comes first


def main() -> int:
    """Run the demo. Gives the exit code: 0 when every command ended as it should."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    shutil.copy(Path(__file__).with_name("client.py"), OUTPUT)
    with origin_process() as origin:
        assert origin.bundle is not None  # noqa: S101 -- it speaks TLS
        shutil.copy(origin.bundle, OUTPUT / "ca.pem")
        print(f"# an HTTPS server of the tests runs at {origin.url}; you are in {OUTPUT.name}/\n", flush=True)
        results = [
            show("cat", "client.py"),
            show("ctools", "record", "-o", "cassette.jsonl", "--", "python", "client.py", origin.url, "ca.pem"),
            show("ctools", "inspect", "cassette.jsonl"),
            show("ctools", "inspect", "cassette.jsonl", "--list"),
            show("ctools", "inspect", "cassette.jsonl", "41"),
            show("ctools", "inspect", "cassette.jsonl", "42", "--body", "-o", "download.bin"),
            show("ls", "-l", "download.bin", "cassette.jsonl"),
        ]
    print("# done; everything is in demo-output/")
    return 0 if not any(results) else 1


def show(*command: str) -> int:
    """Print one command and run it, with this environment's own programs first in the path."""
    print(f"$ {shlex.join(command)}", flush=True)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    code = subprocess.run(command, cwd=OUTPUT, env=environment, check=False).returncode  # noqa: S603 -- our own words
    print(flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
