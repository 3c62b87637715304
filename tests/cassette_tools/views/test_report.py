"""The page of a report, in a real browser: what people see and do, and that nothing recorded can run in it."""

from __future__ import annotations

import time
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest

from cassette_tools.report import LINE_TYPES, gather
from cassette_tools.source import facts_of, open_cassette
from cassette_tools.views import report as view
from cassette_tools.views.escape import visible
from cassette_tools.views.report import left_out, pieces, unredacted
from tests.browser import PHONE
from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.test_picture import PICTURES, png

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.browser import Tab

RESET = {"phase": "body", "type": "requests.exceptions.ConnectionError", "message": "reset by peer"}
POLICY = {"version": 1, "policy": "3b806ff24d29", "key": "random", "known": 1}

HOSTILE = [
    "</script><script>window.ran = 1; alert(1)</script>",
    "<img src=x onerror='window.ran = 1'>",
    "<svg/onload=window.ran=1>",
    "\"><iframe srcdoc='<script>parent.ran = 1</script>'></iframe>",
    "javascript:window.ran=1//",
    "{{ 7 * 7 }}{% include 'x' %}${window.ran = 1}",
    "]]><!-- <!--<script> --!>",
    "&lt;b&gt; &#60;script&#62;",
    "a\u2028b\u2029c\x00d\x1b[31m\u202egnp.exe\u200b\ufeff",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'><base href=https://evil.example/>",
    "<link rel=stylesheet href=https://evil.example/x.css><style>*{display:none}</style>",
]


def small() -> Cassette:
    """Return a cassette with one of each."""
    cassette = Cassette(redaction=POLICY).process()
    cassette.get("https://api.example.com/ads/17?limit=5", body=b'{"price":1.10,"name":"x"}', total=20)
    cassette.interaction(
        method="POST",
        url="https://api.example.com/login",
        status=404,
        reason="Not Found",
        sent=b"user=me&password=REDACTED",
        request_headers=[("Content-Type", "application/x-www-form-urlencoded")],
        body=b"no such user",
        headers=[("Content-Type", "text/plain")],
        redacted={"field:password": 1},
        total=300,
    )
    cassette.get("http://gone.example.net/", status=None, body=None, error=RESET, total=1500)
    cassette.get("https://api.example.com/new", status=302, reason="Found", body=b"", total=5)
    cassette.get("https://cdn.example.com/big.bin", body=b"\x00\xff" * 50_000, headers=[], total=80)
    return cassette.end()


def written(path: Path, cassette: Cassette | None = None, **options: Any) -> Path:
    """Write a cassette, and the page of it beside it; give the page's path."""
    source = (cassette or small()).write(path / "c.jsonl")
    page = path / "report.html"
    limit, body_limit = options.pop("limit", 10_000), options.pop("body_limit", 65_536)
    with open_cassette(str(source), mode="tail", types=LINE_TYPES, bodies=True) as opened:
        gathered = gather(opened.reader, limit=limit, body_limit=body_limit)
        facts = facts_of(str(source), opened, source.stat().st_size)
    with gathered:
        page.write_bytes(b"".join(pieces(gathered, facts, **options)))
    return page


def ready(tab: Tab) -> Page:
    tab.page.wait_for_selector("html[data-ready]", state="attached")
    return tab.page


def numbers(page: Page) -> list[int]:
    """Return the numbers of the rows in view, from top to bottom."""
    rows = page.evaluate(
        """() => [...document.querySelectorAll("#rows .row:not([hidden])")]
            .map((row) => [Number(row.dataset.place), Number(row.querySelector(".c-number").textContent)])"""
    )
    return [number for _, number in sorted(rows)]


def fragment(page: Page) -> str:
    return str(page.evaluate("location.hash"))


# -- what is there


