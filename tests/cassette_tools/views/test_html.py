from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from jinja2 import DictLoader, Environment, TemplateError, UndefinedError

from cassette_tools.views import html
from cassette_tools.views.html import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.browser import Tab

HOSTILE = (
    "</title><script>window.ran = 1</script>",
    "\"><img src=x onerror='window.ran = 1'>",
    "{{ 7 * 7 }}{% raw %}",
    "]]><!-- --!>",
    "\x00\x1b[31m\u202e\u2028\ud800",
)


class _Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def page(title: str = "A title") -> str:
    return "".join(render("base.html.j2", title=title, version="1.2.3"))


def test_the_policy_is_the_first_child_of_head() -> None:
    elements = _Elements(page()).elements
    at = [tag for tag, _ in elements].index("head")
    assert elements[at + 1][1].get("http-equiv") == "Content-Security-Policy"


def test_the_policy_forbids_everything_but_what_stands_inline_by_its_digest() -> None:
    policy = next(found["content"] for tag, found in _Elements(page()).elements if "http-equiv" in found)
    directives = dict(one.split(" ", 1) for one in (policy or "").split("; "))
    assert directives["default-src"] == directives["base-uri"] == directives["form-action"] == "'none'"
    assert "img-src" not in directives
    for name in ("style-src", "script-src"):
        assert re.fullmatch(r"('sha256-[A-Za-z0-9+/]{43}=' ?)+", directives[name])


def test_images_are_allowed_from_data_only_and_only_where_asked_for() -> None:
    assert "; img-src data:; " in "".join(render("base.html.j2", data_images=True, title="", version=""))


@pytest.mark.parametrize("text", HOSTILE)
def test_text_makes_no_element(text: str) -> None:
    assert _Elements(page(text)).elements == _Elements(page("plain")).elements


def test_characters_that_hide_or_reorder_are_written_out_and_the_page_can_be_encoded() -> None:
    made = page(HOSTILE[-1])
    assert r"\x00\x1b[31m\u202e\u2028\ud800" in made
    made.encode()


def test_no_element_has_a_style_or_a_handler_in_an_attribute() -> None:
    for _, attributes in _Elements(page()).elements:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_a_value_that_a_template_was_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        list(render("base.html.j2", title="no version"))


def test_an_iterable_is_taken_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = Environment(loader=DictLoader({"many.j2": "{% for one in many %}{{ one }}\n{% endfor %}"}))
    monkeypatch.setattr(html, "_environment", lambda: environment)
    monkeypatch.setattr(html, "_asset", lambda name: "")
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    pieces = render("many.j2", many=numbers())
    assert next(pieces).strip() == "0"
    assert len(taken) < 5


@pytest.mark.parametrize("text", ["a </style> b", "a <!-- b"])
def test_a_style_or_script_that_could_end_its_element_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "_environment", lambda: Environment(loader=DictLoader({"bad.css": text})))
    with pytest.raises(ValueError, match=r"bad\.css"):
        html._asset.__wrapped__("bad.css")


def test_a_template_that_is_not_there_is_an_error() -> None:
    with pytest.raises(TemplateError):
        list(render("../cli.py"))


# -- in a browser


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(title: str) -> Path:
        path = tmp_path / "page.html"
        path.write_bytes(page(title).encode())
        return path

    return write


@pytest.mark.parametrize("text", HOSTILE)
def test_text_runs_nothing_and_is_shown_as_text(
    text: str, written: Callable[..., Path], open_page: Callable[..., Tab]
) -> None:
    tab = open_page(written(text))
    assert tab.page.evaluate("window.ran") is None
    assert tab.page.locator("h1").text_content() == html._shown(text)


def test_the_page_asks_for_nothing_and_breaks_no_rule(
    written: Callable[..., Path], open_page: Callable[..., Tab]
) -> None:
    tab = open_page(written("plain"))
    assert tab.page.title() == "plain"
    assert tab.complaints() == []


@pytest.mark.parametrize(
    "script",
    [
        "document.body.innerHTML = '<b>x</b>'",
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))",
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.ran=1>')",
        "setTimeout('window.ran = 1', 0)",
    ],
)
def test_even_a_script_of_ours_cannot_make_markup(
    script: str, written: Callable[..., Path], open_page: Callable[..., Tab]
) -> None:
    tab = open_page(written("plain"))
    failed = tab.page.evaluate(f"() => {{ try {{ {script}; }} catch (error) {{ return true; }} return false; }}")
    assert failed
    assert tab.page.evaluate("window.ran") is None
    assert tab.complaints()  # and the watch sees it
    tab.seen.clear()
    tab.page.evaluate("window.__violations = []")


def test_the_switch_goes_through_the_schemes_and_is_kept(
    written: Callable[..., Path], open_page: Callable[..., Tab]
) -> None:
    tab = open_page(written("plain"), dark=True)
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    dark = tab.page.evaluate(ground)
    button = tab.page.get_by_role("button", name="Colours: system")
    button.click()
    light = tab.page.evaluate(ground)
    assert light != dark
    tab.page.reload()
    assert tab.page.evaluate(ground) == light
    tab.page.get_by_role("button", name="Colours: light").click()
    assert tab.page.evaluate(ground) == dark


TOKENS = [
    (text, ground)
    for ground in ("ground", "panel", "sunk", "raised")
    for text in ("text", "quiet", "accent", "good", "note", "bad", "violet")
] + [
    ("on-accent", "accent"),
    ("accent", "accent-soft"),
    ("good", "good-soft"),
    ("note", "note-soft"),
    ("bad", "bad-soft"),
    ("violet", "violet-soft"),
    ("text", "accent-soft"),
    ("text", "good-soft"),
    ("text", "note-soft"),
    ("text", "bad-soft"),
]


@pytest.mark.parametrize("dark", [False, True])
def test_text_has_a_contrast_of_four_and_a_half_on_every_ground(
    dark: bool, written: Callable[..., Path], open_page: Callable[..., Tab]
) -> None:
    tab = open_page(written("plain"), dark=dark)
    read = "(name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()"
    weak = {
        pair: ratio
        for pair in TOKENS
        if (ratio := contrast(tab.page.evaluate(read, pair[0]), tab.page.evaluate(read, pair[1]))) < 4.5
    }
    assert weak == {}


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2, of two colours as #rrggbb."""
    lights = sorted((luminance(one), luminance(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
