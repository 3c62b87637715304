"""The filter language: what each operator looks at, how terms combine, what is refused and how, and what it costs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools import filter as filters
from cassette_tools.body_search import HELD
from cassette_tools.filter import LONGEST, MOST_LEVELS, OPERATORS, compile_filter
from cassette_tools.interaction import Body, Interaction, Request, Response
from recorder.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE: Final = (Path(__file__).resolve().parents[2] / "docs" / "filters.md").read_text(encoding="utf-8")

ADS = Interaction(
    Request(
        "POST",
        "https://api.example.com/ads?limit=5",
        [("Host", "api.example.com"), ("Content-Type", "application/json; charset=utf-8"), ("X-Ünit", "caf\xc3\xa9")],
        Body('{"name": "Zoë",\n "id": 3}'),
    ),
    Response(
        201,
        "Created",
        [("content-type", "application/json"), ("Set-Cookie", "session=1"), ("Set-Cookie", "theme=dark")],
        Body('{"id": 17}', coding="gzip", wire=b"\x1f\x8bpacked", wire_size=8),
    ),
    timings_ms={"first_byte": 100.0, "total": 612.5},
    connection={"peer": "10.0.0.7:8443"},
)
LOGO = Interaction(
    Request("GET", "http://cdn.example.com/Users/logo.png", []),
    Response(200, "OK", [("Content-Type", "IMAGE/png")], Body(b"\x89PNG\xff\x00" + b"x" * 2_000_000)),
    timings_ms={"total": 700.0},
)
GONE = Interaction(
    Request("DELETE", "http://[::1]:8080/ads/1", [("Host", "other.test:99")], Body(b"")),
    Response(404, "Not Found", [], None),
)
FAILED = Interaction(
    Request("GET", "http://down.example.com/", []), error={"phase": "connect", "type": "OSError", "message": "no"}
)
UNREAD = Interaction(Request("POST", "http://u:p@api.example.com/users", [("content-type", "text/css")], Body("a=1")))
ALL = [ADS, LOGO, GONE, FAILED, UNREAD]
EVERY = [1, 2, 3, 4, 5]


def taken(expression: str) -> list[int]:
    """Give the numbers of the interactions of ALL that a filter takes."""
    predicate = compile_filter(expression)
    return [number for number, interaction in enumerate(ALL, 1) if predicate(interaction, number)]


@pytest.mark.parametrize(
    ("expression", "numbers"),
    [
        ("~all", EVERY),
        ("~http", EVERY),
        ("~q", [4, 5]),
        ("~s", [1, 2, 3]),
        ("~e", [4]),
        ("~a", [2]),
        ("~m post", [1, 5]),
        ("~m ^GE", [2, 4]),
        ("~m POST|DELETE", [1, 3, 5]),
        ("~u /ads", [1, 3]),
        ("~u LIMIT=5$", [1]),
        ("/ads", [1, 3]),
        ("'ads'", [1, 3]),
        ('"/ads"', [1, 3]),
        ("''", EVERY),
        ("~d ^api", [1, 5]),
        ("~d other", [3]),
        ("~d ^::1$", [3]),
        ("~d ads", []),
        ("~dst ^api.example.com:443$", [1]),
        ("~dst ^api.example.com:80$", [5]),
        ("~dst 10.0.0.7:8443", [1]),
        ("~dst ::1:8080", [3]),
        ("~c 200", [2]),
        ("~c 20", []),
        ("~c 200-299", [1, 2]),
        ("~c >=400", [3]),
        ("~h session", [1]),
        ('~h "^set-cookie: theme=dark$"', [1]),
        ("~hq theme", []),
        ("~hq host", [1, 3]),
        ("~hs host", []),
        ("~hs session", [1]),
        ("~hq é", [1]),
        ("~t json", [1]),
        ("~t css", [5]),
        ("~t ^image/png$", [2]),
        ("~tq json", [1]),
        ("~ts json", [1]),
        ("~ts css", []),
        ("~b id", [1]),
        ("~bq 17", []),
        ("~bs 17", [1]),
        ("~b 17", [1]),
        ("~bq zoë", [1]),  # bytes have no letter case beyond ASCII; this one is as recorded
        ("~bq name.*id", [1]),
        ("~bq ^", [1, 3, 5]),
        (r"~bs \xff\x00x", [2]),
        ("~b packed", []),
        ("~i 2", [2]),
        ("~i 2-4", [2, 3, 4]),
        ("~i 4-", [4, 5]),
        ("~i 4- ~q", [4, 5]),
        ("~i <=2", [1, 2]),
        ("~i < 2", [1]),
        ("~ms >612.5", [2]),
        ("~ms 612.5", [1]),
        ("~ms >=612.5", [1, 2]),
        ("~ms 600ms-650ms", [1]),
        ("~ms 0-", [1, 2]),
        ("~size 0", [3]),
        ("~size >2MB", [2]),
        ("~size >2MiB", []),
        ("~size <=10B", [1, 3]),
        ("~size 1-3mb", [2]),
        ("~size 1KiB-", [2]),
        *((f"~{name}", []) for name in ("websocket", "tcp", "udp", "dns", "marked", "replay", "replayq", "replays")),
        *((f"~{name} x", []) for name in ("src", "comment", "meta", "marker")),
    ],
)
def test_an_operator_looks_at_what_it_says(expression: str, numbers: list[int]) -> None:
    assert taken(expression) == numbers


def test_each_operator_is_tested_here() -> None:
    table = test_an_operator_looks_at_what_it_says.pytestmark[0].args[1]  # type: ignore[attr-defined]
    named = {name for expression, _ in table for name in re.findall(r"~([a-z]+)", expression)}
    assert set(OPERATORS) <= named


@pytest.mark.parametrize(
    ("expression", "numbers"),
    [
        ("~m POST & ~u /ads & !(~c 200)", [1]),
        ("!~q", [1, 2, 3]),
        ("!!~q", [4, 5]),
        ("! ! ! ~q", [1, 2, 3]),
        ("!/ads", [2, 4, 5]),
        ("(~q)", [4, 5]),
        ("((~q))&~e", [4]),
        ("~q&~e", [4]),
        ("~q|~s", EVERY),
        ("~c 200|~c 404", [2, 3]),
        ("~e | ~c 200 & ~m POST", [4]),
        ("(~e | ~c 201) & ~m POST", [1]),
        ("!~q & ~m POST", [1]),
        ("!(~q & ~m POST)", [1, 2, 3, 4]),
        ("~m POST ~u /ads", [1]),
        ("~s ~m POST | ~m GET", [1, 2]),
        ("(~s ~m POST | ~m GET)", [1, 2]),
        ("/ads | logo", [1, 2, 3]),
        ("/ads|logo", [1, 2, 3]),
        ("/ads |logo", [1, 2, 3]),
        ("~u !x", []),
        (" \t~q\n", [4, 5]),
        (r'~u "limit=\d$"', [1]),
        (r'~u "limit=\\d$"', [1]),
        (r"~bs '\"id\"'", [1]),
        (r'~bs "\"id\": 17"', [1]),
        (r"~u limit=\d$", [1]),
        ('~u "(users|logo)"', [2, 5]),
        ('~u "(?-i:Users)"', [2]),
        ("~u [[]", [3]),
    ],
)
def test_terms_combine_as_in_mitmproxy(expression: str, numbers: list[int]) -> None:
    assert taken(expression) == numbers


@pytest.mark.parametrize(
    ("expression", "at", "said"),
    [
        ("", 1, "expected an operator"),
        ("   ", 4, "expected an operator"),
        ("~u", 3, "expected a pattern for ~u"),
        ("~m POST & ~u", 13, "expected a pattern for ~u"),
        ("~u & ~q", 4, "expected a pattern for ~u"),
        ("~u ~q", 4, "expected a pattern for ~u"),
        ("~u (a)", 4, "expected a pattern for ~u"),
        ("~u a(b)", 5, "must stand in quotes"),
        ('~u a"b"', 5, "must stand in quotes"),
        ("/~home", 2, "must stand in quotes"),
        ("~m POST& ~u x", 8, "Put a blank before it"),
        ("~m POST| ~u x", 8, "Put a blank before it"),
        ("~q & & ~s", 6, "expected an operator"),
        ("~q |", 5, "expected an operator"),
        ("| ~q", 1, "expected an operator"),
        ("!", 2, "expected an operator"),
        ("()", 2, "expected an operator"),
        ("(~q", 1, "never closed"),
        ("~q & (~s | (~e)", 6, "never closed"),
        ("~q)", 3, "never opened"),
        ("~u 'a", 4, "never closed"),
        (r"~u 'a\'", 4, "never closed"),
        ("~nope", 1, "there is no operator ~nope"),
        ("~Q", 1, "~q"),
        ("~", 1, "followed by a name"),
        ("~ q", 1, "followed by a name"),
        ("~c", 3, "expected a number (200)"),
        ("~c ok", 4, "expected a number (200)"),
        ("~c 4xx", 4, "expected a number (200)"),
        ("~c 499-400", 4, "expected a number (200)"),
        ("~c 5MB", 4, "expected a number (200)"),
        ("~c " + "9" * 400, 4, "expected a number (200)"),
        ("~c ٢٠٠", 4, "expected a number (200)"),
        ("~ms fast", 5, "expected milliseconds"),
        ("~ms 5s", 5, "expected milliseconds"),
        ("~size 1XB", 7, "expected a limit (>1MB)"),
        ("~size -1", 7, "expected a limit (>1MB)"),
        ("~u [", 4, "no regular expression: unterminated character set"),
        ("~u '('", 4, "no regular expression"),
        ("~b '(?u)x'", 4, "no regular expression"),
        ("~b \ud800", 4, "no regular expression"),
        ("~u a{99999999999999999999}", 4, "no regular expression"),
        ("~u '" + "(" * 4000 + ")" * 4000 + "'", 4, "no regular expression"),
        ("(" * (MOST_LEVELS + 1) + "~q" + ")" * (MOST_LEVELS + 1), MOST_LEVELS + 1, "more than 100 brackets"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(expression: str, at: int, said: str) -> None:
    with pytest.raises(UsageError, match=f"at character {at}: ") as caught:
        compile_filter(expression)
    assert said in str(caught.value)
    assert str(caught.value).endswith("docs/filters.md for the language.")


def test_an_error_shows_the_expression_with_a_caret_under_the_place() -> None:
    with pytest.raises(UsageError) as caught:
        compile_filter("~m POST & ~zip x | ~q")
    lines = str(caught.value).split("\n")
    assert lines[2:4] == ["  ~m POST & ~zip x | ~q", "            ^"]


def test_an_error_in_a_long_expression_shows_its_neighbourhood() -> None:
    with pytest.raises(UsageError) as caught:
        compile_filter("~q & " * 100 + "~zip" + " & ~q" * 100)
    shown, caret = str(caught.value).split("\n")[2:4]
    assert len(shown) < 140
    assert shown.startswith("  ... ")
    assert shown.endswith(" ...")
    assert shown[len(caret) - 1 :].startswith("~zip")


def test_an_error_shows_no_control_characters() -> None:
    with pytest.raises(UsageError) as caught:
        compile_filter("'\x1b]0;x\x07\n\u202e' ~zip")
    assert "'?]0;x???' ~zip\n" in str(caught.value)


def test_an_expression_beyond_the_limit_is_refused() -> None:
    assert compile_filter("a" * LONGEST)(ADS, 1) is False
    with pytest.raises(UsageError, match="longer than 10,000 characters"):
        compile_filter("a" * (LONGEST + 1))


def test_as_many_brackets_as_are_allowed_are_read_and_answered() -> None:
    deep = "~q"
    for level in range(MOST_LEVELS):
        deep = f"!({deep} {'&|'[level % 2]} ~e)"
    assert isinstance(compile_filter(deep)(ADS, 1), bool)
    assert taken("!" * (LONGEST - 2) + "~q") == [4, 5]
    assert taken(" & ".join(["~q"] * 1900)) == [4, 5]


@given(
    st.text(alphabet=st.sampled_from("~ubcqmsize()|&!'\"\\ 109->MK[?*\n\udc80é"), max_size=40) | st.text(max_size=30)
)
def test_no_input_raises_anything_but_a_usage_error(expression: str) -> None:
    try:
        predicate = compile_filter(expression)
    except UsageError:
        return
    for number, interaction in enumerate((ADS, GONE, FAILED, UNREAD), 1):
        assert predicate(interaction, number) in (True, False)


@pytest.mark.parametrize("url", ["", "no url", "http://[::1", "http://", "://x", "http://a:b:c/", "/path"])
def test_an_odd_url_is_no_error(url: str) -> None:
    odd = Interaction(Request("GET", url, [("Host", ""), ("Host", ":"), ("Host", "[")]), connection={"peer": None})
    for expression in ("~d x", "~dst x", "~u x"):
        assert compile_filter(expression)(odd, 1) in (True, False)


# -- cost


class _CountedBody(Body):
    """Counts how often it is read."""

    __slots__ = ("reads",)

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.reads = 0
        self.stream = self._stream
        self._size = len(content)
        self._content = content

    def _stream(self) -> Iterator[bytes]:
        self.reads += 1
        yield self._content if isinstance(self._content, bytes) else b""


@pytest.mark.parametrize("said", [3 * HELD // 2, 5], ids=["true", "too small"])
@pytest.mark.parametrize(
    ("expression", "result"),
    [("~bs needle & ~bs first", True), ("~bs first.*needle", False), ("~bs absent", False), ("~bs needle$", True)],
)
def test_a_body_too_long_to_be_held_is_searched_all_the_same(expression: str, result: bool, said: int) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"first"
        yield from [bytes(HELD // 16)] * 24
        yield b"needle"

    response = Response(200, "OK", [], Body(stream=pieces, size=said))
    assert compile_filter(expression)(Interaction(Request("GET", "http://a/", [], None), response), 1) is result


@pytest.mark.parametrize(
    ("expression", "result", "sent", "received"),
    [
        ("~b x & ~m GET", False, 0, 0),
        ("~b x | ~m POST", True, 0, 0),
        ("(~b x | ~e) & ~hq never", False, 0, 0),
        ("~m POST & ~bq sent", True, 1, 0),
        ("~b sent", True, 1, 0),
        ("~b received", True, 1, 1),
        ("~b received & ~bs eived & ~bs rec & !~bq received & ~bq sent", True, 1, 1),
        ("!(~b x) & ~c 500", False, 0, 0),
        ("~size 8 & ~c 200", True, 0, 0),
        ("~h x", False, 0, 0),
    ],
)
def test_bodies_are_read_once_and_only_where_the_rest_leaves_the_answer_open(
    expression: str, result: bool, sent: int, received: int
) -> None:
    asked, answered = _CountedBody(b"sent"), _CountedBody(b"received")
    interaction = Interaction(Request("POST", "http://a/", [], asked), Response(200, "OK", [], answered))
    assert compile_filter(expression)(interaction, 1) is result
    assert (asked.reads, answered.reads) == (sent, received)


# -- random expressions against an evaluator without wit

Tree = tuple[str, Any]
TERMS: Final[dict[str, Callable[[Interaction, int], bool]]] = {
    "~q": lambda i, _: i.response is None,
    "~s": lambda i, _: i.response is not None,
    "~e": lambda i, _: i.error is not None,
    "~all": lambda _i, _n: True,
    "~tcp": lambda _i, _n: False,
    "~m POST": lambda i, _: i.request.method == "POST",
    '~u "/ads"': lambda i, _: "/ads" in i.request.url,
    "example": lambda i, _: "example" in i.request.url,
    "~c 200": lambda i, _: i.response is not None and i.response.status == 200,
    "~c >=201": lambda i, _: i.response is not None and i.response.status >= 201,
    "~i 2-3": lambda _, n: n in (2, 3),
    "~bs 17": lambda i, _: i is ADS,
    "~b 'name'": lambda i, _: i is ADS,
    "~bq a=1": lambda i, _: i is UNREAD,
    "~hq host": lambda i, _: i in (ADS, GONE),
    "~size <100": lambda i, _: i in (ADS, GONE),
}


def trees() -> st.SearchStrategy[Tree]:
    terms = st.sampled_from(sorted(TERMS)).map(lambda text: ("term", text))
    return st.recursive(
        terms,
        lambda inner: st.one_of(
            inner.map(lambda one: ("not", one)),
            st.tuples(st.sampled_from(["and", "or", "beside"]), st.lists(inner, min_size=2, max_size=4)),
        ),
        max_leaves=12,
    )


_BINDING: Final = {"term": 4, "not": 3, "and": 2, "or": 1, "beside": 0}
_BETWEEN: Final = {"and": " & ", "or": " | ", "beside": " "}


def printed(tree: Tree, above: int = 0) -> str:
    """Print with no more brackets than precedence asks for."""
    kind, inner = tree
    if kind == "term":
        text = str(inner)
    elif kind == "not":
        text = "!" + printed(inner, _BINDING[kind])
    else:
        text = _BETWEEN[kind].join(printed(one, _BINDING[kind] + 1) for one in inner)
    return f"({text})" if _BINDING[kind] < above else text


def naive(tree: Tree, interaction: Interaction, number: int) -> bool:
    kind, inner = tree
    if kind == "term":
        return TERMS[inner](interaction, number)
    if kind == "not":
        return not naive(inner, interaction, number)
    results = [naive(one, interaction, number) for one in inner]
    return any(results) if kind == "or" else all(results)


@given(trees())
def test_a_printed_expression_means_what_a_naive_evaluator_says(tree: Tree) -> None:
    predicate = compile_filter(printed(tree))
    for number, interaction in enumerate(ALL, 1):
        assert predicate(interaction, number) is naive(tree, interaction, number), printed(tree)


# -- docs/filters.md


def rows(heading: str) -> list[list[str]]:
    """Give the cells of the first table behind a heading."""
    part = PAGE.split(heading, 1)[1]
    table = part[part.index("|---|") :].split("\n\n", 1)[0].split("\n")[1:]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in table]


EXAMPLES: Final[dict[str, list[int]]] = {
    "/ads": [1, 3],
    "~m POST & ~u /ads & !(~c 200)": [1],
    "~c 400-499 | ~c >=500": [3],
    "~e | ~q": [4, 5],
    r"~d ^api\.": [1, 5],
    '~hs "set-cookie: session="': [1],
    r"""~ts json & ~bs '"id": ?17\b'""": [1],
    "~i 10-20": [],
    "~ms >500 & !~a": [1],
    "~size >1MB": [2],
    '~u "(?-i:/Users)"': [2],
}


def test_the_examples_on_the_page_take_what_it_says() -> None:
    told = {row[0].strip("`"): row[1] for row in rows("# Filters")}
    refused = {example for example, said in told.items() if said.startswith("is refused")}
    assert set(told) - refused == set(EXAMPLES)
    for example, numbers in EXAMPLES.items():
        assert taken(example) == numbers
    for example in refused:
        with pytest.raises(UsageError):
            compile_filter(example)
    assert [number for number in range(30) if compile_filter("~i 10-20")(ADS, number)] == list(range(10, 21))


def test_the_table_on_the_page_is_that_of_the_operators() -> None:
    words = {"nothing": "", "pattern": " PATTERN"}
    assert rows("## Operators") == [
        [f"`~{one.name}{words.get(one.takes, ' RANGE')}`", one.title] for one in OPERATORS.values()
    ]
    ours = {f"`~{one.name}`" for one in OPERATORS.values() if one.ours}
    assert set(re.findall(r"`~\w+`", PAGE.split(" are ours.")[0].rsplit("\n\n", 1)[1])) == ours | {"`~c`"}


def test_the_limits_on_the_page_are_those_of_the_code() -> None:
    assert f"at most {filters.LONGEST:,} characters" in PAGE
    assert f"up to {filters.MOST_LEVELS} deep" in PAGE