def test_it_opens_offline_without_a_complaint(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    tab = open_page(written(tmp_path))
    page = ready(tab)
    assert numbers(page) == [1, 2, 3, 4, 5]
    assert page.title() == "c.jsonl"
    assert page.locator("#count").text_content() == "5 interactions"
    assert tab.complaints() == []


def test_the_overview_needs_no_script(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = open_page(written(tmp_path), script=False).page
    tiles = page.locator(".tile").all_text_contents()
    assert tiles[0].startswith("interactions5")
    assert tiles[1].startswith("failed1")
    assert page.get_by_role("button", name="POST api.example.com/login").is_visible()
    assert page.locator("noscript p").is_visible()
    assert not page.locator("#grid").is_visible()


def test_a_request_is_shown_in_full(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path), fragment="#/2"))
    details = page.get_by_role("complementary", name="Interaction 2")
    text = details.inner_text()
    for said in (
        "404 Not Found",
        "no such user",
        "user",
        "me",
        "field:password",
        "300 ms",
        "requests/2.34.2",
        "pid 4242",
    ):
        assert said in text
    assert details.get_by_role("button", name="Copy as curl").is_visible()


def test_a_failure_is_shown_with_its_message(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path), fragment="#/3"))
    text = page.locator("#details").inner_text()
    assert "requests.exceptions.ConnectionError" in text
    assert "reset by peer" in text


