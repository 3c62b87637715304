"""The language of --ignore: what each selector covers, and how wrong ones are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools.diff.rules import MOST_ANSWERS, Rules
from cassette_tools.diff.selectors import EXAMPLES, LONGEST, compile_selector, folded_path
from recorder.errors import UsageError

if TYPE_CHECKING:
    from cassette_tools.diff.model import Part, Place

# selector, part, place, path, whether it is covered
COVERED: Final[list[tuple[str, Part, Place, str, bool]]] = [
    ("header:x-request-id", "request", "header", "x-request-id", True),
    ("header:X-Request-Id", "response", "header", "x-request-id", True),
    ("header:x-request-id", "response", "header", "x-request-ids", False),
    ("header:x-*", "response", "header", "x-cache", True),
    ("header:x-*", "response", "header", "content-type", False),
    ("header:x-?", "response", "header", "x-a", True),
    ("header:x-?", "response", "header", "x-ab", False),
    ("header:*-id", "response", "header", "x-request-id", True),
    ("header:a.b", "response", "header", "axb", False),
    ("header", "request", "header", "etag", True),
    ("header", "request", "trailer", "etag", False),
    ("response.header:etag", "response", "header", "etag", True),
    ("response.header:etag", "request", "header", "etag", False),
    ("request.header:etag", "request", "header", "etag", True),
    ("trailer:x-*", "response", "trailer", "x-sum", True),
    ("query:page", "request", "query", "page", True),
    ("query:page", "request", "form", "page", False),
    ("query", "request", "query", "page", True),
    ("query:utm_*", "request", "query", "utm_source", True),
    ("query:Page", "request", "query", "page", False),
    ("url", "request", "url", "host", True),
    ("url:path", "request", "url", "path", True),
    ("url:path", "request", "url", "host", False),
    ("form:csrf", "request", "form", "csrf", True),
    ("part:file", "request", "part", "file", True),
    ("part:file", "request", "part", "file: $.a", True),
    ("part:file", "request", "part", "other: $.a", False),
    ("part:2", "request", "part", "2: line 3", True),
    ("json:$.items[*].price", "response", "json", "$.items[3].price", True),
    ("json:$.items[*].price", "response", "json", "$.items[*].price", True),
    ("json:$.items[*].price", "response", "json", "$.items[3].price.net", True),
    ("json:$.items[*].price", "response", "json", "$.items[3]", False),
    ("json:$.items[*].price", "response", "json", "$.items[3].prices", False),
    ("json:$.items[*].price", "response", "json", "$.other[3].price", False),
    ("json:$.items", "response", "json", "$.items[0].a", True),
    ("json:price", "response", "json", "$.items[3].price", True),
    ("json:price", "response", "json", "$.price", True),
    ("json:price", "response", "json", "$.prices", False),
    ("json:**.price", "response", "json", "$.a.b.price", True),
    ("json:$..price", "response", "json", "$.a.b.price", True),
    ("json:$.a..z", "response", "json", "$.a.b.c.z", True),
    ("json:$.a..z", "response", "json", "$.b.z", False),
    ("json:$.*.id", "response", "json", "$.a.id", True),
    ("json:$.*.id", "response", "json", "$[0].id", True),
    ("json:$.*.id", "response", "json", "$.a.b.id", False),
    ("json:$[*].id", "response", "json", "$[7].id", True),
    ('json:$["a b"].c', "response", "json", '$["a b"].c', True),
    ('json:$["a.b"]', "response", "json", '$["a.b"]', True),
    ('json:$["a.b"]', "response", "json", "$.a.b", False),
    ("json:*_at", "response", "json", "$.items[0].updated_at", True),
    ("json:a.b", "response", "json", "$.x.a.b", True),
    ("json:$", "response", "json", "$.anything", True),
    ("json", "response", "json", "$.anything", True),
    ("json:price", "response", "form", "price", False),
    ("request.json:a", "response", "json", "$.a", False),
    ("xml", "response", "xml", "/a/b", True),
    ("xml:b", "response", "xml", "/a/b[2]", True),
    ("xml:b", "response", "xml", "/a/b/c", True),
    ("xml:b", "response", "xml", "/a/bc", False),
    ("xml:@b", "response", "xml", "/a/@b", True),
    ("xml:/b", "response", "xml", "/a/b", False),
    ("xml:/*/b", "response", "xml", "/a[3]/b", True),
    ("body", "response", "xml", "/a", True),
    ("event", "response", "event", "3", True),
    ("event:id", "response", "event", "3: id", True),
    ("event:data", "response", "event", "3: data", True),
    ("event:data", "response", "event", "3: $.a", True),
    ("event:id", "response", "event", "3", False),
    ("event:*", "response", "event", "3: retry", True),
    ("line", "response", "line", "3", True),
    ("line:^x", "response", "line", "3", False),
    ("status", "response", "status", "", True),
    ("status", "response", "reason", "", False),
    ("reason", "response", "reason", "", True),
    ("version", "request", "version", "", True),
    ("version", "response", "version", "", True),
    ("body", "response", "json", "$.a", True),
    ("body", "response", "line", "1", True),
    ("body", "response", "type", "", True),
    ("body", "response", "binary", "", True),
    ("body", "response", "complete", "", True),
    ("body", "response", "presence", "body", True),
    ("body", "response", "presence", "response", False),
    ("body", "response", "header", "etag", False),
    ("request.body", "response", "json", "$.a", False),
    ("response.body", "response", "json", "$.a", True),
    ("complete", "response", "complete", "", True),
    ("presence", "error", "presence", "error", True),
    ("error", "error", "error", "message", True),
    ("error:message", "error", "error", "message", True),
    ("error:message", "error", "error", "type", False),
]

# selector, place of the caret from 0, words of the message
WRONG: Final = [
    ("", 0, "there is no place without a name"),
    ("hedaer:x", 0, "Perhaps header"),
    ("xyzzy", 0, "There are header, trailer"),
    ("server.header:x", 0, "expected request. or response."),
    ("request.hedaer:x", 8, "Perhaps header"),
    ("request.status", 0, "status belongs to the response"),
    ("response.query:a", 0, "query belongs to the request"),
    ("request.error", 0, "error belongs to no side"),
    ("header:", 7, "expected what of header"),
    ("status:200", 6, "there is only one"),
    ("body:x", 4, "there is only one"),
    ("url:port", 4, "scheme, userinfo, host, path"),
    ("error:kind", 6, "phase, type, message"),
    ("xml:/a[2]/b", 6, "elements have no number here"),
    ("xml:a//b", 4, "one / between"),
    ("xml:a/", 4, "one / between"),
    ("xml:/", 4, "one / between"),
    ("event:name", 6, "id, event, data, retry"),
    ("json:$x", 6, "expected a step"),
    ("json:$.", 7, "expected a name"),
    ("json:$.a[3].b", 9, "say [*]"),
    ("json:$.a[b]", 8, "expected [*]"),
    ("json:$.a b", 8, "expected a step"),
    ("line:a(b", 6, "no regular expression"),
    ("line:*", 5, "no regular expression"),
]


@pytest.mark.parametrize(("selector", "part", "place", "path", "covered"), COVERED)
def test_a_selector_covers_what_it_names_and_what_lies_below(
    selector: str, part: Part, place: Place, path: str, covered: bool
) -> None:
    assert Rules(ignored=(selector,)).ignores(part, place, path) == (selector if covered else None)


@pytest.mark.parametrize(("selector", "at", "words"), WRONG)
def test_a_wrong_selector_is_refused_with_a_caret_under_the_place(selector: str, at: int, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        compile_selector(selector)
    lines = str(refused.value).split("\n")
    assert words in lines[0]
    assert f"character {at + 1}:" in lines[0]
    assert lines[2] == f"  {selector}"
    assert lines[3] == f"  {' ' * at}^"


def test_a_selector_that_is_too_long_is_refused() -> None:
    with pytest.raises(UsageError, match="longer than 1,000"):
        compile_selector("header:" + "x" * LONGEST)


def test_a_long_selector_is_shown_around_the_place() -> None:
    with pytest.raises(UsageError) as refused:
        compile_selector("json:$." + "a." * 200 + "[" + "b" * 200)
    lines = str(refused.value).split("\n")
    assert lines[2].startswith("  ... ")
    assert lines[2].endswith(" ...")
    assert lines[2][len(lines[3]) - 1] == "["


def test_what_is_shown_of_a_selector_drives_no_terminal() -> None:
    with pytest.raises(UsageError) as refused:
        compile_selector("\x1b[31mheader:x")
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize(("selector", "_meaning"), EXAMPLES)
def test_the_examples_of_the_documentation_are_selectors(selector: str, _meaning: str) -> None:
    assert compile_selector(selector).text == selector


def test_cookies_are_ignored_by_name_in_both_headers() -> None:
    rules = Rules(ignored=("cookie:sess*", "response.cookie:theme"))
    assert rules.ignores_cookie("request", "session") == "cookie:sess*"
    assert rules.ignores_cookie("response", "theme") == "response.cookie:theme"
    assert rules.ignores_cookie("request", "theme") is None
    assert rules.ignores("request", "header", "cookie") is None


def test_lines_are_ignored_where_the_expression_is_found() -> None:
    rules = Rules(ignored=("line:^Generated on",))
    assert rules.ignores_lines
    assert rules.ignores_line("response", "Generated on Monday") == "line:^Generated on"
    assert rules.ignores_line("response", "not Generated on Monday") is None
    assert not Rules(ignored=("status",)).ignores_lines


def test_equal_rules_are_equal_and_can_be_sent_to_another_process() -> None:
    import pickle

    rules = Rules.of(["header:x-*", "json:a"], keep_volatile=True)
    rules.ignores("request", "header", "x-a")
    again = pickle.loads(pickle.dumps(rules))
    assert again == rules
    assert hash(again) == hash(Rules(keep_volatile=True, ignored=("header:x-*", "json:a")))
    assert again.ignores("request", "header", "x-b") == "header:x-*"


def test_the_answers_that_are_kept_are_bounded() -> None:
    rules = Rules(ignored=("header:x-*",))
    for number in range(MOST_ANSWERS + 10):
        rules.ignores("request", "header", f"x-{number}")
    assert len(rules._answers) <= MOST_ANSWERS


KEYS: Final = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)


@given(st.text(max_size=40))
def test_any_text_is_a_selector_or_refused(text: str) -> None:
    refused = ""
    try:
        assert compile_selector(text).text == text
    except UsageError as error:
        refused = str(error)
    assert not refused or "\n  " in refused


@given(st.lists(st.one_of(KEYS, st.none()), max_size=5))
def test_a_path_as_it_is_shown_is_a_selector_of_itself(steps: list[str | None]) -> None:
    from cassette_tools.diff.json_fields import _path_text

    shown = _path_text(tuple(steps))
    if any(step is not None and any(sign in step for sign in "*?") for step in steps):
        return  # stands for more than itself
    rules = Rules(ignored=(f"json:{shown}",))
    concrete = _path_text(tuple(7 if step is None else step for step in steps))
    assert rules.ignores("response", "json", concrete) is not None
    folded = "".join("[*]\0" if step is None else f".{step}\0" for step in steps)
    assert folded_path(concrete) == folded
    assert rules.ignores_member("response", folded) is not None
