"""What `make demo` shows: a real client recorded, its cassette, other formats, its secrets, a comparison, a report.

Law: every command is printed as it can be typed, and then run; what follows is its own output. A command that ends
otherwise than it should is told, and the demo fails. The server is a process of its own on loopback and ends with the
demo. What is made stays in demo-output/, for a look around. The secrets are made up.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "demo-output"
TOKEN = "demo-3f9a1c77b2e84d05"  # noqa: S105 -- made up

sys.path.insert(0, str(ROOT))

from docs.demo.client import PASSWORD  # noqa: E402 -- the path comes first
from tests.servers.origin import origin_process  # noqa: E402 -- see above

GREP = f"grep -c -e $API_TOKEN -e {PASSWORD}"


def main() -> int:
    """Run the demo. Gives the exit code: 0 when every command ended as it should."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir()
    for name in ("client.py", "replay.py"):
        shutil.copy(Path(__file__).with_name(name), OUTPUT)
    with origin_process() as origin:
        assert origin.bundle is not None  # noqa: S101 -- it speaks TLS
        shutil.copy(origin.bundle, OUTPUT / "ca.pem")
        program = f"python client.py {origin.url} ca.pem"
        tell(f"an HTTPS server of the tests runs at {origin.url}; you are in {OUTPUT.name}/")
        results = [*record(program), *look(), *convert(), *redact(program), *compare(program)]
    tell("done; everything is in demo-output/")
    return 0 if all(results) else 1


def record(program: str) -> list[bool]:
    """Show a recording, and that there is no secret in it."""
    return [
        show("cat client.py"),
        show(f"export API_TOKEN={TOKEN}"),
        show(f"ctools record -o cassette.jsonl -- {program}"),
        show("ctools inspect cassette.jsonl"),
        show("ctools inspect cassette.jsonl --list"),
        show("ctools inspect cassette.jsonl 41"),
        show("ctools inspect cassette.jsonl 42 --body -o download.bin"),
        show("ls -l download.bin cassette.jsonl"),
        tell("the client sent a token with each request, and a password; how many lines of the cassette have one?"),
        show(f"{GREP} cassette.jsonl", code=1),
    ]


def look() -> list[bool]:
    """Show other ways to look into the cassette."""
    return [
        tell("where the time and the bytes went"),
        show("ctools inspect cassette.jsonl --stats"),
        show("ctools inspect cassette.jsonl --slowest --top 3"),
        show("ctools inspect cassette.jsonl --errors"),
        tell("one request as a command, to make it again"),
        show("ctools inspect cassette.jsonl 41 --export curl"),
    ]


def convert() -> list[bool]:
    """Show the cassette in the formats of other tools, and played back by one of them."""
    return [
        tell("as a cassette of vcrpy, which plays it back without the network"),
        show("ctools convert cassette.jsonl"),
        show("sed -n -e 1,33p cassette.yaml"),
        show("cat replay.py"),
        show("python replay.py cassette.yaml"),
        tell("as a HAR file for a browser's developer tools, read back and compared; and from there back again"),
        show("ctools convert cassette.jsonl -o cassette.har --verify"),
        show("ctools convert cassette.har -o again.jsonl.zst --verify"),
        tell("only what failed, as a shell script that sends it again"),
        show("ctools convert cassette.jsonl --only '~c 404' -o failed.sh"),
        show("cat failed.sh"),
        show("ls -l cassette.* again.*"),
    ]


def redact(program: str) -> list[bool]:
    """Show a cassette that was recorded with its secrets, and how it is cleaned."""
    return [
        tell("the same without redaction, as a cassette of another day"),
        show(f"ctools record --no-redact -o old.jsonl -- {program}"),
        show(f"{GREP} old.jsonl"),
        tell("a guard for repositories finds it: exit code 1"),
        show("ctools scan . > findings.txt", code=1),
        show("tail -n 5 findings.txt"),
        tell("and so does this, for CI: nothing is changed, exit code 1"),
        show("ctools resanitize --check old.jsonl", code=1),
        show("ctools resanitize --in-place --report old.jsonl > report.txt"),
        show("sed -n -e '1,3p' -e '/ 41 /p' report.txt"),
        show(f"{GREP} old.jsonl", code=1),
        show("ctools resanitize --check old.jsonl"),
        show("ctools scan ."),
    ]


def compare(program: str) -> list[bool]:
    """Show what a second recording, of the program's next release, has that is new; and a page to look at."""
    return [
        tell("the program's next release is recorded: what does it do differently? exit code 1: something"),
        show(f"RELEASE=2 ctools record -q -o next.jsonl -- {program}"),
        show("ctools diff cassette.jsonl next.jsonl --ignore json:base64 --ignore json:sha256", code=1),
        tell("the whole recording as one page, to open in a browser"),
        show("ctools report next.jsonl -o report.html"),
    ]


def tell(text: str) -> bool:
    """Say what comes. Nothing can go wrong with it."""
    print(f"# {text}\n", flush=True)
    return True


def show(command: str, *, code: int = 0) -> bool:
    """Print one command and run it in a shell; tell whether it ended with `code`.

    The shell finds this environment's own programs first in its path, and has the token, which one command exports.
    """
    print(f"$ {command}", flush=True)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "API_TOKEN": TOKEN,
    }
    got = subprocess.run(command, shell=True, cwd=OUTPUT, env=environment, check=False).returncode  # noqa: S602 -- our own words
    if got != code:
        print(f"this should have ended with exit code {code}, not {got}", file=sys.stderr)
    print(flush=True)
    return got == code


if __name__ == "__main__":
    sys.exit(main())
