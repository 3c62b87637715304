"""The filter of a report's page is that of `--only`: the same answers, the same mistakes in the same places."""

from __future__ import annotations

import gzip
import random
import re
import time
from typing import TYPE_CHECKING, Any, Final

import pytest

from cassette_tools.filter import OPERATORS, compile_filter
from cassette_tools.formats.cassette_jsonl import interaction_of
from cassette_tools.report import LINE_TYPES
from cassette_tools.source import open_cassette
from recorder.errors import UsageError
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.views.test_report import POLICY, filtered, numbers, ready, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.browser import Tab

RESET: Final = {"phase": "body", "type": "requests.exceptions.ReadTimeout", "message": "timed out"}
PNG: Final = b"\x89PNG\r\n\x1a\n" + bytes(range(256))

# Gives, for each expression, the numbers of the rows that it takes, or where and what is wrong with it.
ASK: Final = """async (expressions) => {
  const found = [];
  for (const text of expressions) {
    try {
      const filter = language.compile(text, store.facts.operators);
      const { verdicts, undecided } = await search.ask(text, filter, view.rows, () => {});
      if (undecided) throw new Error(text);
      found.push(view.rows.filter((row) => verdicts[row.place]).map((row) => row.number));
    } catch (error) {
      if (!(error instanceof language.WrongFilter)) throw error;
      found.push(`${Array.from(text.slice(0, error.at)).length + 1}: ${error.message}`);
    }
  }
  return found;
}"""


def of_all_kinds() -> Cassette:
    """Return a cassette in which each operator has something to tell apart."""
    cassette = Cassette(redaction=POLICY).process()
    cassette.get("https://api.example.com/ads/17?limit=5", body=b'{"price":1.10,"id": 17}', total=20)
    cassette.interaction(
        method="POST",
        url="https://API.example.com:8443/login",
        status=404,
        sent="user=m\xe9&city=K\xf6ln\ttab".encode(),
        request_headers=[("Content-Type", "application/x-www-form-urlencoded"), ("Host", "virtual.example.org:81")],
        body=b"no such user\r\nat all\r\n",
        headers=[("Content-Type", "text/plain; charset=UTF-8"), ("Set-Cookie", "session=1"), ("set-cookie", "b=\xe9")],
        total=300,
        connection={"id": 1, "reused": False, "peer": "10.0.0.7:8443", "tls": None, "proxy": None},
    )
    cassette.get("http://gone.example.net/", status=None, body=None, error=RESET, total=1500, headers=[])
    cassette.get("https://api.example.com/new", status=302, body=b"", total=5, headers=[("Location", "/a b")])
    cassette.get("https://user@cdn.example.com/pic.png", body=PNG, headers=[("content-type", "image/png")])
    cassette.get("ftp://[::1]:21/file", body=None, status=204, headers=[], request_headers=[("HOST", " [::1] ")])
    cassette.get(
        "https://sse.example.com/stream",
        body='event: tick\ndata: {"text":"Gr\xfc\xdfe"}\n\n'.encode(),
        headers=[("Content-Type", "text/event-stream"), ("Content-Type", "application/x-second")],
    )
    cassette.interaction(
        method="PUT\x1b[31m",
        url=f"https://a.example/\u202e{'x' * 3000}end",
        sent=b'--X\r\nContent-Disposition: form-data; name="f"\r\n\r\nvalue\r\n--X--\r\n',
        request_headers=[("Content-Type", "multipart/form-data; boundary=X"), ("X-Odd", "a\x07b\u20ac")],
        body=b"[1,\n2]  ",
        headers=[("Content-Type", "application/json")],
        status=500,
        total=2000.5,
    )
    cassette.get(
        "nonsense", body="\xe9t\xe9".encode("latin-1"), headers=[("Content-Type", "text/html; charset=latin-1")]
    )
    cassette.get("HTTP://host.example", body=b"<html>a</html>\n", error=RESET | {"phase": "read"}, total=0)
    return cassette.end()


