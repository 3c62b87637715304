"""The page's regular expressions give the answers of Python's `re`, and never hang."""

from __future__ import annotations

import random
import re
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

SOURCE: Final = Path(__file__).parents[3] / "cassette_tools/views/web/report/pattern.js"

# Gives, for each pattern, the answers for its texts, or what is said of it. A text is one of code points or of bytes.
ASK: Final = """(asked) => asked.map(([pattern, options, texts]) => {
  try {
    const test = patterns.compile(pattern, options);
    return texts.map((text) => test(options.isBytes ? Uint8Array.from(text, (sign) => sign.charCodeAt(0)) : text));
  } catch (error) {
    if (!(error instanceof patterns.WrongPattern)) throw error;
    return error.message;
  }
})"""

Question = tuple[str, dict[str, bool], list[str]]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    opened.add_script_tag(path=SOURCE)
    yield opened
    opened.close()


def expected(pattern: str, options: dict[str, bool], texts: list[str]) -> list[bool] | None:
    """Return what `re` says; None for a pattern that is wrong. Texts of bytes are given as latin-1."""
    flags = re.IGNORECASE
    flags |= re.DOTALL if options.get("dotAll") else flags
    flags |= re.MULTILINE if options.get("lines") else flags
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if options.get("isBytes"):
                found = re.compile(pattern.encode(), flags)
                return [found.search(text.encode("latin-1")) is not None for text in texts]
            compiled = re.compile(pattern, flags)
    except (re.error, ValueError, OverflowError):
        return None
    return [compiled.search(text) is not None for text in texts]


def disagreements(page: Page, questions: list[Question]) -> list[Any]:
    answers = page.evaluate(ASK, questions)
    found = []
    for question, answer in zip(questions, answers, strict=True):
        known = expected(*question)
        refused = isinstance(answer, str)
        if refused and ("this page does not know" in answer or known is None):
            continue
        if answer != known:
            found.append((question, answer, known))
    return found


TEXTS: Final = [
    "",
    "a",
    "A",
    "ab",
    "aab",
    "b\n",
    "a\nb",
    "\n",
    "\n\n",
    "foo bar",
    "foo_bar-7",
    "]",
    "-^",
    "a.b",
    "{2}",
    " ",
]
BEYOND: Final = [
    "é",
    "É",
    "ß",
    "ǆǅ",
    "\u0130i",
    "\u0131I",
    "\u017fS",
    "\u212a",
    "\u00b5",
    "日本 語",
    "٣",
    "\u2028",
    "\u00a0",
    "\x1c",
    "\ufeff",
    "😀",
]

PATTERNS: Final = [
    "",
    "a",
    "^a",
    "a$",
    "^$",
    r"\Aa\Z",
    "b$",
    r"b\Z",
    "a.b",
    "a|b",
    "(a|)b",
    "(?:ab?)+$",
    "a{2}",
    "a{2,}",
    "a{,2}b",
    "{2}",
    "a{,}b",
    "x{a}|{2}",
    r"\bfoo\b",
    r"\Boo",
    r"\B",
    r"\b",
    "[]a]",
    "[^]a]",
    "[a-]",
    "[-^]",
    r"[\w-]+",
    r"[^\W\d]7",
    r"\d\D?",
    r"\s\S",
    r"[\b]",
    r"\x61\x62",
    r"\x0a",
    r"\141",
    r"\0",
    r"[\141-\142]",
    "(?i)A",
    "(?-i:A)",
    "(?-i:a)B",
    "(?s:a.b)",
    "(?m:^b)",
    "(?a)é",
    r"(?a:\w)",
    r"(?a:\b)",
    "(?P<name>a)b",
    "(?#said)a",
    "a*?b",
    "(a*)*",
    "(a*)+b",
    "(^)*a",
    "()*",
    "(?:)+a",
    "é",
    "[é]",
    "[à-ü]",
    "[^é]",
    "ß",
    "ǅ",
    "i",
    "I",
    "\u0131",
    "\u0130",
    "s",
    "[r-t]",
    "[^s]$",
    "K",
    "\u212a",
    "μ",
    r"\w",
    r"^\W$",
    r"\d",
    r"\s",
    r"\u00e9",
    r"\U0001F600",
    "^.$",
    "^😀$",
    "[😀]",
    # wrong
    "(",
    ")",
    "a)",
    "[",
    "[]",
    "[a",
    "*",
    "a**",
    "a{2}{3}",
    "^*",
    "$+",
    r"\b?",
    "a|*",
    "(?",
    "(?y)",
    "(?P",
    "(?P<",
    "(?P<1>a)",
    "(?P<a>)(?P<a>)",
    "(?<",
    "(?i",
    "a(?i)",
    "(?i-i:a)",
    "(?-:a)",
    "a{3,2}",
    "a{4294967295}",
    "[b-a]",
    r"[\w-a]",
    "\\",
    "[\\",
    r"\q",
    r"[\q]",
    r"\x1",
    r"\u12",
    r"\U00110000",
    r"\400",
    r"[\8]",
    # refused here
    "(?=a)",
    "(?!a)",
    "(?<=a)b",
    "(?<!a)b",
    r"(a)\1",
    "(?P<q>a)(?P=q)",
    "(?>a)",
    "a*+",
    "a{2}+",
    "(a)?(?(1)b|c)",
    "(?x) a",
    r"\N{DIGIT ONE}",
    "a{5000}",
    "((a{99}){99}){99}",
]


