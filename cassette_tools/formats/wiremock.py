"""WireMock: a folder of stub mappings, and of files for long bodies, from which WireMock serves what was recorded.

Law: only written. A request is matched by its method, its URL without scheme and host, and its body, not by its
headers. Requests that are alike get their answers one after the other, as states of a scenario, and the last one from
then on. Names of files are made of digits, small letters and hyphens, and stay in the folder.

Responses are served as their clients saw them, without a content coding: `Content-Encoding`, `Content-Length` and what
belongs to one connection are left out, for WireMock sets them itself. A body whose coding could not be taken off is
served as it was on the wire, with its `Content-Encoding`.

Memory: an interaction with its bodies. What a repeated request needs waits in a temporary database on disk.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import orjson

from cassette_tools.formats import Format
from cassette_tools.interaction import Interaction, header
from cassette_tools.losses import KNOWN_TO_RECORDERS
from cassette_tools.stored_body import wire_of
from recorder.errors import OutputError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from cassette_tools.formats import WriteOptions
    from cassette_tools.head import Head
    from cassette_tools.interaction import Body, Element, Headers, Request, Response

__all__ = ["FORMAT"]

_INLINE: Final = 8 * 1024
"""Bytes of a text body that stands in its mapping; longer ones and binary ones are files of their own."""
_CONNECTION: Final = frozenset(
    {"content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "trailer", "upgrade"}
)
_SLUG: Final = re.compile(r"[^a-z0-9]+")
_SUFFIXES: Final = {"json": ".json", "html": ".html", "xml": ".xml", "csv": ".csv", "text/": ".txt"}
_BOUNDARY: Final = re.compile(r"boundary\s*=\s*(?:\"([^\"]{1,200})\"|([^\s;\"]{1,200}))", re.IGNORECASE)
_PART_NAME: Final = re.compile(rb"[;\s]name=\"([^\"\r\n]{0,200})\"")
_MOST_PARTS: Final = 100
_STARTED: Final = "Started"
"""The state in which WireMock's scenarios begin."""
_FIRST_PRIORITY: Final = 5
"""WireMock's own default; a mapping without a pattern for the body comes behind those with one."""


def _sniff(_head: Head) -> int:
    return 0


def _write_folder(elements: Iterable[Element], _options: WriteOptions) -> Iterator[tuple[str, bytes]]:
    number = 0
    with closing(_Waiting()) as waiting:
        for element in elements:
            if not isinstance(element, Interaction) or element.response is None:
                continue
            number += 1
            request = element.request
            name = (
                f"{number:05d}-{_slug(request.method, 20)}-{_slug(_path_and_query(request.url).partition('?')[0], 60)}"
            )
            pattern = _pattern(request)
            answer, file = _answer(element.response, name, bare=request.method == "HEAD")
            if file is not None:
                yield f"__files/{answer['bodyFileName']}", file
            mapping: dict[str, Any] = {"name": f"{number} {request.method} {pattern['url']}"[:200], "request": pattern}
            if request.body is not None and "bodyPatterns" not in pattern and "multipartPatterns" not in pattern:
                mapping["priority"] = _FIRST_PRIORITY + 1
            mapping["response"] = answer
            before = waiting.take(orjson.dumps(pattern), f"mappings/{name}.json", mapping)
            if before is not None:
                yield before
        yield from waiting.rest()


def _temporary() -> sqlite3.Connection:
    """Open a database in a file without a name, which goes when it is closed."""
    import sqlite3  # noqa: PLC0415 - only where mappings are written

    database = sqlite3.connect("", isolation_level=None)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("BEGIN")
    return database


class _Waiting:
    """The last mapping of each request: whether it is the last is known at the end only.

    They wait in a temporary database on disk. Memory: its cache, 2 MB. Raises OutputError where the disk is full.
    """

    def __init__(self) -> None:
        self._database = _temporary()
        self._ask(
            "CREATE TABLE waiting (request BLOB PRIMARY KEY, turn INTEGER, path TEXT, mapping BLOB) WITHOUT ROWID"
        )

    def take(self, pattern: bytes, path: str, mapping: dict[str, Any]) -> tuple[str, bytes] | None:
        """Let a mapping wait. Gives the one for the same request that waited, complete."""
        digest = hashlib.sha256(pattern).digest()
        row = self._ask("SELECT turn, path, mapping FROM waiting WHERE request = ?", digest).fetchone()
        turn = 1 if row is None else row[0] + 1
        mapping["id"] = _identity(digest, turn)
        before = None
        if row is not None:
            scenario = f"repeated-{digest.hex()[:16]}"
            mapping |= {"scenarioName": scenario, "requiredScenarioState": str(turn)}
            known = orjson.loads(row[2])
            if turn == 2:
                known |= {"scenarioName": scenario, "requiredScenarioState": _STARTED}
            known["newScenarioState"] = str(turn)
            before = row[1], _document(known)
        self._ask("INSERT OR REPLACE INTO waiting VALUES (?, ?, ?, ?)", digest, turn, path, orjson.dumps(mapping))
        return before

    def rest(self) -> Iterator[tuple[str, bytes]]:
        """Give the mappings that nothing follows."""
        for path, mapping in self._ask("SELECT path, mapping FROM waiting ORDER BY path"):
            yield path, _document(orjson.loads(mapping))

    def close(self) -> None:
        """Remove the database."""
        self._database.close()

    def _ask(self, statement: str, *values: bytes | int | str) -> sqlite3.Cursor:
        try:
            return self._database.execute(statement, values)
        except self._database.Error as error:
            raise OutputError(
                f"A temporary database cannot be written: {error}. Free some space, or set TMPDIR to another folder."
            ) from error