PATTERNS: Final = [
    "example",
    "EXAMPLE",
    "^https:",
    "/$",
    "end$",
    r"\.com",
    "ads/\\d+",
    "a|b",
    "[0-9]{2}",
    "^$",
    ".",
    "x{100}y?end",
    "user",
    r"^no such user\r$",
    "K\xf6ln",
    "k\xd6ln",
    "\xe9",
    r"\xe9",
    '"id": ?17\\b',
    '{"price"',
    "1.10,",
    "data: .*Gr",
    "e.\\sdata",
    r"\x89PNG",
    "^PNG",
    r"\t",
    "value",
    "boundary=X",
    "session=1$",
    "^set-cookie: b",
    "plain",
    "json",
    "^application/x-second$",
    "a\\x07b",
    "b\\?",
    "b\u20ac",
    "8443",
    ":443",
    ":80$",
    "^10\\.",
    "::1",
    "virtual",
    "cdn",
    "get",
    "^p",
    "\u202e",
    "(?-i:API)",
    "(?s:user.+all)",
    "(?m:^at)",
    r"\Ahost",
    r"all\s*\Z",
    "t\xe9",
    "html",
]

EXPRESSIONS: Final = [
    "",
    "   ",
    "example api",
    "example | gone & ~q",
    "!example",
    "!!example",
    "(example)",
    "! ( example | gone )",
    "~m POST & ~u /login & !(~c 200)",
    "~u '/ads' ~c 200",
    "~c 404",
    "~c >=400",
    "~c <400",
    "~c 300-",
    "~c 200-204",
    "~c 99999",
    "~i 2",
    "~i 2-4",
    "~i >8",
    "~i 3 - 5",
    "~ms >500",
    "~ms 20ms",
    "~ms 0",
    "~ms >=2000.5",
    "~ms 5-20ms",
    "~size 0",
    "~size >20B",
    "~size 1-1KiB",
    "~size >=0.2KB",
    "~size 264B",
    "~size 1-2mb",
    "~e",
    "~q",
    "~s",
    "~a",
    "~http",
    "~all",
    "~marked",
    "~websocket",
    "~comment a",
    "~meta a",
    "~q & ~s",
    "~q&~s",
    "(~q)",
    "~e|~q",
    "~e ~s",
    "~c 404|~c 500",
    "~c 200~c 200",
    "~i 1!~q",
    "~b user | ~q",
    "~bs user & ~bq user",
    "!~b .",
    "!~bs .",
    "~bs '' ",
    "~hq . & ~hs .",
    "~u 'a\\'b'",
    '~u "\\\\."',
    "~t json ~m put",
    "~e & ~bs nothing | ~i 1-3 & (~bs price | ~hs session)",
    # wrong
    "(",
    ")",
    "()",
    "a)",
    "(a",
    "&",
    "a &",
    "a |",
    "| a",
    "!",
    "~",
    "~~",
    "~zz",
    "~cc 200",
    "~u",
    "~u &",
    "~u a&",
    "~u a|",
    "~u a(b)",
    "~u a'b'",
    "'a",
    '"',
    "~c",
    "~c abc",
    "~c 200x",
    "~c 5-1",
    "~c 200ms",
    "~ms 1s",
    "~ms >",
    "~size 1tb",
    "~i -1",
    "~u '['",
    "~u '*'",
    "~u 'a{2}{3}'",
    "~u '(?P<a>)(?P<a>)'",
    "~u '\\q'",
    "a ~u '('",
    "\xe9\U0001f600 ~zz",
    "(" * 101 + "a",
    "~M get",
    "~c 1234567890123456",
    "a\u00a0~zz",
]


def everything() -> list[str]:
    """Return the table, and each operator with each pattern."""
    asked = list(EXPRESSIONS)
    for name, operator in OPERATORS.items():
        if operator.takes == "pattern":
            quoted = ['"' + pattern.replace('"', '\\"') + '"' for pattern in PATTERNS]
            asked += [f"~{name} {pattern}" for pattern in quoted]
    return asked