def test_a_cut_body_says_so_and_names_the_command(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    cassette = Cassette().get(body=b"word " * 1000, headers=[]).get(body=b"\x00" * 300, headers=[]).end()
    page = ready(open_page(written(tmp_path, cassette, body_limit=100), fragment="#/1"))
    text = page.locator("#details").inner_text()
    assert "Cut here: the first 100 B are shown." in text
    assert "c.jsonl 1 --body -o FILE" in text
    page.keyboard.press("j")
    page.get_by_role("heading", name="Interaction 2").wait_for()
    assert "000000  00 00" in page.locator("#details pre").inner_text()


def test_json_numbers_and_order_are_shown_as_they_were_sent(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    body = b'{"b":1.10,"a":12345678901234567890,"a":"\\u00e9","deep":[true,null]}'
    page = ready(open_page(written(tmp_path, Cassette().get(body=body).end()), fragment="#/1"))
    shown = page.locator("#details pre").text_content() or ""
    assert "".join(shown.split()) == body.decode()


def test_what_is_said_to_be_json_and_is_none_is_shown_as_it_is(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    cassette = Cassette().get(body=b"{not: json}, a\tb").get(body=b"{a: b}", headers=[]).end()
    page = ready(open_page(written(tmp_path, cassette), fragment="#/1"))
    assert page.locator("#details pre").text_content() == "{not: json}, a\tb"
    assert page.get_by_text("Declared as JSON, but it is none").is_visible()
    page.keyboard.press("j")
    page.get_by_role("heading", name="Interaction 2").wait_for()
    assert page.locator(".body-head").first.inner_text().startswith("Body text, 6 B")


def test_json_hides_and_reorders_nothing(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    body = (
        '{"a":"\u202egnp.exe\u200b\u2028\u00ad\ud83d\ude00"}'.encode("utf-16", "surrogatepass")
        .decode("utf-16")
        .encode()
    )
    page = ready(open_page(written(tmp_path, Cassette().get(body=body).end()), fragment="#/1"))
    shown = page.locator("#details pre").text_content() or ""
    assert r"\u202egnp.exe\u200b\u2028\xad" in shown
    assert "\U0001f600" in shown


def test_events_are_shown_one_by_one(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    body = b'event: delta\ndata: {"text":"Hello"}\n\nid: 7\ndata: done\n\n'
    cassette = Cassette().get(body=body, headers=[("Content-Type", "text/event-stream")]).end()
    page = ready(open_page(written(tmp_path, cassette), fragment="#/1"))
    assert page.locator(".event h4").all_text_contents() == ["1: delta", "2: message"]
    assert "Hello" in page.locator(".event pre").first.inner_text()


def test_what_a_cassette_of_another_tool_does_not_tell_is_not_made_up(
    tmp_path: Path, open_page: Callable[..., Tab]
) -> None:
    cassette = Cassette(converted=True)
    cassette.get(started_at=None, timings_ms={}, connection=None, rss=None, client=None, pid=None, thread=None)
    page = ready(open_page(written(tmp_path, cassette), fragment="#/1"))
    assert not page.locator(".along").is_visible()
    assert not page.locator(".head .c-started").is_visible()
    assert "ended" not in page.locator(".overview").inner_text()
    assert page.locator(".card h3", has_text="Processes").count() == 0
    assert page.locator(".card h3", has_text="Clients").count() == 0
    assert not page.locator("#times").is_visible()
    assert not page.locator(".head .c-total").is_visible()
    assert "null" not in page.locator("#details").inner_text()
    assert "undefined" not in page.locator("#details").inner_text()


@pytest.mark.parametrize("limit", [0, 1])
def test_a_page_of_few_or_no_rows_opens(limit: int, tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path, limit=limit)))
    assert numbers(page) == [1][:limit]
    assert page.locator(".tile-value").first.text_content() == "5"


def test_a_cassette_without_interactions_opens(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path, Cassette().end())))
    assert page.get_by_text("There are no interactions here.").is_visible()


def test_an_interaction_that_is_not_there_is_told(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path), fragment="#/99"))
    assert page.get_by_text("There is no interaction 99 in this page.").is_visible()


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_is_painted(kind: str, tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    cassette = Cassette().get(body=b64decode(PICTURES[kind]), headers=[("Content-Type", "text/lies")]).end()
    page = ready(open_page(written(tmp_path, cassette), fragment="#/1"))
    canvas = page.get_by_role("img", name="Body of the response, a picture of 3 by 2 pixels")
    page.wait_for_selector(".picture[width='3']")
    red, green, blue, alpha = canvas.evaluate("(c) => [...c.getContext('2d').getImageData(1, 1, 1, 1).data]")
    assert red > 150
    assert max(green, blue) < 120
    assert alpha == 255
    assert page.locator("#details").get_by_text("Bytes", exact=True).is_visible()


def svg(script: str) -> bytes:
    opening = f"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9' onload='{script}'>"
    return f"{opening}<script>{script}</script></svg>".encode()


HOSTILE_PICTURES: dict[str, bytes] = {
    "svg": svg("window.ran = 1"),
    "svg behind a signature": b"\x89PNG\r\n\x1a\n" + svg("window.ran = 1"),
    "svg in the shape of a gif": b"GIF89a/*" + svg("window.ran = 1") + b"\x00\xff",
    "nothing but a header": png(2000, 2000),
    "a header that lies": png(1, 1) + b64decode(PICTURES["image/png"])[33:],
    "fifty thousand pixels wide": png(50_000, 50_000) + bytes(100),
    "cut off": b64decode(PICTURES["image/jpeg"])[:170],
    "a script behind it": b64decode(PICTURES["image/gif"]) + b"</script><script>window.ran = 1</script>\xff",
}


@pytest.mark.parametrize("name", HOSTILE_PICTURES)
def test_a_hostile_picture_does_nothing(name: str, tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    cassette = Cassette().get(body=HOSTILE_PICTURES[name], headers=[("Content-Type", "image/svg+xml")]).end()
    tab = open_page(written(tmp_path, cassette), fragment="#/1")
    page = ready(tab)
    page.wait_for_timeout(150)
    assert page.evaluate("window.ran") is None
    assert page.locator("img, image, svg, object, embed").count() == 0
    assert page.evaluate("[...document.querySelectorAll('.picture')].every((one) => one.width * one.height <= 4000000)")
    assert tab.complaints() == []


# -- nothing recorded runs


@pytest.mark.parametrize("text", HOSTILE)
def test_recorded_text_runs_nothing_and_is_shown_as_text(
    text: str, tmp_path: Path, open_page: Callable[..., Tab]
) -> None:
    html = f"<html><body>{text}</body></html>".encode()
    cassette = Cassette(recorder=text, python=text, platform=text).process(program=text)
    cassette.interaction(
        method=f"GET{text}",
        url=f"https://{text}/{text}",
        reason=text,
        request_headers=[(text, text), ("Content-Type", "application/x-www-form-urlencoded")],
        sent=f"{text}={text}".encode(),
        headers=[("Content-Type", f"text/html; {text}"), (text, text)],
        body=html,
        client=text,
        error=RESET | {"message": text, "type": f"a.{text}", "phase": text, "cause": {"type": text, "message": text}},
        redacted={text: 3},
        connection={"id": 1, "reused": False, "peer": text, "tls": text, "proxy": text},
    )
    cassette.get(url=text, body=f'{{"{text[:5]}": 1'.encode()).get(
        url=f"javascript:{text}", body=text.encode(), headers=[]
    )
    cassette.end(lost={text: 2}, seen=5)
    tab = open_page(written(tmp_path, cassette, title=text, only=text), fragment="#/1")
    page = ready(tab)
    for at in range(3):
        page.get_by_role("heading", name=f"Interaction {at + 1}").wait_for()
        page.keyboard.press("j")
    page.wait_for_timeout(50)
    assert page.evaluate("window.ran") is None
    assert page.locator("body img, body svg, body iframe, body object, body embed, a[href*=script], base").count() == 0
    assert page.locator("script").count() == 1 + len(view._SCRIPTS) + 3  # those with code, three blocks of data
    assert tab.complaints() == []
    shown = page.locator("h1").text_content() or ""
    assert visible(text, lines=True).strip()[:5] in shown
    seen = page.evaluate(
        """() => [...document.querySelectorAll("body, body *:not(script)")]
            .flatMap((one) => [...one.attributes].map((attribute) => attribute.value).concat(one.innerText)).join("")"""
    )
    assert not set(shown + seen) & set("\u202e\u2028\x00\x1b\u200b")


def test_what_a_curl_command_lacks_is_told_to_whoever_copies_it(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    cassette = Cassette().get(request_headers=[("Authorization", "Bearer REDACTED-secret-1")]).end()
    tab = open_page(written(tmp_path, cassette), fragment="#/1", permissions=["clipboard-read", "clipboard-write"])
    page = ready(tab)
    page.get_by_role("button", name="Copy as curl").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert "placeholders stand where secrets were" in page.locator(".curl-note").inner_text()
    assert str(page.evaluate("navigator.clipboard.readText()")).startswith("curl ")


def test_a_line_of_a_megabyte_opens(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    cassette = Cassette().get(
        "https://a.example/" + "x" * 1_000_000, body=b"y" * 1_000_000, headers=[("L", "z" * 1_000_000)]
    )
    page = ready(open_page(written(tmp_path, cassette.end()), fragment="#/1"))
    assert page.locator("#details").inner_text().count("z") < 20_000
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# -- filter and sort


FILTERS: list[tuple[str, list[int]]] = [
    ("", [1, 2, 3, 4, 5]),
    ("api.example", [1, 2, 4]),
    ("API ads", [1]),
    ("!api", [3, 5]),
    ("~c 404", [2]),
    ("~c 200-399", [1, 4, 5]),
    ("~q", [3]),
    ("~e | ~c >=400", [2, 3]),
    ("!(~e | ~c >=400) ~m get", [1, 4, 5]),
    ("~d cdn", [5]),
    ("~ts text", [2]),
    ("~ms >300", [3]),
    ("~ms >=300", [2, 3]),
    ("~size >50kB", [5]),
    ("~i >3", [4, 5]),
    (r"~u /ads/\d+", [1]),
    ('"limit=5"', [1]),
    ("~hq urlencoded", [2]),
    ("~hs .", [1, 2, 4]),
    ("~bs price", [1]),
    ("~bs 1\\.10,", [1]),
    ("~bq password", [2]),
    ("~b user & ~m POST", [2]),
    ("~bs '^no such user$' | ~u new", [2, 4]),
]


def filtered(page: Page, text: str) -> list[int]:
    """Type a filter, wait for what it leaves."""
    page.get_by_role("searchbox", name="Filter").fill(text)
    page.wait_for_selector('#grid:not([aria-busy="true"])', state="attached")
    return numbers(page)


def test_a_filter_leaves_what_matches(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path)))
    assert [(text, filtered(page, text)) for text, _ in FILTERS] == FILTERS


def test_where_nothing_matches_it_says_so_and_offers_a_way_back(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path), fragment="#/?q=nothing-like-it"))
    page.get_by_role("button", name="Take the filter away").click()
    assert numbers(page) == [1, 2, 3, 4, 5]
    assert not page.locator("#nothing").is_visible()


