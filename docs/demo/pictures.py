"""Takes the pictures of README.md and docs/: real output of real commands in a terminal, and real pages in a browser.

Law: it runs the demo's own client, twice (the second time as its next release), and photographs what the commands
print and the pages they make. Nothing is drawn by hand. Needs Chromium. Run it after a change of what is shown:
`python docs/demo/pictures.py`.
"""

from __future__ import annotations

import fcntl
import html
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
PROGRAM = "python app.py"
IGNORED = "--ignore json:base64 --ignore json:sha256"  # the server sends copies of what it got
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
THEME = TerminalTheme(
    (24, 26, 31),
    (214, 218, 224),
    [(24, 26, 31), (229, 97, 97), (126, 192, 110), (224, 184, 92), (97, 160, 229), (187, 132, 214), (86, 182, 194),
     (214, 218, 224)],
    [(110, 116, 128), (240, 130, 130), (150, 210, 130), (235, 203, 120), (130, 180, 240), (205, 160, 226),
     (120, 205, 215), (255, 255, 255)],
)  # fmt: skip

sys.path.insert(0, str(ROOT))

from docs.demo.demo import TOKEN  # noqa: E402 -- the path comes first
from tests.servers.origin import origin_process  # noqa: E402 -- the path comes first


def main() -> None:
    """Record twice, then take every picture."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, origin_process() as origin, sync_playwright() as playwright:
        folder = Path(name)
        shutil.copy(Path(__file__).with_name("client.py"), folder / "app.py")
        program = f"{PROGRAM} {origin.url} {origin.bundle}"
        run(f"ctools record -q -o old.jsonl -- {program}", folder)
        run(f"RELEASE=2 ctools record -q -o new.jsonl -- {program}", folder)
        for one in ("old.jsonl", "new.jsonl"):
            if b'"type":"interaction"' not in (folder / one).read_bytes():
                raise SystemExit(f"{one} holds nothing: run this with a Python that has the recorder installed")
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM)
        camera = Camera(browser, folder)
        camera.terminal("diff.png", f"ctools diff old.jsonl new.jsonl {IGNORED}", columns=130, lines=46)
        run("ctools report old.jsonl -o report.html", folder)
        camera.page("report-light.png", "report.html", scheme="light")
        camera.page("report-dark.png", "report.html#/41", scheme="dark")
        camera.page("report-phone.png", "report.html", scheme="light", width=390, height=844)
        browser.close()


class Camera:
    """Takes pictures of what is in a folder."""

    def __init__(self, browser: Any, folder: Path) -> None:  # noqa: ANN401 -- a browser of playwright
        self.browser = browser
        self.folder = folder

    def terminal(self, name: str, command: str, *, columns: int, lines: int) -> None:
        """Photograph what a command prints on a terminal of so many columns, at most so many lines of it."""
        printed = typed(command, self.folder, columns)
        console = Console(record=True, width=columns, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115, PTH123 -- thrown away
        for line in printed.split("\n")[:lines]:
            console.print(Text.from_ansi(line), soft_wrap=True)
        coloured = console.export_html(theme=THEME, inline_styles=True, code_format="{code}")
        page = self.folder / "terminal.html"
        page.write_text(
            "<!doctype html><meta charset=utf-8><style>body{margin:0;background:#181a1f;color:#d6dae0;"
            "display:inline-block;padding:18px 24px;font:14px/1.35 'DejaVu Sans Mono',monospace}"
            "pre{margin:0;font:inherit}"
            f"b{{color:#7ec06e;font-weight:normal}}</style><pre><b>$</b> {html.escape(command)}\n{coloured}</pre>",
            encoding="utf-8",
        )
        tab = self.browser.new_page(viewport={"width": 1600, "height": 200})
        tab.goto(page.as_uri())
        tab.locator("body").screenshot(path=PICTURES / name)
        tab.close()

    def page(self, name: str, address: str, *, scheme: str, width: int = 1280, height: int = 860) -> None:
        """Photograph a page as it opens."""
        file, _, fragment = address.partition("#")
        tab = self.browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        tab.goto((self.folder / file).as_uri() + (f"#{fragment}" if fragment else ""))
        tab.wait_for_timeout(1000)
        tab.screenshot(path=PICTURES / name)
        tab.close()


def run(command: str, folder: Path) -> None:
    """Run a command of ours. Raises CalledProcessError where it fails."""
    subprocess.run(command, shell=True, cwd=folder, env=environment(), check=True, stdout=subprocess.DEVNULL)  # noqa: S602 -- our own words


def typed(command: str, folder: Path, columns: int) -> str:
    """Run a command with its output on a terminal of so many columns, and give that. It may answer "no"."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    quiet = subprocess.DEVNULL
    shell = subprocess.Popen(command, shell=True, cwd=folder, env=environment(), stdout=theirs, stderr=quiet)  # noqa: S602 -- our own words
    os.close(theirs)
    printed = b""
    try:
        while part := os.read(ours, 65536):
            printed += part
    except OSError:  # the terminal's other end was closed
        pass
    os.close(ours)
    if shell.wait() not in (0, 1):
        raise SystemExit(f"{command}: exit code {shell.returncode}\n{printed.decode()}")
    return printed.decode().replace("\r\n", "\n").rstrip()


def environment() -> dict[str, str]:
    """Give the environment of the commands: this one's own programs first, a terminal with colours."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    kept = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS"}}
    return {**kept, "PATH": path, "API_TOKEN": TOKEN, "TERM": "xterm-256color", "COLORTERM": "truecolor"}


def chromium() -> str:
    """Give the path of the browser."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise SystemExit("The pictures need Chromium. Install it (Debian: apt-get install chromium), then try again.")
    return found


if __name__ == "__main__":
    main()