def by_only(path: Path, expressions: list[str]) -> list[Any]:
    """Return what `--only` takes: numbers, or the place and the words of what is wrong."""
    tests: list[Any] = []
    for expression in expressions:
        try:
            tests.append((compile_filter(expression), []) if expression.strip() else (lambda *_: True, []))
        except UsageError as error:
            found = re.search(r"at character (\d+): (.*?)\.\n\n", str(error), re.DOTALL)
            assert found is not None
            tests.append(f"{found[1]}: {found[2]}")
    with open_cassette(str(path), mode="tail", types=LINE_TYPES, bodies=True) as opened:
        number = 0
        for line in opened.reader:
            if line.type != "interaction":
                continue
            number += 1
            interaction = interaction_of(line)
            for test in tests:
                if not isinstance(test, str) and test[0](interaction, number):
                    test[1].append(number)
    return [test if isinstance(test, str) else test[1] for test in tests]


def differences(page: Page, path: Path, expressions: list[str]) -> list[Any]:
    """Return what page and `--only` do not say alike. Of a wrong pattern the place is compared, not the words."""
    found = zip(expressions, page.evaluate(ASK, expressions), by_only(path, expressions), strict=True)
    return [(asked, one, other) for asked, one, other in found if comparable(one) != comparable(other)]


def comparable(answer: Any) -> Any:
    if isinstance(answer, str) and "this is no regular expression" in answer:
        return answer.partition("expression")[0]
    return answer


@pytest.fixture
def page(tmp_path: Path, open_page: Callable[..., Tab]) -> Page:
    return ready(open_page(written(tmp_path, of_all_kinds(), title="t")))


def test_the_page_takes_what_only_takes(page: Page, tmp_path: Path) -> None:
    expressions = everything()
    assert differences(page, tmp_path / "c.jsonl", expressions) == []
    told_apart = {tuple(answer) for answer in by_only(tmp_path / "c.jsonl", expressions) if not isinstance(answer, str)}
    assert len(told_apart) > 40


def random_expression(chance: random.Random, depth: int = 0) -> str:
    if depth < 4 and chance.random() < 0.6:
        one, other = random_expression(chance, depth + 1), random_expression(chance, depth + 1)
        return chance.choice(
            [f"{one} & {other}", f"{one} | {other}", f"{one} {other}", f"!({one})", f"({one} | {other})"]
        )
    patterns = [pattern for pattern in PATTERNS if not re.search(r"[\s()~'\"&|]", pattern)]
    name = chance.choice(["u", "m", "d", "dst", "b", "bq", "bs", "h", "hq", "hs", "t", "tq", "ts"])
    flags = ["~e", "~q", "~s", "~a", "~c 200", "~c >=400", "~i >4", "~ms >100", "~size >10"]
    return chance.choice([*flags, chance.choice(patterns), *[f"~{name} {chance.choice(patterns)}"] * 8])


def test_random_expressions_take_what_only_takes(page: Page, tmp_path: Path) -> None:
    chance = random.Random(7)
    assert differences(page, tmp_path / "c.jsonl", [random_expression(chance) for _ in range(400)]) == []


def test_every_operator_of_only_is_known(page: Page) -> None:
    known = page.evaluate("Object.keys(store.facts.operators)")
    assert known == list(OPERATORS)
    told = set(page.locator(".terms code").all_text_contents())
    assert {"~u PATTERN", "~c RANGE", "~e", "~bs PATTERN", "~size RANGE"} <= told
    assert not [one for one in told if one.startswith(("~marked", "~dns"))]


def test_a_mistake_is_shown_with_its_place_and_the_rows_stay(page: Page) -> None:
    assert filtered(page, "~c 404") == [2]
    page.get_by_role("searchbox").fill("~c 404 & ~zz")
    page.get_by_text("Wrong at character 10: there is no operator ~zz.").wait_for()
    assert page.locator("#mistake-place").text_content() == f"~c 404 & ~zz\n{' ' * 9}^"
    assert page.get_by_role("searchbox").get_attribute("aria-invalid") == "true"
    assert numbers(page) == [2]
    assert filtered(page, "~c 404 & ~m post") == [2]
    assert not page.locator("#mistake").is_visible()
    assert page.get_by_role("searchbox").get_attribute("aria-invalid") == "false"


def test_an_address_with_a_wrong_filter_opens_and_says_so(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path), fragment="#/?q=~c+x"))
    page.get_by_text("Wrong at character 4: expected a number").wait_for()
    assert numbers(page) == [1, 2, 3, 4, 5]