def test_the_number_of_what_is_found_is_announced(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path)))
    page.get_by_role("button", name="failed", exact=True).click()
    status = page.get_by_role("status")
    assert status.text_content() == "1 of 5 interactions"
    assert status.get_attribute("aria-live") == "polite"
    assert page.get_by_role("grid").get_attribute("aria-rowcount") == "2"


def test_a_quick_filter_is_pressed_and_let_go(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path)))
    chip = page.get_by_role("button", name="4xx")
    chip.click()
    assert chip.get_attribute("aria-pressed") == "true"
    assert numbers(page) == [2]
    chip.click()
    assert chip.get_attribute("aria-pressed") == "false"
    assert numbers(page) == [1, 2, 3, 4, 5]


SORTED = {
    "time": ([3, 2, 5, 1, 4], [4, 1, 5, 2, 3]),
    "size": ([5, 1, 2, 4, 3], [4, 2, 1, 5, 3]),
    "status": ([2, 4, 1, 5, 3], [1, 5, 4, 2, 3]),
    "method": ([1, 3, 4, 5, 2], [2, 1, 3, 4, 5]),
    "URL": ([3, 1, 2, 4, 5], [5, 4, 2, 1, 3]),
}


def test_a_column_sorts_both_ways_and_the_unknown_stands_last(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path)))
    for column, ways in SORTED.items():
        head = page.get_by_role("grid").get_by_role("columnheader", name=column)
        said = set()
        for way in ways:
            head.get_by_role("button").click()
            assert numbers(page) == way, column
            said.add(head.get_attribute("aria-sort"))
        assert said == {"ascending", "descending"}


