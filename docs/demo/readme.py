"""Puts real output into README.md: between `<!-- output of: ... -->` and `<!-- end -->`.

Law: it runs the demo's own client against the demo's server, in a folder of its own, and replaces what stands between
the marks by what each command printed; only the server's port is made 8443, so that the page does not change for
nothing. There is a cassette old.jsonl beside, recorded without redaction, and a cassette next.jsonl of the program's
next release. A command may answer "no" (exit code 1), but
must not fail. Run it after a change of what commands print: `python docs/demo/readme.py`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PROGRAM = "python app.py"
OLD = f"ctools record --quiet --no-redact -o old.jsonl -- {PROGRAM}"
NEXT = f"RELEASE=2 ctools record --quiet -o next.jsonl -- {PROGRAM}"

sys.path.insert(0, str(ROOT))

from docs.demo.demo import TOKEN  # noqa: E402 -- the path comes first
from tests.servers.origin import origin_process  # noqa: E402 -- the path comes first


def main() -> None:
    """Run every marked command in the order in which they stand, and write the page anew."""
    with tempfile.TemporaryDirectory() as folder, origin_process() as origin:
        shutil.copy(Path(__file__).with_name("client.py"), Path(folder, "app.py"))
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "COLUMNS": "96",
            "NO_COLOR": "1",
            "API_TOKEN": TOKEN,
        }

        def run(command: str) -> str:
            line = f"{command} {origin.url} {origin.bundle}" if command.endswith(PROGRAM) else command
            done = subprocess.run(  # noqa: S602 -- the commands of our own page, pipes and all
                line, shell=True, cwd=folder, env=environment, check=False, text=True, capture_output=True
            )
            if done.returncode not in (0, 1):
                raise SystemExit(f"{command}: exit code {done.returncode}\n{done.stderr}")
            printed = (done.stdout + done.stderr).rstrip().replace(origin.url, "https://localhost:8443")
            return printed.replace(origin.url.removeprefix("https://"), "localhost:8443")

        def output(mark: re.Match[str]) -> str:
            command = mark[1]
            return f"<!-- output of: {command} -->\n\n```console\n$ {command}\n{run(command)}\n```\n\n<!-- end -->"

        run(OLD)
        run(NEXT)
        for name in ("old.jsonl", "next.jsonl"):
            if b'"type":"interaction"' not in Path(folder, name).read_bytes():
                raise SystemExit(f"{name} holds nothing: run this with a Python that has the recorder installed")
        page = README.read_text(encoding="utf-8")
        README.write_text(
            re.sub(r"<!-- output of: (.*?) -->.*?<!-- end -->", output, page, flags=re.DOTALL), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
