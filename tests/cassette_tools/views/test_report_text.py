"""What the page makes of recorded text is what Python makes of it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from cassette_tools.json_layout import laid_out
from cassette_tools.views.escape import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

SOURCE: Final = Path(__file__).parents[3] / "cassette_tools/views/web/report/text.js"


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    opened.add_script_tag(path=SOURCE)
    yield opened
    opened.close()


def test_the_same_characters_are_written_out(page: Page) -> None:
    differing = page.evaluate(
        """(known) => {
            const found = [];
            for (let code = 0; code <= 0x10ffff; code++) {
                const sign = String.fromCodePoint(code);
                const shown = texts.visible(sign);
                if ((shown === sign) === (code in known) || (code in known && shown !== known[code])) found.push(code);
            }
            return found;
        }""",
        {str(code): shown for code in range(0x110000) if (shown := visible(chr(code), lines=True)) != chr(code)},
    )
    assert differing == []


DOCUMENTS: Final = [
    "",
    " ",
    "{}",
    "[]",
    "[[]]",
    '{"a":1.10,"a":[1,2,"x"],"b":{"c":null}}',
    "[1,\n2]  ",
    '{"a":[1,{"b":2}]}',
    "[1,2,",
    '{"a":"cut of',
    '{"a":"cut \\',
    '{"a": tru',
    "nul",
    "null",
    "-1e5",
    "NaN",
    "word",
    "two words",
    '{"a":1}\n{"a":2}\n',
    "1 2",
    "[1 2]",
    "[,1]",
    "[1,]",
    '{"a":}',
    '{"a"}',
    "{1:2}",
    "]",
    "}{",
    "[}",
    '"text"',
    '"\\"\\u00e9\\\\"',
    "a:b",
    ",",
    ":",
    "{a:1}",
    "[tru, 1]",
    "[" + ",".join(["123456"] * 9) + "]",
    "[" + ",".join(["123456"] * 11) + "]",
    "[" * 60 + "]" * 60,
    '{"a":' * 60 + "1" + "}" * 60,
    "[" * 60 + "1,2" + "]" * 60,
    "[" * 3000 + "1",
    '{"k":"' + "x" * 70_000,
    "\u00e9\u2028",
]


def test_json_is_laid_out_alike(page: Page) -> None:
    assert page.evaluate("(all) => all.map(texts.laidOut)", DOCUMENTS) == [laid_out(text) for text in DOCUMENTS]


def test_damaged_json_is_laid_out_alike(page: Page) -> None:
    chance = random.Random(3)
    whole = json.dumps(
        {"data": [{"id": n, "tags": ["a", [n, -1.5e3], True], "deep": {"x": {}, "y": None}} for n in range(4)]}
    )
    texts = []
    for _ in range(2000):
        at, length = chance.randrange(len(whole)), chance.choice([0, 1, 3, 50])
        put = chance.choice(["", ",", ":", '"', "]", "}", "{", "[", "\\", " ", "\n", "x", "1"])
        texts.append((whole[:at] + put + whole[at + length :])[: chance.choice([100, 1000])])
    answers = page.evaluate("(all) => all.map(texts.laidOut)", texts)
    assert [text for text, answer in zip(texts, answers, strict=True) if answer != laid_out(text)] == []
    assert {answer is None for answer in answers} == {True, False}


def test_json_of_a_quarter_of_a_megabyte_takes_no_time(page: Page) -> None:
    hostile = [
        "[" * 262_144,
        '"' + "\\" * 262_143,
        '{"a":"' + "x" * 262_138,
        "1" * 262_144,
        "[1," * 87_381,
        '"' * 262_144,
    ]
    took = page.evaluate(
        """(all) => all.map((text) => {
            const began = performance.now();
            texts.laidOut(text);
            return performance.now() - began;
        })""",
        hostile,
    )
    assert max(took) < 3000