def test_a_host_in_the_figures_filters_the_table(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path)))
    page.get_by_role("button", name="cdn.example.com", exact=True).click()
    assert numbers(page) == [5]
    page.get_by_role("button", name="POST api.example.com/login").click()
    assert numbers(page) == [2]


# -- keys


def test_everything_can_be_done_with_keys(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path)))
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "filter"
    page.keyboard.type("api")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "grid"
    page.keyboard.press("ArrowDown")
    active = page.get_by_role("grid").get_attribute("aria-activedescendant") or ""
    assert page.locator(f"#{active} .c-number").text_content() == "2"
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Interaction 2").wait_for()
    assert page.evaluate("document.activeElement.id") == "details"
    page.keyboard.press("j")
    page.get_by_role("heading", name="Interaction 4").wait_for()
    page.keyboard.press("Escape")
    assert not page.locator("#details").is_visible()
    assert page.evaluate("document.activeElement.id") == "grid"
    page.keyboard.press("Home")
    assert page.get_by_role("grid").get_attribute("aria-activedescendant") == "row-0"
    page.keyboard.press("End")
    assert page.get_by_role("grid").get_attribute("aria-activedescendant") == "row-2"


def test_what_has_the_focus_is_seen(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path)))
    unseen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """() => { const one = document.activeElement;
                return [one.outerHTML.slice(0, 80), getComputedStyle(one).outlineStyle]; }"""
        )
        if outline == "none" and not name.startswith("<body"):
            unseen.append(name)
    assert unseen == []


# -- links


def test_the_address_survives_a_reload(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path)))
    page.get_by_role("searchbox").fill("api")
    page.get_by_role("grid").get_by_role("columnheader", name="time").get_by_role("button").click()
    page.locator("#rows .row", has_text="login").click()
    page.get_by_role("heading", name="Interaction 2").wait_for()
    assert fragment(page) == "#/2?q=api&sort=-total"
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.get_by_role("heading", name="Interaction 2").is_visible()
    assert numbers(page) == [2, 1, 4]
    assert page.get_by_role("searchbox").input_value() == "api"


def test_back_and_forward_go_through_what_was_open(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path)))
    page.locator("#rows .row").nth(0).click()
    page.get_by_role("heading", name="Interaction 1").wait_for()
    page.keyboard.press("j")
    page.get_by_role("heading", name="Interaction 2").wait_for()
    page.go_back()
    page.get_by_role("heading", name="Interaction 1").wait_for()
    page.go_back()
    page.locator("#details").wait_for(state="hidden")
    page.go_forward()
    page.get_by_role("heading", name="Interaction 1").wait_for()


@pytest.mark.parametrize(
    "address", ["#/x", "#/1?sort=__proto__&from=9&to=1&lanes=x", "#?q=%E0%A4%A", "#/-1", "#main", "#/1e9"]
)
def test_an_address_of_nonsense_opens_the_page(address: str, tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path), fragment=address))
    assert page.locator("#list-title").is_visible()


