"""Random secrets under random encodings in random surroundings: after a redaction nothing of them is left.

One step of encoding always; two with `deep`. What decides is the brute force of `leaks`, which shares no code with the
engine.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from recorder.redact.engine import Redactor
from recorder.redact.policy import Policy, Secret
from tests.recorder.redact.leaks import find, leaks_in, needles

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = b"a key of 32 bytes for the tests."


def every(form: str) -> Callable[[bytes], bytes]:
    """Spell each byte, or each character, in this form."""
    return lambda data: "".join(form.format(each) for each in data).encode()


def _units(form: str) -> Callable[[bytes], bytes]:
    def write(data: bytes) -> bytes:
        units = data.decode().encode("utf-16-be")
        return "".join(form.format(units[i] << 8 | units[i + 1]) for i in range(0, len(units), 2)).encode()

    return write


def _characters(form: str) -> Callable[[bytes], bytes]:
    return lambda data: "".join(form.format(ord(each)) for each in data.decode()).encode()


def _named(data: bytes) -> bytes:
    return data.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;").replace(b'"', b"&quot;")


TEXTUAL: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "percent": lambda data: quote(data, safe="").encode(),
    "percent with slashes": lambda data: quote(data).encode(),
    "form": lambda data: quote_plus(data).encode(),
    "percent in lower case": every("%{:02x}"),
    "percent, all": every("%{:02X}"),
    "json": lambda data: json.dumps(data.decode())[1:-1].encode(),
    "json in utf-8": lambda data: json.dumps(data.decode(), ensure_ascii=False)[1:-1].encode(),
    "json with slashes": lambda data: json.dumps(data.decode())[1:-1].replace("/", "\\/").encode(),
    "json, all": _units("\\u{:04x}"),
    "json, all, in upper case": _units("\\u{:04X}"),
    "html": _named,
    "html, decimal": _characters("&#{};"),
    "html, hexadecimal": _characters("&#x{:x};"),
}
"""From text to text."""

BINARY: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "base64, unpadded": lambda data: base64.b64encode(data).rstrip(b"="),
    "base64url": base64.urlsafe_b64encode,
    "base64url, unpadded": lambda data: base64.urlsafe_b64encode(data).rstrip(b"="),
    "base64, one on": lambda data: base64.b64encode(b"." + data + b"."),
    "base64, two on": lambda data: base64.b64encode(b".." + data + b".."),
    "hex": lambda data: data.hex().encode(),
    "hex in upper case": lambda data: data.hex().upper().encode(),
}
"""From bytes to text."""

WIDE: dict[str, Callable[[bytes], bytes]] = {
    "utf-16-le": lambda data: data.decode().encode("utf-16-le"),
    "utf-16-be": lambda data: data.decode().encode("utf-16-be"),
    "gzip": lambda data: gzip.compress(data, mtime=0),
}
"""From text to bytes that are none."""

ENCODERS = TEXTUAL | BINARY | WIDE

SIGNS = "/+=-_%&<>\"'\\ .,;:!?{}[]()é☃ß日"

secrets = st.one_of(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=40),
    st.text(
        st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn", "Co")), min_size=8, max_size=24
    ),
    st.from_regex(r"[A-Za-z0-9+/_-]{12,40}={0,2}", fullmatch=True),
    st.from_regex(r"[0-9]{9,20}", fullmatch=True),
    st.text("ab19" + SIGNS, min_size=8, max_size=24),
    st.text(SIGNS, min_size=8, max_size=16),
    st.sampled_from(
        ['a/b+c=d&e"f\\g<é☃', "%41%42%43%44xyz", "\\u0041bcd\\\\efgh", "&amp;&#65;<>&lt;", "  two  spaces  here "]
    ),
).filter(lambda text: text.strip() == text and len(set(text)) > 4)
around = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace")),
    st.sampled_from(
        [
            b"",
            b" ",
            b'"',
            b"=",
            b"Ab0",
            b"%",
            b"\\",
            b"&",
            b"+",
            b"/",
            b'{"a":"',
            b'"}',
            b"a=1&b=",
            b"f0",
            b"\0",
            b"-_",
            b"%5",
        ]
    ),
)


def redactor_for(secret: str, *, deep: bool = False) -> Redactor:
    redactor = Redactor(Policy(secrets=(Secret(secret, "given#1"),), environment=False, key=KEY), deep=deep)
    assume(not redactor.unproven)
    return redactor


def apart(secret: str) -> bytes:
    """Give the bytes of a secret. Digits stand apart: as a part of a longer number they are another number."""
    return f"<{secret}>".encode() if secret.isdigit() else secret.encode()


def surrounded(encoder: str, secret: bytes, before: bytes, after: bytes) -> bytes:
    """Encode, and put it in between. A compressed body is a body of its own and stands alone."""
    encoded = ENCODERS[encoder](secret)
    return encoded if encoder == "gzip" else before + encoded + after


def left(data: bytes, secret: str, depth: int) -> list[tuple[str, ...]]:
    return list(find(data, needles(secret), depth))


def interaction(body: bytes) -> bytes:
    """Write the line of an interaction whose response has this body."""
    try:
        content = {"text": body.decode()}
    except UnicodeDecodeError:
        content = {"base64": base64.b64encode(body).decode()}
    described = {
        "size": len(body),
        "wire_size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "complete": True,
    }
    line: dict[str, Any] = {
        "type": "interaction",
        "id": "5f2c9a1b-1",
        "request": {"method": "GET", "url": "https://api.example/", "headers": [], "body": None},
        "response": {"status": 200, "reason": "OK", "headers": [], "body": described},
        "bodies": {"response": content},
    }
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def check_text(secret: str, encoder: str, before: bytes, after: bytes) -> None:
    data = surrounded(encoder, apart(secret), before, after)
    redacted, findings = redactor_for(secret).redact_text(data, "response.body")
    assert bool(findings) == (redacted != data)
    assert left(redacted, secret, 1) == []


def check_line(secret: str, encoder: str, before: bytes, after: bytes) -> None:
    line = interaction(surrounded(encoder, apart(secret), before, after))
    redacted, findings = redactor_for(secret).redact_line(line)
    assert bool(findings) == (redacted != line)
    assert leaks_in(redacted, secret, 1) == []
    told = json.loads(redacted)
    content = told["bodies"]["response"]
    body = content["text"].encode() if "text" in content else base64.b64decode(content["base64"])
    assert told["response"]["body"]["size"] == len(body)
    assert told["response"]["body"]["sha256"] == hashlib.sha256(body).hexdigest()


def check_deep(secret: str, inner: str, outer: str, before: bytes, after: bytes) -> None:
    data = surrounded(outer, ENCODERS[inner](apart(secret)), before, after)
    redacted, findings = redactor_for(secret, deep=True).redact_text(data, "response.body")
    assert bool(findings) == (redacted != data)
    assert left(redacted, secret, 2) == []


def check_shallow(secret: str, inner: str, outer: str, before: bytes, after: bytes) -> None:
    """Two encodings without `deep`: nothing is promised of the second, but whatever one step shows must go."""
    data = surrounded(outer, ENCODERS[inner](apart(secret)), before, after)
    redacted, _ = redactor_for(secret).redact_text(data, "response.body")
    assert left(redacted, secret, 1) == []


PLACES: dict[str, Callable[[dict[str, Any], str], object]] = {
    "url": lambda line, text: line["request"].update(url=f"https://api.example/{text}"),
    "target": lambda line, text: line["request"].update(target=text),
    "request header": lambda line, text: line["request"]["headers"].append(["X-Trace", _octets(text)]),
    "header name": lambda line, text: line["request"]["headers"].append([_octets(text), "1"]),
    "cookie": lambda line, text: line["request"]["headers"].append(["Cookie", _octets(text)]),
    "authorization": lambda line, text: line["request"]["headers"].append(["Authorization", _octets(text)]),
    "location": lambda line, text: line["response"]["headers"].append(["Location", _octets(text)]),
    "set-cookie": lambda line, text: line["response"]["headers"].append(["Set-Cookie", f"a={_octets(text)}; Path=/"]),
    "trailer": lambda line, text: line["response"].update(trailers=[["X-Sum", _octets(text)]]),
    "reason": lambda line, text: line["response"].update(reason=_octets(text)),
    "error": lambda line, text: line.update(error={"phase": "body", "type": "OSError", "message": text}),
    "cause": lambda line, text: line.update(
        error={"phase": "body", "type": "OSError", "message": "x", "cause": {"message": text, "type": "ValueError"}}
    ),
    "received": lambda line, text: line.update(
        error={"phase": "body", "type": "X", "message": "x", "received": base64.b64encode(text.encode()).decode()}
    ),
    "unknown key": lambda line, text: line.update(x_own={text: [1]}),
    "unknown value": lambda line, text: line.update(x_own={"a": [text, 1.5]}),
}


def _octets(text: str) -> str:
    """Give the bytes of a header as a cassette does: each is the character of the same number."""
    return text.encode().decode("latin-1")


def placed(place: str, text: str) -> bytes:
    """Write the line of an interaction with a text at this place."""
    line: dict[str, Any] = {
        "type": "interaction",
        "id": "5f2c9a1b-1",
        "request": {"method": "GET", "url": "https://api.example/", "headers": [], "body": None},
        "response": {"status": 200, "reason": "OK", "headers": [], "body": None},
    }
    PLACES[place](line, text)
    return json.dumps({**line, "bodies": {}}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def check_place(place: str, secret: str, encoder: str, before: str, after: str) -> None:
    line = placed(place, surrounded(encoder, apart(secret), before.encode(), after.encode()).decode())
    redactor = redactor_for(secret)
    redacted, findings = redactor.redact_line(line)
    assert bool(findings) == (redacted != line)
    assert [str(leak) for leak in leaks_in(redacted, secret)] == []
    assert redactor.redact_line(redacted) == (redacted, [])


@st.composite
def chains(draw: st.DrawFn) -> tuple[str, str]:
    """Draw two encoders that fit: text can be made of what the inner one gives, or the outer one takes bytes."""
    outer = draw(st.sampled_from(sorted(ENCODERS)))
    takes_bytes = outer in BINARY or outer == "gzip"
    inner = draw(st.sampled_from(sorted(ENCODERS if takes_bytes else TEXTUAL | BINARY)))
    return inner, outer


quick = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
long = settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
one_step = given(secrets, st.sampled_from(sorted(ENCODERS)), around, around)
two_steps = given(secrets, chains(), around, around)
beside = st.sampled_from(
    ["", " ", '"', "=", "Ab0", "%", "\\", "&", "+", "/", "a=1&b=", "f0", "&#", "\\u00", ";", "token=", "?", "x:y@", "é"]
)
one_place = given(st.sampled_from(sorted(PLACES)), secrets, st.sampled_from(sorted(TEXTUAL | BINARY)), beside, beside)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("secret", ["kT9vXw2LmQ8sRb4ZpJ6n", 'a/b+c=d&e"f\\g<é☃', "pass phrase 42%", "00112233445566"])
def test_every_encoder_is_undone_by_the_checker(secret: str, encoder: str) -> None:
    data = b"x " + ENCODERS[encoder](secret.encode()) + b" y"
    assert left(data, secret, 1)


@pytest.mark.parametrize("outer", ENCODERS)
def test_every_chain_is_undone_by_the_checker(outer: str) -> None:
    for inner in ENCODERS if outer in BINARY or outer == "gzip" else TEXTUAL | BINARY:
        data = b"x " + ENCODERS[outer](ENCODERS[inner](b"kT9v/w2<mQ8sR&4ZpJ6n")) + b" y"
        assert left(data, "kT9v/w2<mQ8sR&4ZpJ6n", 2), inner


@quick
@one_step
@example("kT9vXw2LmQ8sRb4ZpJ6n", "base64", b"Ab0", b"Ab0")
@example("kT9vXw2LmQ8sRb4ZpJ6n", "hex", b"f0a", b"f0a")
@example('a/b+c=d&e"f\\g<é☃', "json, all", b"\\", b"\\")
@example("%41%42%43%44xyz", "percent", b"%", b"")
@example("abcdefgh1", "utf-16-le", b"\0", b"\0")
@example("kT9vXw2LmQ8sRb4ZpJ6n", "as it is", b"\xff\xfe", b"")
@example("kT9vXw2LmQ8sRb4ZpJ6n", "base64", b"\xfe\xff", b"\0")
@example("><+&Z-/.]_x", "utf-16-le", b"/", b"\x80")
@example("abc%2541defg", "percent, all", b"", b"")
def test_nothing_is_left_of_a_secret_under_one_encoding(secret: str, encoder: str, before: bytes, after: bytes) -> None:
    check_text(secret, encoder, before, after)


@quick
@one_step
def test_nothing_is_left_of_it_in_a_whole_interaction(secret: str, encoder: str, before: bytes, after: bytes) -> None:
    check_line(secret, encoder, before, after)


@settings(quick, max_examples=400)
@one_place
@example("unknown value", ";1☃X]/(1", "as it is", ";", "=")
@example("unknown key", '8?8a&(]\\("0', "percent with slashes", "&#", "\\")
@example("cause", "Xé]}].:/Yba:/]/b}b/[cY'=", "as it is", "#", "?")
@example("target", '&XZ"{é/,,', "as it is", "=", "/")
@example("reason", "abc%2541defg", "percent, all", "", '"')
def test_nothing_is_left_at_any_place_of_a_line(place: str, secret: str, encoder: str, before: str, after: str) -> None:
    check_place(place, secret, encoder, before, after)


@pytest.mark.full
@long
@one_place
def test_nothing_is_left_at_any_place_of_a_line_at_length(
    place: str, secret: str, encoder: str, before: str, after: str
) -> None:
    check_place(place, secret, encoder, before, after)


@quick
@two_steps
def test_nothing_is_left_under_two_encodings_with_deep(
    secret: str, chain: tuple[str, str], before: bytes, after: bytes
) -> None:
    check_deep(secret, *chain, before, after)


@quick
@two_steps
def test_two_encodings_leave_nothing_that_one_step_shows(
    secret: str, chain: tuple[str, str], before: bytes, after: bytes
) -> None:
    check_shallow(secret, *chain, before, after)


@quick
@given(st.lists(secrets, min_size=2, max_size=6, unique=True), st.data())
def test_nothing_is_left_of_several_secrets_side_by_side(several: list[str], data: st.DataObject) -> None:
    policy = Policy(secrets=tuple(Secret(each, f"given#{n}") for n, each in enumerate(several)), environment=False)
    redactor = Redactor(policy)
    assume(not redactor.unproven)
    text = b""
    for each in several:
        encoder = data.draw(st.sampled_from(sorted(TEXTUAL | BINARY)))
        text += ENCODERS[encoder](apart(each)) + data.draw(st.sampled_from([b"<", b" ", b"&", b"x"]))
    redacted, _ = redactor.redact_text(text, "response.body")
    assert [each for each in several if left(redacted, each, 1)] == []


@quick
@given(secrets, st.sampled_from(sorted(TEXTUAL | BINARY)), st.integers(1, 60), st.integers(0, 60))
def test_nothing_is_left_in_a_stream_however_it_is_cut(secret: str, encoder: str, size: int, start: int) -> None:
    redactor = redactor_for(secret)
    data = b"lorem ipsum. " * 10 + b" " * start + ENCODERS[encoder](apart(secret)) + b" dolor sit amet" * 10
    stream = redactor.open_stream("response", [["Content-Type", "text/plain"]], "https://api.example/")
    out = b"".join(stream.feed(data[at : at + size]) for at in range(0, len(data), size)) + stream.finish()
    assert left(out, secret, 1) == []
    assert out.startswith(b"lorem ipsum. " * 10)
    assert out.endswith(b" dolor sit amet" * 10)
    assert stream.findings


@pytest.mark.full
@long
@one_step
def test_nothing_is_left_under_one_encoding_at_length(secret: str, encoder: str, before: bytes, after: bytes) -> None:
    check_text(secret, encoder, before, after)
    check_line(secret, encoder, before, after)


@pytest.mark.full
@long
@two_steps
def test_nothing_is_left_under_two_encodings_at_length(
    secret: str, chain: tuple[str, str], before: bytes, after: bytes
) -> None:
    check_shallow(secret, *chain, before, after)
    check_deep(secret, *chain, before, after)
