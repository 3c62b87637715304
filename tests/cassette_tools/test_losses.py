from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cassette_tools.interaction import Body, Headers, Interaction, Request, Response
from cassette_tools.losses import FACETS, Losses, describe, differences

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = st.sampled_from(["accept", "Accept", "X-A", "x-a", "x-b", "Set-Cookie", "123", "X\u00c0"])
HEADERS = st.lists(st.tuples(NAMES, st.sampled_from(["1", "2", "\u00e9"])), max_size=5)
MAYBE_TEXT = st.none() | st.sampled_from(["a", "b"])


@st.composite
def bodies(draw: st.DrawFn) -> Body | None:
    contents: list[bytes | str | None] = [None, b"", b"text", b"\xff\x00", "\u00e9"]
    content = draw(st.sampled_from(contents))
    if content is None:
        return None
    complete = draw(st.booleans())
    held = content if isinstance(content, bytes) else content.encode()
    streamed = draw(st.booleans())
    return Body(
        content,
        coding=draw(MAYBE_TEXT),
        coding_error=draw(MAYBE_TEXT),
        wire_size=draw(st.none() | st.integers(0, 9)),
        complete=complete,
        incomplete=None if complete else "closed",
        framing=draw(MAYBE_TEXT),
        removed=draw(MAYBE_TEXT),
        stream=(lambda: iter([held[:1], held[1:]])) if streamed else None,
        size=len(held) if streamed else None,
    )


@st.composite
def interactions(draw: st.DrawFn) -> Interaction:
    request = Request(
        "GET",
        "http://localhost/",
        draw(HEADERS),
        draw(bodies()),
        draw(MAYBE_TEXT),
        draw(MAYBE_TEXT),
        draw(st.booleans()),
    )
    response = draw(
        st.none()
        | st.builds(Response, st.just(200), st.sampled_from(["", "OK"]), HEADERS, bodies(), MAYBE_TEXT, HEADERS)
    )
    return Interaction(
        request,
        response,
        draw(st.none() | st.just({"phase": "body", "type": "E", "message": "m"})),
        draw(st.none() | st.just("2026-11-23T03:30:47.123456Z")),
        draw(st.sampled_from([{}, {"total": 1.5}])),
        draw(MAYBE_TEXT),
        draw(st.none() | st.just({"id": "a-1", "seq": 1})),
        draw(st.none() | st.just({"id": 1})),
        draw(st.none() | st.integers(1, 9)),
        draw(st.none() | st.just({"known:x": 1})),
        draw(st.sampled_from([{}, {"har": {"a": 1}}, {"vcrpy": {}}])),
    )


SAYS_NOTHING: tuple[object, ...] = (None, {}, [], "", True, (None, None), (True, None))
"""What a description says where an interaction does not say it."""
PLAIN = [name for name, facet in FACETS.items() if not facet.leaves_out and name != "extra"]


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_counted_is_what_a_comparison_looks_past(name: str) -> None:
    facet = FACETS[name]

    @settings(max_examples=40)
    @given(interactions())
    def holds(interaction: Interaction) -> None:
        before = describe(interaction)
        if name.startswith("binary-"):  # what is left out leaves an empty body or none: those look alike then
            assume(
                all(
                    not before[key] or before[key]["size"] for key in ("request.body", "response.body") if key in before
                )
            )
        after = describe(interaction)
        facet.forget(after)
        if interaction.response is None:
            del before["response"]
        changed = any(before[key] != after.get(key) and before[key] not in SAYS_NOTHING for key in before)
        assert facet.found(interaction) or not changed

    holds()


def made(**changes: object) -> Interaction:
    request = Request("GET", "http://localhost/", [("A", "1"), ("B", "2")])
    response = Response(200, "OK", [("A", "1"), ("B", "2")])
    interaction = Interaction(request, response)
    for key, value in changes.items():
        owner: object = interaction
        *way, last = key.split("__")
        for step in way:
            owner = getattr(owner, step)
        setattr(owner, last, value)
    return interaction


TWICE: Headers = [("A", "1"), ("B", "2"), ("A", "3")]