# -- along the run


def test_a_part_of_the_run_is_chosen_by_dragging_and_kept(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path)))
    box = page.locator("#waterfall").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.05, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + 20, steps=4)
    page.mouse.up()
    assert numbers(page) != [1, 2, 3, 4, 5]
    assert "from=" in fragment(page)
    page.get_by_role("button", name="Whole run").click()
    assert numbers(page) == [1, 2, 3, 4, 5]


def test_a_part_of_the_run_is_chosen_with_buttons(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path)))
    for name in ("Zoom in", "Zoom in", "Later", "Earlier", "Zoom out", "Zoom in"):
        page.get_by_role("button", name=name).press("Enter")
    assert "from=" in fragment(page)


def test_a_click_on_a_bar_opens_its_interaction(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path)))
    box = page.locator("#waterfall").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2)  # the long one
    page.get_by_role("heading", name="Interaction 3").wait_for()


@pytest.mark.parametrize("lanes", ["packed", "connection", "thread", "host"])
def test_plots_are_drawn_and_say_what_they_show(lanes: str, tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path), fragment=f"#/?lanes={lanes}"))
    page.wait_for_timeout(100)
    for name in ("waterfall", "scatter", "memory", "times", "sizes"):
        canvas = page.locator(f"#{name}")
        assert len(canvas.get_attribute("aria-label") or "") > 40
        painted = canvas.evaluate(
            "(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((value) => value > 0)"
        )
        assert painted, name


# -- how it looks


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("address", ["", "#/2"])
def test_no_text_has_a_contrast_below_four_and_a_half(
    dark: bool, address: str, tmp_path: Path, open_page: Callable[..., Tab]
) -> None:
    from tests.cassette_tools.views.test_html import contrast

    page = ready(open_page(written(tmp_path), dark=dark, fragment=address))
    page.wait_for_timeout(250)
    weak = [
        (text, colour, ground)
        for text, colour, ground in page.evaluate(PAIRS)
        if contrast(hexadecimal(colour), hexadecimal(ground)) < 4.5
    ]
    assert weak == []


@pytest.mark.parametrize("theme", ["system", "dark"])
def test_on_paper_a_dark_page_is_dark_on_light(theme: str, tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    from tests.cassette_tools.views.test_html import contrast

    page = ready(open_page(written(tmp_path), dark=True, fragment="#/2"))
    while theme not in (page.get_by_role("button", name="Colours:").text_content() or ""):
        page.get_by_role("button", name="Colours:").click()
    page.emulate_media(media="print")
    assert page.locator("#details").is_visible()
    assert page.locator("#waterfall").is_visible()
    assert not page.locator("#grid").is_visible()
    assert page.get_by_text("no such user").is_visible()
    pairs = [(text, hexadecimal(colour)) for text, colour, _ in page.evaluate(PAIRS)]
    assert [(text, colour) for text, colour in pairs if contrast(colour, "#ffffff") < 4.5] == []


def test_printing_draws_the_plots_in_light_colours_and_back(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    path = written(tmp_path)
    light, page = ready(open_page(path)), ready(open_page(path, dark=True))
    page.wait_for_timeout(100)
    drawn = "document.getElementById('times').toDataURL()"
    on_light, on_dark = light.evaluate(drawn), page.evaluate(drawn)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(drawn) == on_light
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.wait_for_timeout(100)
    assert page.evaluate(drawn) == on_dark
    assert on_dark != on_light


def test_with_forced_colours_bars_and_choices_are_still_seen(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path), fragment="#/2", forced_colors="active"))
    look = "(element, name) => getComputedStyle(element).getPropertyValue(name)"
    grounds = {
        selector: page.locator(selector).first.evaluate(look, "background-color")
        for selector in (".timing-bar .bar-wait", ".track .bar-wait", "body")
    }
    assert grounds[".timing-bar .bar-wait"] != grounds["body"]
    assert grounds[".track .bar-wait"] != grounds["body"]
    assert page.locator(".row.open").evaluate(look, "outline-style") == "solid"


