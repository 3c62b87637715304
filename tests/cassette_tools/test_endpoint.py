"""Ids in the path of a URL are folded, and names are not, whatever the path is."""

from __future__ import annotations

import string
import tracemalloc
from datetime import date
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassette_tools import endpoint
from cassette_tools.endpoint import endpoint_of, template_of


@pytest.mark.parametrize(
    ("segment", "template"),
    [
        ("17", "{id}"),
        ("0f8fad5b-d9cb-469f-a165-70867728950e", "{id}"),
        ("%7B0F8FAD5B-D9CB-469F-A165-70867728950E%7D", "{id}"),
        ("0123456789abcdef", "{id}"),
        ("507f1f77bcf86cd799439011", "{id}"),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "{id}"),
        ("cus_9s6XKzkNRiz8i3", "{id}"),
        ("pi_3MtwBwLkdIwHu7ix28a3tqPA", "{id}"),
        ("sub_sched_1Mr3YcLkdIwHu7ixjop3qtff", "{id}"),
        ("usr-12345", "{id}"),
        ("act_1234567", "{id}"),
        ("ABC-17", "{id}"),
        ("12345-my-slug", "{id}"),
        ("i-0abcd1234ef567890", "{id}"),
        ("V1StGXR8_Z5jdHi6B-myT", "{id}"),
        ("1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms", "{id}"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P", "{id}"),
        ("dQw4w9WgXcQ", "{id}"),
        ("C024BE91L", "{id}"),
        ("1,2,3", "{id}"),
        ("52.5200,13.4050", "{id}"),
        ("10.0.0.1", "{id}"),
        ("2024-05-01", "{date}"),
        ("2024-05-01T10%3A00%3A00Z", "{date}"),
        ("2024-05", "{date}"),
        ("2024-Q2", "{date}"),
        ("2024-W18", "{date}"),
        ("jane.doe+news@example.co.uk", "{email}"),
        ("jane%40example.com", "{email}"),
    ],
)
def test_what_names_one_thing_among_many_is_folded(segment: str, template: str) -> None:
    assert template_of(segment) == template
    assert endpoint_of(f"https://api/v1/{segment}/x") == ("api", f"/v1/{template}/x")


@pytest.mark.parametrize(
    ("segment", "template"),
    [
        ("17.json", "{id}.json"),
        ("2024-05-01.csv", "{date}.csv"),
        ("report.2024-05-01.csv", "report.{date}.csv"),
        ("invoice-12345.pdf", "{id}.pdf"),
        ("app.3f2a9c1b.js", "app.{id}.js"),
        ("main-3f2a9c1b.css", "main-{id}.css"),
        ("index-BX3k2aQz.js", "index-{id}.js"),
        ("17:cancel", "{id}:cancel"),
        ("id=17", "id={id}"),
        ("Orders(17)", "Orders({id})"),
        ("Orders(Id='ALFKI17')", "Orders({id})"),
        ("urn:li:person:8675309", "urn:li:person:{id}"),
        ("gid%3A%2F%2Fshop%2FOrder%2F123", "gid%3A%2F%2Fshop%2FOrder%2F{id}"),
        ("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "sha256:{id}"),
    ],
)
def test_what_stands_around_an_id_stays(segment: str, template: str) -> None:
    assert template_of(segment) == template


@pytest.mark.parametrize(
    "segment",
    [
        "v1",
        "v2.1",
        "v24.0",
        "v1beta1",
        "v1p1beta1",
        "2.0",
        "1.2.3",
        "1.2.3-rc.1",
        "en-US",
        "pt_BR",
        "es-419",
        "en-001",
        "oauth2",
        "s3",
        "ipv4",
        "mp3",
        "sha256",
        "base64",
        "utf-8",
        "UTF-8",
        "iso-8859-1",
        "h264",
        "covid-19",
        "web3",
        "2fa",
        "k8s",
        "i18n",
        "python3.11",
        "rfc2616",
        "top10",
        "part-2",
        "q1",
        "x86_64",
        "us-east-1",
        "eu-central-1",
        "@types",
        "logo@2x.png",
        "lodash@4.17.21",
        "report-2024",
        "deadbeef",
        "face2face",
        "feed2024",
        "getUserById2",
        "iPhone15ProMax",
        "oauth2callback",
        "HTML5ToPDF",
        "my-first-post-in-2024",
        "jquery-3.7.1.min.js",
        ".well-known",
        "openid-configuration",
        "caf%C3%A9",
        "index.html",
        "sitemap.xml.gz",
        "es2015",
        "ec2-instances",
        "{id}",
        "{date}",
        "{email}",
        "{id}.json",
    ],
)
def test_names_versions_and_locales_stay(segment: str) -> None:
    assert template_of(segment) == segment


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://API.example.com/ads/17?id=18", ("api.example.com", "/ads/{id}")),
        ("https://user:secret@h/", ("h", "/")),
        ("https://h", ("h", "/")),
        ("https://h?x=/17", ("h", "/")),
        ("https://h/a#b/17", ("h", "/a")),
        ("https://h/a/", ("h", "/a/")),
        ("https://h:443/a", ("h", "/a")),
        ("http://h:80/a", ("h", "/a")),
        ("http://h:443/a", ("h:443", "/a")),
        ("https://[::1]:8443/a", ("[::1]:8443", "/a")),
        ("*", ("unknown", "*")),
        ("/ads/17", ("unknown", "/ads/17")),
        ("", ("unknown", "")),
    ],
)
def test_a_url_gives_its_host_and_its_path(url: str, endpoint: tuple[str, str]) -> None:
    assert endpoint_of(url) == endpoint


