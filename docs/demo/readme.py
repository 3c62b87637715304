"""Puts real output into README.md: between `<!-- output of: ... -->` and `<!-- end -->`.

Law: it runs the demo's own client against the demo's server, in a folder of its own, and replaces what stands between
the marks by what each command printed; only the server's port is made 8443, so that the page does not change for
nothing. Run it after a change of what commands print: `python docs/demo/readme.py`.
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
RECORD = "ctools record -o cassette.jsonl -- python app.py"

sys.path.insert(0, str(ROOT))

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
        }

        def output(mark: re.Match[str]) -> str:
            command = mark[1]
            line = f"{command} {origin.url} {origin.bundle}" if command == RECORD else command
            run = subprocess.run(  # noqa: S602 -- the commands of our own page, pipes and all
                line, shell=True, cwd=folder, env=environment, check=True, text=True, capture_output=True
            )
            printed = (run.stdout + run.stderr).rstrip().replace(origin.url, "https://localhost:8443")
            printed = printed.replace(origin.url.removeprefix("https://"), "localhost:8443")
            return f"<!-- output of: {command} -->\n\n```console\n$ {command}\n{printed}\n```\n\n<!-- end -->"

        page = README.read_text(encoding="utf-8")
        README.write_text(
            re.sub(r"<!-- output of: (.*?) -->.*?<!-- end -->", output, page, flags=re.DOTALL), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