def _identity(digest: bytes, turn: int) -> str:
    """Give a UUID (RFC 9562, version 8), the same for the same input."""
    digits = hashlib.sha256(digest + b"%d" % turn).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"


def _document(mapping: dict[str, Any]) -> bytes:
    return orjson.dumps(mapping, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


# -- requests


def _pattern(request: Request) -> dict[str, Any]:
    pattern: dict[str, Any] = {"method": request.method, "url": _path_and_query(request.url)}
    body = request.body
    if body is None or not body.complete or (body.stream is None and not body.size):
        return pattern
    kind = (header(request.headers, "content-type") or "").strip()
    if kind[:10].lower() == "multipart/":  # its boundary is another in each run, so its parts are matched
        parts = _part_patterns(body.read(), kind)
        if parts:
            pattern["multipartPatterns"] = parts
        return pattern
    matched = _body_pattern(body, kind)
    if matched is not None:
        pattern["bodyPatterns"] = [matched]
    return pattern


def _path_and_query(url: str) -> str:
    """Give what WireMock compares as `url`: path and query as they are sent."""
    rest = url.partition("#")[0]
    after = rest.partition("://")[2]
    if after:
        end = next((place for place, sign in enumerate(after) if sign in "/?"), len(after))
        rest = after[end:]
    return rest if rest.startswith("/") else f"/{rest}"


def _body_pattern(body: Body, kind: str) -> dict[str, Any] | None:
    if body.coding not in (None, "gzip"):  # WireMock takes gzip off, and nothing else
        wire = wire_of(body)
        return None if wire is None else {"binaryEqualTo": b64encode(wire).decode()}
    content = body.read()
    text = _text(content)
    if text is None:
        return {"binaryEqualTo": b64encode(content).decode()}
    return {"equalToJson": text} if "json" in kind.lower() and _is_json(content) else {"equalTo": text}


def _part_patterns(content: bytes, kind: str) -> list[dict[str, Any]]:
    found = _BOUNDARY.search(kind)
    if found is None:
        return []
    boundary = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    patterns = []
    for part in content.split(boundary)[1:_MOST_PARTS]:
        if part[:2] == b"--":
            break
        head, _, body = part.partition(b"\r\n\r\n")
        name = _PART_NAME.search(head)
        if name is None:
            return []
        body = body.removesuffix(b"\r\n")
        text = _text(body)
        matched = {"binaryEqualTo": b64encode(body).decode()} if text is None else {"equalTo": text}
        said = name[0][1:].decode("utf-8", "replace")
        patterns.append(
            {
                "matchingType": "ANY",
                "headers": {"Content-Disposition": {"contains": said}},
                "bodyPatterns": [matched],
            }
        )
    return patterns


# -- responses


def _answer(response: Response, name: str, *, bare: bool) -> tuple[dict[str, Any], bytes | None]:
    """Give a response definition, and the content of its file where it needs one."""
    body = response.body
    left_out = _CONNECTION - {"content-length"} if bare else _CONNECTION
    if body is not None and body.coding is not None and body.coding_error is None:
        left_out |= {"content-encoding"}
    answer: dict[str, Any] = {"status": response.status}
    if response.reason:
        answer["statusMessage"] = response.reason
    headers = _grouped(response.headers, left_out)
    if headers:
        answer["headers"] = headers
    if body is None or bare:
        return answer, None
    content = body.read()
    if not content:
        return answer, None
    text = _text(content) if len(content) <= _INLINE else None
    if text is not None:
        answer["body"] = text
        return answer, None
    answer["bodyFileName"] = name + _suffix(header(response.headers, "content-type") or "")
    return answer, content


def _grouped(headers: Headers, left_out: frozenset[str]) -> dict[str, str | list[str]]:
    """Give headers by name, in the spelling that came first; several of a name as a list."""
    spelled: dict[str, str] = {}
    values: dict[str, list[str]] = {}
    for name, value in headers:
        small = name.lower()
        if small not in left_out:
            values.setdefault(spelled.setdefault(small, name), []).append(value)
    return {name: several[0] if len(several) == 1 else several for name, several in values.items()}


# -- texts and names


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _is_json(content: bytes) -> bool:
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True


def _slug(text: str, most: int) -> str:
    return _SLUG.sub("-", text.lower())[:most].strip("-") or "root"


def _suffix(kind: str) -> str:
    small = kind.lower()
    return next((suffix for word, suffix in _SUFFIXES.items() if word in small), ".bin")


FORMAT: Final = Format(
    name="wiremock",
    title="WireMock mappings",
    family="wiremock",
    suffixes=(),
    sniff=_sniff,
    write_folder=_write_folder,
    cannot_hold=KNOWN_TO_RECORDERS
    | {
        "no-response",
        "started-at",
        "timings",
        "http-version",
        "target",
        "request-headers",
        "header-order",
        "scattered-headers",
        "trailers",
        "framing",
        "coding",
        "coding-headers",
        "empty-bodies",
    },
    notes=(
        "A request is matched by its method, path, query and body; its host is not looked at, nor its headers.",
        "Requests that are alike are answered in their order, by a scenario; the last answer stays.",
        "Bodies are served without the content coding that was taken off; WireMock codes them for who accepts it.",
        "Where a URL or a body was redacted, a request is answered only if it has the placeholder, too.",
    ),
)