@pytest.mark.parametrize(
    ("facet", "full", "left"),
    [
        ("error", made(error={"phase": "body"}), made()),
        ("started-at", made(started_at="2026-11-23T03:30:47.123456Z"), made()),
        ("timings", made(timings_ms={"total": 1.0}), made()),
        ("client", made(client="requests/2"), made()),
        ("process", made(process={"id": "a-1"}), made()),
        ("connection", made(connection={"id": 1}), made()),
        ("memory", made(rss=1), made()),
        ("redaction", made(redacted={"a": 1}), made()),
        ("http-version", made(response__http_version="HTTP/1.1"), made()),
        ("target", made(request__target="*"), made()),
        ("unsent", made(request__sent=False), made()),
        ("reason", made(response__reason="Fine"), made(response__reason="")),
        ("header-order", made(request__headers=[("B", "2"), ("A", "1")]), made()),
        ("header-case", made(request__headers=[("a", "1"), ("B", "2")]), made()),
        ("scattered-headers", made(request__headers=TWICE), made(request__headers=[TWICE[0], TWICE[2], TWICE[1]])),
        ("repeated-request-headers", made(request__headers=TWICE), made(request__headers=[TWICE[2], TWICE[1]])),
        ("repeated-response-headers", made(response__headers=TWICE), made(response__headers=[TWICE[2], TWICE[1]])),
        ("trailers", made(response__trailers=[("X", "1")]), made()),
        ("framing", made(response__body=Body(b"x", framing="chunked")), made(response__body=Body(b"x"))),
        ("wire-size", made(response__body=Body(b"x", wire_size=1)), made(response__body=Body(b"x"))),
        ("coding", made(response__body=Body(b"x", coding="gzip")), made(response__body=Body(b"x"))),
        (
            "incomplete",
            made(response__body=Body(b"x", complete=False, incomplete="closed")),
            made(response__body=Body(b"x")),
        ),
        ("removed", made(response__body=Body(b"x", removed="why")), made(response__body=Body(b"x"))),
        ("empty-bodies", made(request__body=Body(b"")), made()),
        ("absent-bodies", made(response__body=None), made(response__body=Body(b""))),
        ("binary-request-body", made(request__body=Body(b"\xff")), made(request__body=Body(b"\xfe\xff"))),
        ("binary-response-body", made(response__body=Body(b"\xff")), made(response__body=Body(b"\xfe\xff"))),
    ],
)
def test_a_facet_is_counted_and_looked_past_alone(facet: str, full: Interaction, left: Interaction) -> None:
    assert FACETS[facet].found(full)
    assert differences(describe(full), describe(left), [])
    assert differences(describe(full), describe(left), [facet]) == []
    losses = Losses([facet], family="har")
    assert losses.take(full, 7)
    assert (losses.counts, losses.first) == ({facet: 1}, {facet: 7})


@pytest.mark.parametrize(
    ("facet", "interaction"),
    [
        ("header-case", made(request__headers=[("123", "a"), ("x-a", "b"), ("\u00df", "c")], response__headers=[])),
        ("header-order", made(request__headers=[("A", "1"), ("A", "2"), ("B", "3"), ("b", "4")])),
        ("scattered-headers", made(request__headers=[("A", "1"), ("A", "2"), ("a", "3"), ("B", "4")])),
        ("binary-response-body", made(response__body=Body("\u00e9"))),
        ("empty-bodies", made(response__body=Body(b"x"))),
        ("absent-bodies", made(response__body=Body(b""))),
        ("wire-size", made(response__body=Body(b"x"))),
    ],
)
def test_what_is_not_lost_is_not_counted(facet: str, interaction: Interaction) -> None:
    losses = Losses([facet], family="har")
    assert losses.take(interaction, 1)
    assert losses.counts == {}


@settings(max_examples=50)
@given(interactions(), st.sets(st.sampled_from(list(FACETS))))
def test_an_interaction_equals_itself_whatever_is_lost(interaction: Interaction, lost: set[str]) -> None:
    said = describe(interaction)
    assert differences(said, describe(interaction), lost) == []
    assert said == describe(interaction)


