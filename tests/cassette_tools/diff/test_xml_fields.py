"""XML compared by path: what is found, what makes no difference, and what is compared as text instead."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassette_tools.diff.contents import MOST_TAGS, contents_of
from cassette_tools.diff.fields import compare
from cassette_tools.diff.rules import Rules
from cassette_tools.diff.xml_values import DEEPEST, read_xml, xml_text
from tests.cassette_tools.diff.messages import answered, found, ignored, same_digest

if TYPE_CHECKING:
    from cassette_tools.interaction import Interaction

XML: Final = "application/xml"
UUIDS: Final = ["0e37df36-f698-41e6-8dd4-cb9ced3df976", "7f9c24e8-3b12-4fef-91e0-5d6a2c48b1aa"]


def document(text: str) -> Interaction:
    return answered(text, XML)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("<a><b>1</b></a>", "<a><b>2</b></a>", ["changed response xml /a/b: 1 -> 2"]),
        ("<a>1</a>", "<a>2</a>", ["changed response xml /a: 1 -> 2"]),
        ("<a x='1'/>", "<a x='2'/>", ["changed response xml /a/@x: 1 -> 2"]),
        ("<a/>", "<a x='2'/>", ["added response xml /a/@x: None -> 2"]),
        ("<a x='2'>1</a>", "<a>1</a>", ["removed response xml /a/@x: 2 -> None"]),
        ("<a><b>1</b><c/></a>", "<a><c/></a>", ["removed response xml /a/b: <b>1</b> -> None"]),
        ("<a><c/></a>", "<a><c/><b y='&quot;'>&lt;</b></a>", ["added response xml /a/b: None -> <b y='\"'>&lt;</b>"]),
        ("<a><b>1</b><b>2</b></a>", "<a><b>1</b><b>3</b></a>", ["changed response xml /a/b[2]: 2 -> 3"]),
        (
            "<a><b>1</b><b>2</b><b>3</b></a>",
            "<a><b>0</b><b>1</b><b>2</b><b>3</b></a>",
            ["added response xml /a/b: None -> <b>0</b>"],
        ),
        ("<a><b>1</b><b>2</b></a>", "<a><b>1</b></a>", ["removed response xml /a/b[2]: <b>2</b> -> None"]),
        ("<a/>", "<b/>", ["removed response xml /a: <a></a> -> None", "added response xml /b: None -> <b></b>"]),
        ("<n:a>1</n:a>", "<n:a>2</n:a>", ["changed response xml /n:a: 1 -> 2"]),
    ],
)
def test_a_difference_is_told_by_its_path(old: str, new: str, changes: list[str]) -> None:
    assert found(document(old), document(new)) == changes
    assert not same_digest(document(old), document(new))


@pytest.mark.parametrize(
    "other",
    [
        "<l>\n  <a>1</a>\n  <b x='1' y='2'/>\n</l>\n",
        "<?xml version='1.0'?><l><b y='2' x='1'></b><a>1</a></l>",
        "<l><!-- made by hand --><a><![CDATA[1]]></a><b x=\"1\" y='2'/></l>",
        "<l><a>&#49;</a><b x='1' y='2'/></l>",
    ],
)
def test_the_way_of_writing_is_no_change_and_is_said(other: str) -> None:
    one = "<l><a>1</a><b x='1' y='2'/></l>"
    assert found(document(one), document(other)) == []
    assert ignored(compare(document(one), document(other), Rules())) == {"formatting: response xml": 1}
    assert same_digest(document(one), document(other))


@pytest.mark.parametrize(
    ("piece", "rule"),
    [
        ("<RequestId>{}</RequestId>", "request-id"),
        ("<wsse:Nonce>{}</wsse:Nonce>", "nonce"),
        ("<x trace_id='{}'/>", "request-id"),
        ("<id>{}</id>", "uuid"),
        ("<m>urn:uuid:{}</m>", "uuid"),
    ],
)
def test_volatile_things_are_known_by_the_names_of_elements_and_attributes(piece: str, rule: str) -> None:
    one, other = (document(f"<l>{piece.format(uuid)}</l>") for uuid in UUIDS)
    compared = compare(one, other, Rules())
    assert compared.changes == []
    assert [each.rule for each in compared.ignored] == [rule]
    assert len(found(one, other, Rules(keep_volatile=True))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "<p>one <b>two</b> three</p>",
        '<!DOCTYPE l [<!ENTITY e "x">]><l>&e;</l>',
        "<!DOCTYPE l SYSTEM 'file:///etc/hostname'><l/>",
        "<l><a></l>",
        "<l/><l/>",
        "<l>&undefined;</l>",
        "<a>" * (DEEPEST + 1) + "</a>" * (DEEPEST + 1),
        "<a " + " ".join(f"x{at}='1'" for at in range(1_001)) + "/>",
        "no xml",
        "",
        "\ud800",
    ],
)
def test_what_a_tree_cannot_say_is_no_tree(text: str) -> None:
    assert read_xml(text) is None


def test_xml_that_is_no_tree_is_compared_by_line() -> None:
    one, other = "<p>one <b>two</b></p>\n<x/>", "<p>one <b>three</b></p>\n<x/>"
    assert found(document(one), document(other)) == [
        "changed response line 1: <p>one <b>two</b></p> -> <p>one <b>three</b></p>"
    ]
    broken = "<l>\n<a>1</a>\n</l"
    assert found(document("<l>\n<a>1</a>\n</l>"), document(broken)) == ["changed response line 3: </l> -> </l"]


def test_depth_up_to_the_bound_is_read() -> None:
    old, new = (document("<a>" * DEEPEST + text + "</a>" * DEEPEST) for text in "12")
    assert found(old, new) == [f"changed response xml {'/a' * DEEPEST}: 1 -> 2"]


@pytest.mark.parametrize(
    "selector",
    [
        "xml:Price",
        "xml:/Quotes/Quote/Price",
        "xml:/Quotes/*/Price",
        "xml:Quote/Price",
        "xml:Quote",
        "xml:/Quotes",
        "xml:P*",
        "xml",
        "response.xml:Price",
        "response.body",
    ],
)
def test_what_is_ignored_is_told(selector: str) -> None:
    old, new = (
        document(f"<Quotes><Quote><Price>{price}</Price></Quote><Quote><Price>1</Price></Quote></Quotes>")
        for price in (1, 2)
    )
    rules = Rules(ignored=(selector,))
    compared = compare(old, new, rules)
    assert compared.changes == []
    assert [one.rule for one in compared.ignored] == [f"--ignore {selector}"]
    assert same_digest(old, new, rules)


@pytest.mark.parametrize(
    "selector", ["xml:Cost", "xml:/Price", "xml:@Price", "json:Price", "request.xml", "xml:Quotes/Price"]
)
def test_what_is_not_meant_is_not_ignored(selector: str) -> None:
    old, new = (document(f"<Quotes><Quote><Price>{price}</Price></Quote></Quotes>") for price in (1, 2))
    assert len(found(old, new, Rules(ignored=(selector,)))) == 1


NAMES: Final = st.sampled_from(["a", "b", "id", "n:c"])
TEXTS: Final = st.text("ab1 &<\"'", max_size=3) | st.sampled_from([*UUIDS, "2026-11-23T09:15:02Z"])
ELEMENTS: Final = st.recursive(
    st.tuples(NAMES, st.dictionaries(NAMES, TEXTS, max_size=2), TEXTS),
    lambda inner: st.tuples(NAMES, st.dictionaries(NAMES, TEXTS, max_size=2), st.lists(inner, min_size=1, max_size=4)),
    max_leaves=12,
)


def written(element: Any) -> str:
    name, attributes, inside = element
    head = name + "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{head}>{escape(inside) if isinstance(inside, str) else ''.join(map(written, inside))}</{name}>"


@given(ELEMENTS, ELEMENTS)
@settings(max_examples=100, deadline=None)
def test_no_change_is_found_exactly_where_the_digests_are_equal(one: Any, other: Any) -> None:
    old, new = document(written(one)), document(written(other))
    for rules in (Rules(), Rules(keep_volatile=True), Rules(ignored=("xml:a",))):
        assert (found(old, new, rules) == []) == same_digest(old, new, rules)
        assert found(old, old, rules) == []


@given(ELEMENTS)
def test_what_is_shown_of_an_element_reads_as_that_element(element: Any) -> None:
    tree = read_xml(written(element))
    assert tree is not None
    ((name, value),) = tree.items()
    assert read_xml("".join(xml_text(name, value))) == tree


@given(st.text(max_size=50) | st.binary(max_size=50).map(lambda data: data.decode("latin-1")))
def test_no_text_is_too_strange(text: str) -> None:
    read_xml(text)
    read_xml(f"<a>{text}</a>")


def test_many_elements_take_linear_time() -> None:
    def cost(count: int) -> float:
        old, new = (
            "<l>" + "".join(f"<i><k>{at}</k><v>{at + add}</v></i>" for at in range(count)) + "</l>" for add in (0, 1)
        )
        begun = process_time()
        compare(document(old), document(new), Rules())
        return process_time() - begun

    cost(100)
    half, whole = cost(2_000), cost(4_000)
    assert whole < 5 * half + 0.2


def test_more_elements_than_are_looked_into_are_compared_as_text() -> None:
    assert contents_of(("<l>" + "<i/>" * (MOST_TAGS - 2) + "</l>").encode(), XML).kind == "xml"
    assert contents_of(("<l>" + "<i/>" * (MOST_TAGS - 1) + "</l>").encode(), XML).kind == "text"
    assert contents_of(("<l>" + "<i k='v'/>" * (MOST_TAGS // 2) + "</l>").encode(), XML).kind == "text"
