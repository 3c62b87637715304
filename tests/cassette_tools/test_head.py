from __future__ import annotations

import time

import pytest

from cassette_tools.head import SNIFFED, Head


def head(data: bytes) -> Head:
    return Head(data, whole=True)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b" \r\n\t\n", "empty"),
        (b"\xef\xbb\xbf \n", "empty"),
        (b"abc\0def", "binary"),
        (b'{"a": 1}', "json"),
        (b'\xef\xbb\xbf\n {"a": 1}', "json"),
        (b'[{"a": 1}]', "json"),
        (b'[\n  {"a": 1}\n]', "json"),
        (b"<?xml version='1.0'?>", "markup"),
        (b"<!DOCTYPE html>", "markup"),
        (b"[[interactions]]\nx = 1\n", "toml"),
        (b"[tool.ruff]  # settings\n", "toml"),
        (b"[a]\r\nb = 1\r\n", "toml"),
        (b"version = 1\n", "toml"),
        (b"# made by a tool\n\n# twice\nversion = 1\n", "toml"),
        (b"interactions:\n- request:\n", "yaml"),
        (b"---\nversion: 2\n", "yaml"),
        (b"# a = 1\nversion: 2\n", "yaml"),
        (b"Dear all,\n", "yaml"),
    ],
)
def test_the_looks_of_a_file_tell_its_kind(data: bytes, kind: str) -> None:
    assert head(data).kind == kind


def test_keys_of_json_are_found_at_any_depth_once_and_in_order() -> None:
    assert head(b'{"b": {"a" : 1, "b": [{"c\\"": 2, "d"\n: "e: f"}]}}').keys == ("b", "a", "d")


def test_keys_of_yaml_are_those_that_begin_a_line() -> None:
    assert head(b"a: 1\n'b': 2\n\"c.d\":\n  e: 3\n- f: 4\ng:h\ni:").keys == ("a", "b", "c.d", "i")


@pytest.mark.parametrize("data", [b"", b"a = 1\n", b"<a>", b"\0"])
def test_other_kinds_have_no_keys(data: bytes) -> None:
    assert head(data).keys == ()


@pytest.mark.parametrize(
    "start",
    [
        b"[" + b" " * SNIFFED,
        b"[" + b"\t" * SNIFFED,
        b"[[" + b"a " * (SNIFFED // 2),
        b"[" + b"]" * SNIFFED,
        b"a" * SNIFFED,
        b"a" + b" " * SNIFFED,
        b"#\n" * (SNIFFED // 2),
        b"# " + b"\n " * (SNIFFED // 2),
        b'{"a"' + b" " * SNIFFED,
        b'{"' * (SNIFFED // 2),
        b"a:" * (SNIFFED // 2),
        b"'" * SNIFFED,
        b"\n" * SNIFFED + b"x",
        b"\xff" * SNIFFED,
    ],
)
def test_whatever_a_file_begins_with_it_is_told_at_once(start: bytes) -> None:
    began = time.process_time()
    found = Head(start[:SNIFFED], whole=False)
    assert found.kind in {"empty", "binary", "json", "toml", "markup", "yaml"}
    assert isinstance(found.keys, tuple)
    assert time.process_time() - began < 1


def test_bytes_that_are_no_utf8_do_no_harm() -> None:
    assert head(b'{"\xff\xfe": 1}').keys == ("\ufffd\ufffd",)


def test_the_raw_bytes_keep_the_byte_order_mark() -> None:
    found = head(b"\xef\xbb\xbf{}")
    assert (found.raw, found.data, found.text) == (b"\xef\xbb\xbf{}", b"{}", b"{}")
