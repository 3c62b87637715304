"""Chromium for the tests of pages: what a page does that it should not, fails the test.

Law: a page is opened from a file, offline, as a person would. Console errors and warnings, uncaught errors, violations
of its policy, dialogs, and any request but that for the file itself are told by `Tab.complaints`, and the fixture
`open_page` fails a test that leaves some. Where there is no Chromium the tests are skipped, and say so.

Use: a conftest.py beside the tests imports the fixtures `browser` and `open_page`.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

__all__ = ["PHONE", "Tab", "browser", "open_page"]

_WIDE: Final = (1280, 900)
PHONE: Final = (390, 844)
"""Width and height of a common telephone's page, in CSS pixels."""

_ARGUMENTS: Final = (
    "--no-sandbox",  # containers run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_WATCH: Final = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.__violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""


@dataclass
class Tab:
    """An open page and what was seen of it."""

    page: Page
    url: str
    seen: list[str] = field(default_factory=list)

    def complaints(self) -> list[str]:
        """Return what the page did that it should not."""
        return [*self.seen, *(f"policy: {one}" for one in self.page.evaluate("window.__violations"))]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give one Chromium for the tests of a module; skip where there is none.

    No longer than that: as long as playwright is there, the thread has a running event loop, which other tests notice.
    """
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed: pages are not tested in a browser")
    with sync_api.sync_playwright() as started:
        running = started.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Tab]]:
    """Give `open_page(path, *, fragment="", size=(1280, 900), dark=False, script=True) -> Tab`."""
    tabs: list[Tab] = []
    with ExitStack() as stack:

        def opened(
            path: Path,
            *,
            fragment: str = "",
            size: tuple[int, int] = _WIDE,
            dark: bool = False,
            script: bool = True,
            **options: Any,
        ) -> Tab:
            context = browser.new_context(
                viewport={"width": size[0], "height": size[1]},
                color_scheme="dark" if dark else "light",
                java_script_enabled=script,
                offline=True,
                **options,
            )
            stack.callback(context.close)
            context.set_default_timeout(10_000)
            context.add_init_script(_WATCH)
            tab = Tab(context.new_page(), path.resolve().as_uri())
            _watch(tab)
            tab.page.goto(tab.url + fragment)
            if script:
                tabs.append(tab)
            return tab

        yield opened
        complaints = [one for tab in tabs for one in tab.complaints()]
    assert complaints == []


def _watch(tab: Tab) -> None:
    page, seen = tab.page, tab.seen
    page.on("console", lambda said: seen.append(f"console: {said.text}") if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: seen.append(f"error: {error}"))
    page.on("request", lambda asked: seen.append(f"request: {asked.url}") if not _own(asked.url, tab.url) else None)
    page.on("popup", lambda _: seen.append("a window was opened"))

    def refuse(dialog: Any) -> None:
        seen.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", refuse)


def _own(asked: str, url: str) -> bool:
    return asked.partition("#")[0] == url or asked.startswith("data:")