# Every text in view with its colour and the first ground behind it that is not transparent.
PAIRS = """() => {
  const clear = /(, 0\\)|\\/ 0\\)|^transparent$)/;
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const skipped = element.closest("noscript, script, :disabled") || !element.checkVisibility();
    if (skipped || !walker.currentNode.data.trim()) continue;
    let behind = element;
    while (behind && clear.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
    const ground = behind ? getComputedStyle(behind).backgroundColor : "rgb(255, 255, 255)";
    if (!ground.startsWith("rgb(")) continue; // a mix of two grounds, each of which is looked at elsewhere
    found.push([walker.currentNode.data.trim().slice(0, 30), getComputedStyle(element).color, ground]);
  }
  return found;
}"""


def hexadecimal(colour: str) -> str:
    parts = colour.removeprefix("rgb(").removesuffix(")").split(",")
    return "#" + "".join(f"{int(part):02x}" for part in parts)


@pytest.mark.parametrize("address", ["", "#/2", "#/5", "#/3?q=gone"])
def test_a_phone_scrolls_down_only(address: str, tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path), fragment=address, size=PHONE))
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert page.locator("#details").evaluate("(panel) => panel.scrollWidth <= panel.clientWidth || panel.hidden")


def test_a_phone_sorts_by_a_list_of_choices(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path), size=PHONE))
    page.get_by_label("Sort").select_option("-total")
    assert numbers(page) == [3, 2, 5, 1, 4]


def test_every_control_has_a_name(tmp_path: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(written(tmp_path), fragment="#/2"))
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, canvas, [tabindex='0']")]
            .filter((one) => !(one.textContent.trim() || one.getAttribute("aria-label") || one.labels?.length
                               || one.getAttribute("aria-labelledby")))
            .map((one) => one.outerHTML.slice(0, 100))"""
    )
    assert nameless == []


# -- ten thousand


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cassette = Cassette(redaction=POLICY)
    for number in range(10_000):
        cassette.get(
            f"https://api{number % 3}.example.com/things/{number}",
            body=b'{"n":%d}' % number,
            at=number / 10,
            total=50 + number % 900,
        )
    return written(tmp_path_factory.mktemp("many"), cassette.end())


def test_ten_thousand_interactions_open_within_five_seconds(many: Path, open_page: Callable[..., Tab]) -> None:
    began = time.monotonic()
    page = ready(open_page(many, fragment="#/9000"))
    assert time.monotonic() - began < 5
    assert page.get_by_role("heading", name="Interaction 9000").is_visible()
    assert '"n": 8999' in page.locator("#details pre").inner_text()


def test_only_rows_in_view_have_elements(many: Path, open_page: Callable[..., Tab]) -> None:
    page = ready(open_page(many))
    assert page.locator("#rows .row").count() < 60
    page.locator("#grid").focus()
    page.keyboard.press("End")
    page.wait_for_timeout(100)
    assert numbers(page)[-1] == 10_000
    assert page.locator("#rows .row").count() < 60
    active = page.get_by_role("grid").get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("aria-rowindex") == "10001"


# -- sentences


def test_what_is_left_out_is_said_with_how_to_get_it(tmp_path: Path) -> None:
    source = small().write(tmp_path / "c.jsonl")
    with open_cassette(str(source), mode="tail", types=LINE_TYPES, bodies=True) as opened:
        gathered = gather(opened.reader, limit=4, body_limit=10, room=0)
        facts = facts_of(str(source), opened, 0)
    gathered.close()
    said = " ".join(left_out(gathered, facts))
    assert "1 of 5 interactions" in said
    assert "--only" in said
    assert "--limit" in said


@pytest.mark.parametrize(
    ("redaction", "converted", "warns"),
    [(POLICY, False, False), ("none", False, True), ("none", True, True)],
)
def test_a_cassette_that_nobody_redacted_is_warned_of(
    redaction: Any, converted: bool, warns: bool, tmp_path: Path
) -> None:
    header: dict[str, Any] = {"redaction": redaction} | ({"converted": True} if converted else {})
    source = Cassette(**header).get().end().write(tmp_path / "c.jsonl")
    with open_cassette(str(source), mode="tail", types=LINE_TYPES, bodies=True) as opened:
        gathered = gather(opened.reader, limit=1, body_limit=10)
    gathered.close()
    assert (unredacted(gathered.summary) is not None) == warns