WORDS = st.lists(st.text(string.ascii_letters + "-_.~", max_size=15), max_size=6)
IDS = st.one_of(
    st.integers(min_value=0).map(str),
    st.uuids().map(str),
    st.binary(min_size=8, max_size=40).map(bytes.hex),
    st.dates(date(1900, 1, 1), date(2099, 12, 31)).map(str),
    st.integers(min_value=100_000).map("usr-{}".format),
    st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=25, max_size=25).map("0{}".format),
)


@given(WORDS)
def test_a_path_of_letters_is_its_own_template(words: list[str]) -> None:
    words = [word for word in words if not set(word) <= set("abcdefABCDEF") or len(word) < 16]
    assert endpoint_of(f"https://h/{'/'.join(words)}") == ("h", f"/{'/'.join(words)}")


@given(IDS, IDS, WORDS)
def test_two_ids_in_one_place_give_one_endpoint(one: str, other: str, words: list[str]) -> None:
    folded = {
        endpoint_of(f"https://h/{each}/{'/'.join(words)}")[1].replace("{date}", "{id}", 1) for each in (one, other)
    }
    assert len(folded) == 1
    assert folded.pop().startswith("/{id}/")


@given(st.text())
def test_any_text_has_a_template_that_stays_as_it_is(text: str) -> None:
    segment = text.replace("/", "")
    template = template_of(segment)
    assert template_of(template) == template
    assert endpoint_of(f"https://h/{text}")[1].startswith("/")
    assert endpoint_of(text) == endpoint_of(text)


@pytest.mark.parametrize(
    "text", ["1a" * 1000, "a." * 1000, "1-" * 1000, "@" * 2000, "a1_" * 700, "(" * 2000, "%31" * 600]
)
def test_a_hostile_segment_takes_no_longer_than_a_plain_one(text: str) -> None:
    clock = process_time()
    for number in range(20):
        endpoint_of(f"https://h/{number}{text}")
    assert process_time() - clock < 2


def test_what_is_remembered_is_bounded() -> None:
    tracemalloc.start()
    try:
        for number in range(9_000):
            endpoint_of(f"https://{number}.example.com/a{number}-{'x' * 200}/b{number}")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 25_000_000
    assert len(endpoint._addresses) <= 4096
    assert len(endpoint._segments) <= 16_384
    assert len(endpoint._hosts) <= 1024