@pytest.mark.parametrize("options", [{}, {"lines": True}, {"dotAll": True}], ids=str)
def test_a_pattern_for_text_is_found_where_python_finds_it(options: dict[str, bool], page: Page) -> None:
    assert disagreements(page, [(pattern, options, TEXTS + BEYOND) for pattern in PATTERNS]) == []


@pytest.mark.parametrize("options", [{}, {"lines": True}, {"dotAll": True}], ids=str)
def test_a_pattern_for_bytes_is_found_where_python_finds_it(options: dict[str, bool], page: Page) -> None:
    texts = TEXTS + [text.encode("utf-8", "surrogatepass").decode("latin-1") for text in BEYOND] + ["\xe9", "\xc9\xff"]
    assert disagreements(page, [(pattern, options | {"isBytes": True}, texts) for pattern in PATTERNS]) == []


def test_what_the_page_does_not_know_is_refused_by_name(page: Page) -> None:
    said = page.evaluate(ASK, [[pattern, {}, []] for pattern in (r"(a)\1", "(?=a)", "a*+", "((a{99}){99}){99}")])
    for answer, name in zip(said, ("backreferences", "a look ahead", "possessive", "so large a pattern"), strict=True):
        assert name in answer
        assert "--only" in answer


PIECES: Final = [
    "a",
    "b",
    "A",
    ".",
    "^",
    "$",
    r"\b",
    r"\B",
    r"\w",
    r"\W",
    r"\d",
    r"\s",
    "[ab]",
    "[^a]",
    "[a-c_]",
    "é",
    "\n",
    "-",
]
REPEATS: Final = ["", "", "", "", "*", "+", "?", "*?", "{2}", "{0,2}", "{1,}"]


def random_pattern(chance: random.Random, depth: int = 0) -> str:
    parts = []
    for _ in range(chance.randint(1, 4)):
        if depth < 3 and chance.random() < 0.25:
            opening = chance.choice(["(", "(?:", "(?-i:", "(?s:", "(?m:", "(?a:"])
            piece = f"{opening}{random_pattern(chance, depth + 1)})"
        else:
            piece = chance.choice(PIECES)
        parts.append(piece + chance.choice(REPEATS))
        if chance.random() < 0.15:
            parts.append("|")
    return "".join(parts)


@pytest.mark.parametrize("is_bytes", [False, True])
def test_random_patterns_are_found_where_python_finds_them(is_bytes: bool, page: Page) -> None:
    chance = random.Random(5)
    questions: list[Question] = []
    for _ in range(1500):
        texts = ["".join(chance.choices("aabbAc_1 -\né", k=chance.randint(0, 6))) for _ in range(6)]
        options = {"isBytes": is_bytes, "lines": chance.random() < 0.3, "dotAll": chance.random() < 0.3}
        if is_bytes:
            texts = [text.encode().decode("latin-1") for text in texts]
        questions.append((random_pattern(chance), options, texts))
    assert disagreements(page, questions) == []
    assert sum(expected(*question) is not None for question in questions) > 700


SLOW: Final = [
    ("(a+)+$", "a" * 50_000 + "b"),
    ("^(a|a)*$", "a" * 50_000 + "b"),
    ("(.*)*x", "a" * 50_000),
    ("(a?){50}a{50}$", "a" * 40_000 + "b"),
    (r"(\w+\s?)*!", "word " * 10_000),
    ("a.{30}b$", "a" * 20_000 + "c"),
    ("a[ab]{200}c", "ab" * 10_000),
]


@pytest.mark.parametrize(("pattern", "text"), SLOW)
def test_a_pattern_that_hangs_other_engines_takes_no_time(pattern: str, text: str, page: Page) -> None:
    began = time.monotonic()
    assert page.evaluate(ASK, [[pattern, {}, [text]], [pattern, {"isBytes": True}, [text]]]) == [[False], [False]]
    assert time.monotonic() - began < 5