@pytest.mark.parametrize("order", list(itertools.permutations(["incomplete", "empty-bodies", "header-case"])))
def test_the_order_in_which_facets_are_named_says_nothing(order: tuple[str, ...]) -> None:
    cut = made(request__body=Body(b"", complete=False, incomplete="closed"), request__headers=[("a", "1"), ("B", "2")])
    assert differences(describe(cut), describe(made()), order) == []


def test_order_and_case_are_lost_together() -> None:
    mixed = made(request__headers=[("a", "1"), ("B", "2"), ("A", "3")])
    small = made(request__headers=[("a", "1"), ("a", "3"), ("b", "2")])
    assert differences(describe(mixed), describe(small), ["header-order", "header-case"]) == []


def pieces(*parts: bytes) -> Body:
    def stream() -> Iterator[bytes]:
        yield from parts

    return Body(stream=stream, size=sum(map(len, parts)))


def test_a_long_body_is_binary_or_text_as_a_short_one_is() -> None:
    for parts in ([b"\xc3", b"\xa9"], [b"\xff", b"x"], [b"text", b"\xc3"], [b"a", b"b"]):
        whole = made(response__body=Body(b"".join(parts)))
        long = made(response__body=pieces(*parts))
        assert describe(whole) == describe(long)
        for name in ("binary-response-body", "binary-request-body"):
            assert FACETS[name].found(whole) == FACETS[name].found(long)


def test_what_cannot_be_written_at_all_is_left_out_and_counted() -> None:
    losses = Losses(["no-response", "client"], family="har")
    assert not losses.take(made(response=None, client="x"), 3)
    assert losses.take(made(client="x"), 4)
    assert (losses.counts, losses.first, losses.left_out) == (
        {"no-response": 1, "client": 1},
        {"no-response": 3, "client": 4},
        1,
    )


@pytest.mark.parametrize(
    ("extra", "lost", "keeps", "count"),
    [
        ({}, [], False, 0),
        ({"har": 1}, [], False, 0),
        ({"vcrpy": 1, "har": 1, "betamax": 1}, [], False, 1),
        ({"vcrpy": 1}, [], True, 0),
        ({"har": 1}, ["extra"], False, 1),
    ],
)
def test_keys_of_other_tools_are_counted_once_an_interaction(
    extra: dict[str, object], lost: list[str], keeps: bool, count: int
) -> None:
    losses = Losses(lost, family="har", keeps_extra=keeps)
    losses.take(made(extra=extra), 1)
    assert losses.counts.get("extra", 0) == count


def test_what_a_writer_finds_is_counted_with_the_rest() -> None:
    losses = Losses([], family="har")
    losses.add("trailers", 5)
    losses.add("trailers", 6)
    assert (losses.counts, losses.first) == ({"trailers": 2}, {"trailers": 5})


def test_only_keys_of_the_family_are_described_where_one_is_named() -> None:
    interaction = made(extra={"har": {"a": 1}, "vcrpy": {"b": 2}})
    assert describe(interaction)["extra"] == {"har": {"a": 1}, "vcrpy": {"b": 2}}
    assert describe(interaction, family="har")["extra"] == {"har": {"a": 1}}
    assert describe(interaction, family="go-vcr")["extra"] is None


def test_the_names_are_keys_and_the_titles_sentences_can_use() -> None:
    for name, facet in FACETS.items():
        assert name == facet.name
        assert name == name.lower()
        assert not facet.title.endswith(".")


@settings(max_examples=30)
@given(st.lists(interactions(), max_size=8), st.sets(st.sampled_from(PLAIN)), st.sampled_from([0, 1, 1000]))
def test_each_interaction_is_counted_for_each_facet_that_it_loses(
    all_of_them: list[Interaction], lost: set[str], most: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("cassette_tools.losses.MOST_COMBINATIONS", most)
        losses = Losses(lost, family="har", keeps_extra=True)
        for number, interaction in enumerate(all_of_them, 1):
            losses.take(interaction, number)
        numbers = {
            name: [number for number, one in enumerate(all_of_them, 1) if FACETS[name].found(one)] for name in lost
        }
        assert losses.counts == {name: len(found) for name, found in numbers.items() if found}
        assert losses.first == {name: found[0] for name, found in numbers.items() if found}