def test_a_pattern_that_only_can_do_alone_is_refused_by_name(page: Page) -> None:
    page.get_by_role("searchbox").fill(r'~u "(a)\1"')
    page.get_by_text("this page does not know backreferences").wait_for()


def test_a_quick_filter_joins_what_is_there(page: Page) -> None:
    assert filtered(page, "login | gone | ads") == [1, 2, 3]
    page.get_by_role("button", name="failed", exact=True).click()
    assert numbers(page) == [3]
    assert page.get_by_role("searchbox").input_value() == "login | gone | ads ~e | ~q"
    page.get_by_role("button", name="failed", exact=True).click()
    assert page.get_by_role("searchbox").input_value() == "login | gone | ads"


def test_only_what_was_redacted_is_a_part_of_the_address(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path)))
    page.get_by_role("button", name="redacted", exact=True).click()
    assert numbers(page) == [2]
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert numbers(page) == [2]
    page.get_by_role("button", name="redacted", exact=True).click()
    assert numbers(page) == [1, 2, 3, 4, 5]


def test_each_row_of_the_figures_filters_to_what_it_counts(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    cassette = Cassette(redaction=POLICY)
    for number in range(3):
        cassette.get(f"https://api.example.com/ads/{number}?a=b/c").get(
            f"https://api.example.com/ads/{number}/insights"
        )
    cassette.get("https://api.example.com").get("https://api.example.com/").get("https://user@xapi.example.com/")
    cassette.get("http://localhost:8080/a(b)'c\"|d\\e&f").get("http://[::1]:8080/x").get("http://[::1]/x", status=404)
    cassette.interaction(method="POST", url="https://api.example.com/ads").get("/relative", status=None, body=None)
    page = ready(open_page(written(tmp_path, cassette.end())))
    wrong = []
    terms = page.locator(".term")
    for at in range(terms.count()):
        count = terms.nth(at).evaluate("(button) => Number(button.closest('tr').children[1].textContent)")
        terms.nth(at).click()
        said = page.locator("#count").text_content() or ""
        if not said.startswith(f"{count} "):
            wrong.append((terms.nth(at).get_attribute("data-filter"), count, said))
    assert wrong == []
    assert terms.count() > 10


def test_bodies_are_searched_as_far_as_they_are_in_the_page_which_is_said(
    tmp_path: Path, open_page: Callable[..., Tab]
) -> None:
    cassette = Cassette().get(body=b"word " * 100 + b"end", headers=[]).get(body=b"end", headers=[]).end()
    page = ready(open_page(written(tmp_path, cassette, body_limit=100)))
    assert filtered(page, "~bs end") == [2]
    assert page.locator("#count").text_content() == "1 of 2 interactions, by what of the bodies is in the page"


def test_a_newer_question_ends_an_older_one(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    cassette = Cassette()
    for number in range(1, 2001):
        cassette.get(body=b"%d " % number * 1000, headers=[])
    page = ready(open_page(written(tmp_path, cassette.end())))
    page.get_by_role("searchbox").fill("~bs '(\\d+ ?)*x'")
    page.get_by_role("searchbox").fill("~bs '^2000 '")
    page.wait_for_selector('#grid[aria-busy="false"]', state="attached")
    assert numbers(page) == [2000]
    assert page.locator("#searching").text_content() == ""


def test_a_pattern_that_takes_too_long_stops_nothing_and_is_told(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    chance = random.Random(1)
    cassette = Cassette()
    for _ in range(2):
        cassette.get(body=bytes(chance.choices(b"ab", k=65_000)), headers=[])
    cassette.get(body=b"a" + b"b" * 1450 + b"c", headers=[])
    page = ready(open_page(written(tmp_path, cassette.end())))
    began = time.monotonic()
    assert filtered(page, "~bs '(a|ab|abb)[ab]{1400,1490}c'") == [3]
    assert time.monotonic() - began < 5
    assert page.locator("#count").text_content() == ("1 of 3 interactions; the pattern takes too long for 2 more")


def test_a_packed_cassette_is_searched_as_a_plain_one(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    cassette = of_all_kinds()
    cassette.lines = [gzip.compress(cassette.data(), mtime=0)]
    page = ready(open_page(written(tmp_path, cassette)))
    assert filtered(page, "~bq Köln") == [2]
