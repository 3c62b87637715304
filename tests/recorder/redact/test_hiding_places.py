"""A secret is found wherever it hides, and a placeholder stands in its place.

Real requests to a real server, recorded with redaction; and the same recorded without, and then re-sanitized.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import recorder
from recorder.redact.engine import Redactor
from recorder.redact.policy import Policy, Secret
from tests.cassette_tools.running import environment
from tests.recorder.redact.exchanges import (
    PLACEHOLDER,
    WAYS,
    Case,
    Exchange,
    Lazily,
    Ways,
    both_ways,
    differences,
    get,
    placeholders,
    post,
    reply,
    resanitize,
    spells,
    stand_in,
    take,
)
from tests.recorder.redact.hiding_places import (
    BY_PLACE,
    BY_PLACE_LOOSELY,
    FORM,
    JSON,
    KNOWN,
    TEXT,
    VALUES,
    b64,
    gz,
    js_units,
    part,
    pct_all,
    value_of,
)
from tests.recorder.redact.leaks import leaks_in
from tests.servers.origin import Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import requests

    from tests.recorder.redact.exchanges import Recorded, Taken

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

ROWS: tuple[tuple[Case, str], ...] = tuple(
    (case, name) for case in KNOWN for name in VALUES if case.only is None or name in case.only
)
NUMBERS = {row: number for number, row in enumerate(ROWS)}


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as server:
        yield server


def rows_of(case: Case) -> list[tuple[str, int]]:
    return [(name, NUMBERS[case, name]) for name in VALUES if (case, name) in NUMBERS]


# Known values


@pytest.fixture(scope="module")
def known(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Ways:
    exchanges = [case.build(VALUES[name]) for case, name in ROWS]
    return both_ways(tmp_path_factory.mktemp("known"), exchanges, origin, list(VALUES.values()))


REFERENCE = next(case for case in KNOWN if case.name == "response: text")
NUMBER = next(case for case in KNOWN if case.name == "response: a JSON number")


def reference(taken: Taken) -> dict[str, str]:
    """Give the placeholder of each value, as it stands in plain text."""
    found = {}
    for name, number in rows_of(REFERENCE):
        body = taken.one(number).bodies["response"] or b""
        (found[name],) = {each.decode() for each in PLACEHOLDER.findall(body)}
    return found


def reference_number(taken: Taken) -> str:
    """Give the number that stands for the one that is a secret."""
    body = taken.one(NUMBERS[NUMBER, "digits"]).bodies["response"] or b""
    return str(json.loads(body)["pin"])


def stand_ins(taken: Taken) -> list[str]:
    """Give what stands for the secret in each row."""
    words, number = reference(taken), reference_number(taken)
    return [
        stand_in(taken.one(place), words[name], number if name == "digits" else "")
        for place, (_, name) in enumerate(ROWS)
    ]


@pytest.fixture(scope="module")
def expected(known: Ways, origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Lazily:
    """Record, for each way, what the exchanges would have been with the placeholders in them."""
    folder = tmp_path_factory.mktemp("expected")

    def make(way: str) -> Taken:
        words = stand_ins(known.redacted[way])
        exchanges = [case.build(word) for (case, _), word in zip(ROWS, words, strict=True)]
        return take(folder / f"{way}.jsonl", exchanges, origin, redact=False)

    return Lazily(make)


def test_the_table_is_long_enough() -> None:
    assert len({case.name for case in KNOWN}) == len(KNOWN) >= 200
    assert len({case.name for case in (*BY_PLACE, *BY_PLACE_LOOSELY)}) >= 100


@pytest.mark.parametrize("case", KNOWN, ids=str)
def test_the_checker_finds_each_known_value_before_redaction(known: Ways, case: Case) -> None:
    for name, number in rows_of(case):
        assert leaks_in(known.raw.one(number).raw, VALUES[name]), name


@pytest.mark.parametrize("case", KNOWN, ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_a_known_value_is_gone_in_every_encoding(known: Ways, way: str, case: Case) -> None:
    left = {}
    for name, number in rows_of(case):
        if leaks := leaks_in(known.redacted[way].one(number).raw, VALUES[name], partial=True):
            left[name] = [str(leak) for leak in leaks]
    assert left == {}


@pytest.mark.parametrize("case", [case for case in KNOWN if case.exact], ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_a_placeholder_stands_in_the_place_of_a_known_value_and_nothing_else_changes(
    known: Ways, expected: Lazily, way: str, case: Case
) -> None:
    wrong = {}
    for name, number in rows_of(case):
        if told := differences(known.redacted[way].one(number), expected[way].one(number)):
            wrong[name] = told
    assert wrong == {}


@pytest.mark.parametrize("case", [case for case in KNOWN if not case.exact], ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_a_placeholder_can_be_read_where_a_known_value_was(known: Ways, way: str, case: Case) -> None:
    taken = known.redacted[way]
    words, number = reference(taken), reference_number(taken)
    wrong = {}
    for name, place in rows_of(case):
        one = taken.one(place)
        if not shows(one, words[name]) and not (name == "digits" and spells(one, number)):
            wrong[name] = one.raw[-600:]
        if b'"removed"' in one.raw:
            wrong[name] = b"the body went as a whole"
    assert wrong == {}


def shows(one: Recorded, placeholder: str) -> bool:
    """Tell whether the placeholder is there; a beginning of it in bytes; another one where a rule takes more."""
    found = placeholders(one)
    if any(each.startswith(placeholder.encode()) for each in found) or placeholder.lower().encode() in one.raw.lower():
        return True
    if {"header:authorization", "cookie"} & one.line.get("redacted", {}).keys():
        return bool(found)
    bodies = [body for body in one.bodies.values() if body and (b"\0" in body or not body.isascii() or b"\x12" in body)]
    return any(b"REDACTED" in body.replace(b"\0", b"") for body in bodies)


@pytest.mark.parametrize("way", WAYS)
def test_each_interaction_says_by_rule_what_was_redacted(known: Ways, way: str) -> None:
    wrong = []
    for (case, name), number in NUMBERS.items():
        counts = known.redacted[way].one(number).line.get("redacted")
        good = isinstance(counts, dict) and counts and all(type(n) is int and n > 0 for n in counts.values())
        if not good or (case.exact and not any(rule.startswith("known:") for rule in counts or ())):
            wrong.append(f"{case}, {name}: {counts}")
    assert wrong == []


@pytest.mark.parametrize("way", WAYS)
def test_different_secrets_get_different_placeholders(known: Ways, way: str) -> None:
    assert len(set(reference(known.redacted[way]).values())) == len(VALUES)


@pytest.mark.parametrize("way", WAYS)
def test_no_known_value_is_anywhere_in_the_file(known: Ways, way: str) -> None:
    assert [str(leak) for leak in leaks_in(known.redacted[way].data, list(VALUES.values()))] == []


@pytest.mark.parametrize("way", WAYS)
def test_lengths_and_digests_are_those_of_the_new_body(known: Ways, way: str) -> None:
    """`read` has compared size and digest. Content-Length is right where it is that of the stored bytes."""
    wrong = []
    for (case, name), number in NUMBERS.items():
        one = known.redacted[way].one(number)
        for side in ("request", "response"):
            message, body = one.line[side], one.bodies[side]
            if message is None or body is None or not message["body"]["complete"] or "coding" in message["body"]:
                continue
            stated = [value for key, value in message["headers"] if key.lower() == "content-length"]
            if stated and stated != [str(len(body))]:
                wrong.append(f"{case}, {name}: {stated} for {len(body)} bytes")
    assert wrong == []


def test_every_shape_of_secret_can_be_proved_gone() -> None:
    redactor = Redactor(Policy(secrets=tuple(Secret(value, name) for name, value in VALUES.items()), environment=False))
    assert redactor.unproven == ()


# Numbers


@pytest.fixture(scope="module")
def numbers(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Ways:
    secret = VALUES["digits"]
    exchanges = [
        reply(f'{{"a": 1.10, "pin" :{secret} , "b":[{secret},{secret[:-1]}], "c":1e5}}'.encode(), JSON),
        post(f'{{"n":{{"id":{secret}}}}}\n'.encode(), JSON),
        reply(f'{{"n":1}}\n{{"id":{secret}}}\n'.encode(), "application/x-ndjson"),
        reply(f"id={secret}".encode(), TEXT),
    ]
    return both_ways(tmp_path_factory.mktemp("numbers"), exchanges, origin, [secret])


@pytest.mark.parametrize("way", WAYS)
def test_a_number_that_is_a_secret_goes_and_json_stays_json(numbers: Ways, way: str) -> None:
    taken = numbers.redacted[way]
    assert leaks_in(taken.data, VALUES["digits"]) == []
    first = taken.one(0).bodies["response"] or b""
    shape = re.fullmatch(rb'\{"a": 1\.10, "pin" :(\S+) , "b":\[(\S+),867530921\], "c":1e5\}', first)
    assert shape is not None, first
    assert shape[1] == shape[2]
    stand_in = json.loads(first)["pin"]
    assert json.loads(taken.one(1).bodies["request"] or b"") == {"n": {"id": stand_in}}
    assert [json.loads(line) for line in (taken.one(2).bodies["response"] or b"").splitlines()] == [
        {"n": 1},
        {"id": stand_in},
    ]


# Secrets within secrets

FIRST, SECOND, INNER = "alphaQ7bravoX9charlieZ3", "bravoX9charlieZ3deltaW5", "bravoX9charlieZ3"
LINES_OF_KEY = """-----BEGIN OWN KEY-----
MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu
-----END OWN KEY-----"""
ENTANGLED = [
    f"1 {FIRST} 2 {SECOND} 3 {INNER} 4",
    "alphaQ7bravoX9charlieZ3deltaW5",
    f"{INNER}{INNER}{FIRST}{SECOND}",
    f"{FIRST[:-1]} {INNER[1:]}x{SECOND}",
]


@pytest.fixture(scope="module")
def entangled(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Ways:
    exchanges = [reply(text.encode(), TEXT) for text in ENTANGLED]
    exchanges += [reply(f'{{"data":"{b64(text)}"}}'.encode(), JSON) for text in ENTANGLED]
    exchanges += [get(f"/case?note={FIRST}&x={INNER}", (("X-Note", SECOND),))]
    exchanges += [reply(json.dumps({"key": LINES_OF_KEY}).encode(), JSON), reply(f"<<{LINES_OF_KEY}>>".encode(), TEXT)]
    exchanges += [reply(f"blob {b64(LINES_OF_KEY)}".encode(), TEXT)]
    exchanges += [reply(part('name="f"', LINES_OF_KEY), TEXT)]
    secrets = [INNER, FIRST, SECOND, LINES_OF_KEY]
    return both_ways(tmp_path_factory.mktemp("entangled"), exchanges, origin, secrets)


@pytest.mark.parametrize("way", WAYS)
def test_secrets_that_overlap_or_hold_each_other_all_go(entangled: Ways, way: str) -> None:
    for secret in (FIRST, SECOND, INNER, LINES_OF_KEY):
        assert leaks_in(entangled.raw.data, secret), secret
        assert [str(leak) for leak in leaks_in(entangled.redacted[way].data, secret)] == [], secret


@pytest.mark.parametrize("way", WAYS)
def test_secrets_that_hold_each_other_have_placeholders_of_their_own(entangled: Ways, way: str) -> None:
    body = entangled.redacted[way].one(0).bodies["response"] or b""
    assert len(set(PLACEHOLDER.findall(body))) == 3
    assert re.fullmatch(rb"1 (\S+) 2 (\S+) 3 (\S+) 4", body)


# Bodies in pieces

LIMIT = 1024
SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "text": lambda s: s.encode(),
    "json": lambda s: json.dumps(s).encode(),
    "escapes": lambda s: js_units(s).encode(),
    "percent": lambda s: pct_all(s).encode(),
    "base64": lambda s: b64("x" + s).encode(),
    "hex": lambda s: s.encode().hex().encode(),
    "utf-16": lambda s: s.encode("utf-16-le"),
}
LONG = "".join(f"{VALUES['plain'][n % 20]}{n:04}" for n in range(500))
FILL = b"lorem ipsum dolor, sit amet. " * 11_000


def split_exchanges() -> list[tuple[str, Exchange]]:
    """Put a secret at every offset around the places where a body may be cut."""
    secret = VALUES["special"]
    rows = []
    for name, write in SPELLINGS.items():
        spelled = write(secret)
        for edge in (LIMIT, 2 * LIMIT):
            step = max(1, len(spelled) // 24)
            for start in range(edge - len(spelled) - 1, edge + 2, step):
                data = FILL[: start - 1] + b" " + spelled + b" " + FILL[:1500]
                rows.append((f"{name} at {start}", reply(data, TEXT)))
    for name in ("text", "base64", "percent"):
        spelled = SPELLINGS[name](secret)
        filled = bytearray(FILL)
        for n in range(1, len(FILL) // 65_536 + 1):
            start = n * 65_536 - n * len(spelled) // 10 - 1
            filled[start : start + len(spelled) + 2] = b" " + spelled + b" "
        body = bytes(filled)
        rows.append((f"{name} in a long body", reply(body, TEXT)))
        rows.append((f"{name} in a long body in gzip", reply(gz(body), TEXT, (("Content-Encoding", "gzip"),))))
        cuts = (1000, 65_535, 131_072, 200_001)
        rows.append((f"{name} in a long body, chunked", reply(body, TEXT, cuts=cuts)))
        rows.append((f"{name} in a long body, sent", post(body, TEXT)))
        rows.append((f"{name} in a long body, cut off", reply(body, TEXT, missing=10)))
    rows.append(("at the very end", reply(FILL[:5000] + b" " + secret.encode(), TEXT)))
    rows.append(("at the very beginning", reply(secret.encode() + b" " + FILL[:5000], TEXT)))
    rows.append(("in bytes that are no text", reply(bytes(900) + secret.encode() * 20 + b"\xff" * 3000, TEXT)))
    rows.append(("again and again", reply((secret + " ").encode() * 400, TEXT)))
    rows.append(("without a gap", reply(secret.encode() * 400, TEXT)))
    rows.append(("longer than a piece", reply(FILL[:3000] + LONG.encode() + FILL[:3000], TEXT)))
    rows.append(("longer than a piece, base64", reply(FILL[:3001] + b64(LONG).encode() + FILL[:3000], TEXT)))
    return rows


SPLIT = split_exchanges()


@pytest.fixture(scope="module")
def split(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Ways:
    return both_ways(
        tmp_path_factory.mktemp("split"),
        [exchange for _, exchange in SPLIT],
        origin,
        [VALUES["special"], LONG],
        body_limit=LIMIT,
    )


def test_the_checker_finds_each_secret_in_pieces_before_redaction(split: Ways) -> None:
    for number, (name, _) in enumerate(SPLIT):
        secret = LONG if name.startswith("longer") else VALUES["special"]
        assert leaks_in(split.raw.one(number).raw, secret), name


@pytest.mark.parametrize("way", WAYS)
def test_no_secret_slips_through_between_two_pieces(split: Ways, way: str) -> None:
    left = []
    for number, (name, _) in enumerate(SPLIT):
        secret = LONG if name.startswith("longer") else VALUES["special"]
        leaks = leaks_in(split.redacted[way].one(number).raw, secret, partial=len(secret) < 100)
        left += [f"{name}: {leak}" for leak in leaks]
    assert left == []


@pytest.mark.parametrize("way", WAYS)
def test_a_body_in_pieces_changes_only_where_the_secret_was(split: Ways, way: str) -> None:
    wrong = []
    for number, (name, _) in enumerate(SPLIT):
        one, before = split.redacted[way].one(number), split.raw.one(number)
        side = "request" if before.bodies["request"] else "response"
        found, raw = one.bodies[side] or b"", before.bodies[side] or b""
        if b'"removed"' in one.raw:
            wrong.append(f"{name}: the body went as a whole")
        elif not only_spans_changed(raw, found, spellings_in(name)):
            wrong.append(f"{name}: {len(raw)} bytes became {len(found)}")
    assert wrong == []


def spellings_in(name: str) -> list[bytes]:
    if name.startswith("longer"):
        return [LONG.encode(), b64(LONG).encode()]
    kind = name.split(" ", maxsplit=1)[0]
    return [SPELLINGS[kind](VALUES["special"]) if kind in SPELLINGS else VALUES["special"].encode()]


def only_spans_changed(raw: bytes, found: bytes, spellings: list[bytes]) -> bool:
    """Tell whether one string is the other one but for what stands where the secret stood."""
    kept = re.split(b"|".join(map(re.escape, spellings)), raw)
    start = 0
    for number, piece in enumerate(kept):
        if number == 0:
            place = 0 if found.startswith(piece) else -1
        elif number == len(kept) - 1:
            place = len(found) - len(piece) if found.endswith(piece) else -1
        else:
            place = found.find(piece, start, start + 200 + len(piece)) if piece else start
        if place < start:
            return False
        start = place + len(piece)
    return len(kept) > 1 and start == len(found)


# Codings that break off, far into a body: its pieces from there on are bytes as on the wire


def broken_exchanges() -> list[Exchange]:
    secret, header = VALUES["plain"].encode(), (("Content-Encoding", "gzip"),)
    whole = gz(FILL[:6000] + b" " + secret + b" " + FILL[:3000])
    noise = bytes(n * n % 251 for n in range(9000))
    return [
        reply(whole[:-8] + b"\xff" * 8, TEXT, header),
        reply(whole[:-8] + b"\xff" * 8 + b"rest " + secret + b" of it", TEXT, header),
        reply(gz(noise) + b"no member " + secret + b" here" + noise, TEXT, header),
        reply(gz(noise + secret + noise)[:-400] + noise + secret, TEXT, header),
        reply(gz(noise + secret + noise), TEXT, header, missing=50),
        reply(gz(secret + noise)[:-300], TEXT, header),
    ]


@pytest.fixture(scope="module")
def broken(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Ways:
    folder = tmp_path_factory.mktemp("broken")
    return both_ways(folder, broken_exchanges(), origin, [VALUES["plain"]], body_limit=LIMIT)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", range(len(broken_exchanges())))
def test_no_secret_is_left_where_a_coding_breaks(broken: Ways, way: str, number: int) -> None:
    one = broken.redacted[way].one(number)
    assert leaks_in(broken.raw.one(number).raw, VALUES["plain"])
    assert [str(leak) for leak in leaks_in(one.raw, VALUES["plain"])] == []
    assert one.line["redacted"]


@pytest.mark.parametrize("way", WAYS)
def test_a_body_that_cannot_be_cleaned_goes_as_a_whole_and_says_why(broken: Ways, way: str) -> None:
    for number in (0, 1, 5):
        one = broken.redacted[way].one(number)
        assert one.line["response"]["body"]["removed"]
        assert len(one.bodies["response"] or b"") < 200
        assert one.line["redacted"]["unreadable"]


# By place alone, and in pieces

FIELDS: dict[str, tuple[str, Callable[[str], tuple[bytes, bytes, bytes]]]] = {
    "JSON": (JSON, lambda v: (b'{"pad":"', b'","access_token" : "' + v.encode() + b'","n":1.10,"more":"', b'"}')),
    "JSON object": (JSON, lambda v: (b'{"pad":"', b'","secret":{"a":["' + v.encode() + b'",{}]},"more":"', b'"}')),
    "JSON lines": (
        "application/x-ndjson",
        lambda v: (b'{"pad":"', b'"}\n{"password":"' + v.encode() + b'"}\n"', b'"\n'),
    ),
    "form": (FORM, lambda v: (b"pad=", b"&client_secret=" + v.encode() + b"&more=", b"")),
    "XML": ("application/xml", lambda v: (b"<a><b>", b"</b><password>" + v.encode() + b"</password><c>", b"</c></a>")),
    "XML attribute": (
        "application/xml",
        lambda v: (b"<a><b>", b'</b><d apiKey="' + v.encode() + b'"/><c>', b"</c></a>"),
    ),
}


def pieced_exchanges() -> list[tuple[str, str, Exchange]]:
    """Put a field with a sensitive name at offsets around the place where a body is cut."""
    rows = []
    for name, (mime, write) in FIELDS.items():
        for shift in range(-70, 6, 3):
            value = value_of(f"{name} at {shift}")
            head, field, tail = write(value)
            pad = b"lorem ipsum dolor. " * 200
            data = head + pad[: LIMIT + shift - len(head)] + field + pad[:1700] + tail
            rows.append((name, value, reply(data, mime)))
    return rows


PIECED = pieced_exchanges()


@pytest.fixture(scope="module")
def pieced(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Ways:
    exchanges = [exchange for _, _, exchange in PIECED]
    return both_ways(tmp_path_factory.mktemp("pieced"), exchanges, origin, body_limit=LIMIT)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("way", WAYS)
def test_a_field_that_stands_across_two_pieces_goes(pieced: Ways, way: str, name: str) -> None:
    left = []
    for number, (kind, value, _) in enumerate(PIECED):
        if kind == name:
            one = pieced.redacted[way].one(number)
            left += [str(leak) for leak in leaks_in(one.raw, value, partial=True)]
            raw, found = (each.bodies["response"] or b"" for each in (pieced.raw.one(number), one))
            assert found.startswith(raw[: LIMIT - 80])
            assert found.endswith(raw[-1600:])
    assert left == []


# By place alone

PLACED = (*BY_PLACE, *BY_PLACE_LOOSELY)


@pytest.fixture(scope="module")
def placed(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Ways:
    exchanges = [case.build(value_of(case.name)) for case in PLACED]
    return both_ways(tmp_path_factory.mktemp("placed"), exchanges, origin)


@pytest.fixture(scope="module")
def expected_in_place(placed: Ways, origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Lazily:
    folder = tmp_path_factory.mktemp("expected-in-place")

    def make(way: str) -> Taken:
        exchanges = []
        for number, case in enumerate(PLACED):
            found = sorted(placeholders(placed.redacted[way].one(number), 0)) or [b"NOTHING"]
            exchanges.append(case.build(found[0].decode()))
        return take(folder / f"{way}.jsonl", exchanges, origin, redact=False)

    return Lazily(make)


@pytest.mark.parametrize("case", PLACED, ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_a_value_that_its_place_gives_away_is_gone(placed: Ways, way: str, case: Case) -> None:
    number, value = PLACED.index(case), value_of(case.name)
    assert leaks_in(placed.raw.one(number).raw, value)
    one = placed.redacted[way].one(number)
    assert [str(leak) for leak in leaks_in(one.raw, value, partial=True)] == []
    assert placeholders(one)
    assert one.line["redacted"]


@pytest.mark.parametrize("case", [case for case in BY_PLACE if case.exact], ids=str)
@pytest.mark.parametrize("way", WAYS)
def test_only_the_value_in_that_place_goes(placed: Ways, expected_in_place: Lazily, way: str, case: Case) -> None:
    number = PLACED.index(case)
    assert differences(placed.redacted[way].one(number), expected_in_place[way].one(number)) == []


@pytest.mark.parametrize("way", WAYS)
def test_no_value_is_anywhere_else_in_the_file(placed: Ways, way: str) -> None:
    data = placed.redacted[way].data
    assert [case.name for case in PLACED if value_of(case.name).encode() in data] == []


STRUCTURES: dict[str, tuple[str, str]] = {
    "an object": ('{"x":"VALUE","y":[1,{"z":"VALUE2"}]}', "secret"),
    "an array": ('["VALUE",17,{"x":"VALUE2"}]', "token"),
    "a number": ("90210417", "password"),
    "a float": ("90210.417", "passwd"),
    "a string of escapes": (r'"VALUE \"\u0041\n\\"', "api_key"),
}


@pytest.fixture(scope="module")
def structured(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Ways:
    exchanges = []
    for what, (value, name) in STRUCTURES.items():
        own = value.replace("VALUE", value_of(what))
        exchanges.append(reply(f'{{ "a":1.10,"{name}": {own} ,"b":[2,{{"c":1e5}}]}}\n'.encode(), JSON))
    return both_ways(tmp_path_factory.mktemp("structured"), exchanges, origin)


@pytest.mark.parametrize("what", STRUCTURES)
@pytest.mark.parametrize("way", WAYS)
def test_a_whole_value_goes_whatever_it_is(structured: Ways, way: str, what: str) -> None:
    number = list(STRUCTURES).index(what)
    one = structured.redacted[way].one(number)
    name = STRUCTURES[what][1]
    body = one.bodies["response"] or b""
    shape = re.fullmatch(rb'\{ "a":1\.10,"' + name.encode() + rb'": (.+) ,"b":\[2,\{"c":1e5\}\]\}\n', body, re.DOTALL)
    assert shape is not None, body
    json.loads(body)
    for gone in (value_of(what).encode(), b"90210", b"417"):
        assert not re.search(rb"(?<!\d)" + re.escape(gone) + rb"(?!\d)", shape[1])  # a placeholder has digits, too


# Learned values

LOGIN, COOKIE, ISSUED, EARLY = (value_of(f"learned {n}") for n in range(4))


def _learning() -> list[Exchange]:
    return [
        get(f"/case/early/{EARLY}/items"),
        reply(f"you are {EARLY}".encode(), TEXT),
        reply(f'{{"access_token":"{LOGIN}","n":1}}'.encode(), JSON, (("Set-Cookie", f"sid={COOKIE}; Path=/"),)),
        get(f"/case/{LOGIN}/items?cursor=5", (("Authorization", f"Bearer {LOGIN}"),)),
        reply(f"hello {LOGIN}, {b64(LOGIN)}".encode(), TEXT),
        get("/case", (("Cookie", f"sid={COOKIE}"),)),
        reply(f'<input name="s" value="{COOKIE}">'.encode(), "text/html"),
        post(f"client_secret={ISSUED}".encode(), FORM, reply=f"no client {ISSUED}".encode()),
        get("/case", (("X-Api-Key", EARLY),)),
    ]


@pytest.fixture(scope="module")
def learned(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Ways:
    return both_ways(tmp_path_factory.mktemp("learned"), _learning(), origin)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", [LOGIN, COOKIE, ISSUED], ids=["login", "cookie", "form"])
def test_what_a_place_gave_away_is_found_everywhere_from_then_on(learned: Ways, way: str, value: str) -> None:
    assert leaks_in(learned.raw.data, value)
    assert [str(leak) for leak in leaks_in(learned.redacted[way].data, value)] == []


def test_resanitize_finds_what_stood_there_before_it_was_given_away(learned: Ways) -> None:
    assert [str(leak) for leak in leaks_in(learned.redacted["resanitized"].data, EARLY)] == []


@pytest.mark.parametrize("way", WAYS)
def test_a_learned_value_has_one_placeholder_in_all_places(learned: Ways, way: str) -> None:
    taken = learned.redacted[way]
    (token,) = PLACEHOLDER.findall(taken.one(2).bodies["response"] or b"")
    third = taken.one(3).line["request"]
    assert token.decode() in third["url"]
    assert token.decode() in dict(third["headers"])["Authorization"]
    assert token in placeholders(taken.one(4), 0)
    (cookie,) = PLACEHOLDER.findall(dict(taken.one(2).line["response"]["headers"])["Set-Cookie"].encode())
    assert cookie.decode() in dict(taken.one(5).line["request"]["headers"])["Cookie"]
    assert cookie in (taken.one(6).bodies["response"] or b"")
    assert token != cookie


# Replay needs what belongs together to stay together


@pytest.fixture(scope="module")
def following(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Ways:
    secret, ticket, cursor = VALUES["plain"], value_of("ticket"), value_of("cursor")

    def follow(url: str, session: requests.Session) -> None:
        session.get(f"{url}/redirect/1", params={"to": f"/json?note={secret}&access_token={ticket}"})

    exchanges = [
        Exchange(call=follow),
        reply(f'{{"items":[],"next_cursor":"{cursor}{secret}","next":"/case?page_token={cursor}"}}'.encode(), JSON),
        get(f"/case?cursor={cursor}{secret}&page_token={cursor}"),
    ]
    return both_ways(tmp_path_factory.mktemp("following"), exchanges, origin, [secret])


@pytest.mark.parametrize("way", WAYS)
def test_a_redirect_leads_to_the_request_that_follows_it(following: Ways, way: str, origin: Origin) -> None:
    first, second = following.redacted[way].numbered[0]
    target = dict(first.line["response"]["headers"])["Location"]
    assert second.line["request"]["url"] == origin.url + target
    assert len(set(PLACEHOLDER.findall(target.encode()))) == 2


@pytest.mark.parametrize("way", WAYS)
def test_a_cursor_in_a_body_is_the_cursor_of_the_next_request(following: Ways, way: str) -> None:
    listed = json.loads(following.redacted[way].one(1).bodies["response"] or b"")
    url = following.redacted[way].one(2).line["request"]["url"]
    assert f"cursor={listed['next_cursor']}&" in url
    assert url.endswith("page_token=" + listed["next"].partition("page_token=")[2])


# Where secrets come from, and where the key does not go


def test_a_secret_of_the_environment_goes_by_default(origin: Origin, tmp_path: Path) -> None:
    secret = value_of("environment")
    program = (
        "import http.client, os, recorder\n"
        f"c = http.client.HTTPConnection('localhost', {origin.port})\n"
        "with recorder.record('a.jsonl'):\n"
        "    c.request('GET', '/json?note=' + os.environ['APP_TOKEN'])\n"
        "    c.getresponse().read()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment(APP_TOKEN=secret),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    data = (tmp_path / "a.jsonl").read_bytes()
    assert PLACEHOLDER.search(data)
    assert leaks_in(data, secret) == []


@pytest.mark.parametrize("deep", [False, True])
def test_the_key_of_the_placeholders_is_nowhere_in_the_file(origin: Origin, tmp_path: Path, deep: bool) -> None:
    key = bytes(range(0x41, 0x61))
    exchanges = [reply(f"note {VALUES['plain']}".encode(), TEXT)]
    one = take(tmp_path / "one.jsonl", exchanges, origin, secrets=[VALUES["plain"]], policy=Policy(key=key))
    two = take(tmp_path / "two.jsonl", exchanges, origin, secrets=[VALUES["plain"]], policy=Policy(key=key))
    other = take(tmp_path / "other.jsonl", exchanges, origin, secrets=[VALUES["plain"]])
    assert leaks_in(one.data, key.decode(), 2 if deep else 1) == []
    assert placeholders(one.one(0)) == placeholders(two.one(0)) != placeholders(other.one(0))


def test_a_key_of_the_policy_gives_equal_placeholders_in_recording_and_resanitizing(
    origin: Origin, tmp_path: Path
) -> None:
    key = tmp_path / "key.txt"
    key.write_text("kxWq81mZpV0aRtLs5nYd2uGhCb7eJf3o\n")
    policy = tmp_path / "policy.toml"
    policy.write_text('version = 1\n[key]\nfile = "key.txt"\n')
    exchanges = [reply(f"note {VALUES['plain']}".encode(), TEXT), get("/case?token=v1lqZ7xPa4")]
    raw = take(tmp_path / "raw.jsonl", exchanges, origin, redact=False)
    recorded = take(tmp_path / "recorded.jsonl", exchanges, origin, secrets=[VALUES["plain"]], policy=policy)
    again = resanitize(raw.path, tmp_path / "again.jsonl", [VALUES["plain"]], "--policy", str(policy))
    for number in range(2):
        assert placeholders(recorded.one(number)) == placeholders(again.one(number)) != set()
    for taken in (recorded, again):
        assert leaks_in(taken.data, "kxWq81mZpV0aRtLs5nYd2uGhCb7eJf3o", 2) == []


def test_a_value_that_is_too_short_or_common_is_named() -> None:
    secrets = (Secret("ok", "file:secrets.txt#1"), Secret(VALUES["plain"], "given#1"))
    redactor = Redactor(Policy(secrets=secrets, environment=False))
    assert len(redactor.unproven) == 1
    assert "file:secrets.txt#1" in redactor.unproven[0]


def test_the_header_line_tells_that_there_is_a_redaction_and_no_value(known: Ways) -> None:
    for way in WAYS:
        header = json.loads(known.redacted[way].data.partition(b"\n")[0])
        assert header["redaction"]["version"] == 1
        assert re.fullmatch("[0-9a-f]{12}", header["redaction"]["policy"])
    assert json.loads(known.raw.data.partition(b"\n")[0])["redaction"] == "none"


def test_no_other_file_holds_a_secret(known: Ways) -> None:
    """The recorder and the tool leave nothing beside the cassette; the list of secrets is ours."""
    assert all(known.redacted[way].data for way in WAYS)
    folder = known.raw.path.parent
    left = {entry.name for entry in folder.iterdir()}
    assert left == {"raw.jsonl", "recorded.jsonl", "resanitized.jsonl", "resanitized-secrets.json"}


def test_what_is_written_while_recording_goes_is_redacted_already(origin: Origin, tmp_path: Path) -> None:
    """Nothing unredacted is on the disk at any time: neither the line nor the pieces of a body that is still coming."""
    secret, path = VALUES["plain"], tmp_path / "a.jsonl"
    exchanges = [reply((secret + " ").encode() * 5000, TEXT), get(f"/case/{secret}")]
    take(path, exchanges, origin, secrets=[secret], body_limit=LIMIT, durability="record")
    seen: list[bytes] = []
    with recorder.record(tmp_path / "b.jsonl", secrets=[secret], body_limit=LIMIT):
        import http.client

        connection = http.client.HTTPConnection("localhost", origin.port)
        connection.request("GET", "/case", headers={"X-Case": "0"})
        response = connection.getresponse()
        while response.read(9000):
            seen += [entry.read_bytes() for entry in sorted(tmp_path.iterdir()) if entry.is_file()]
        connection.close()
    assert seen
    assert all(secret.encode() not in data for data in seen)
