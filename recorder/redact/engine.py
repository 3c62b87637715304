"""The redaction engine: one interaction in, one line out, with nothing known left in it.

Law: every text of an interaction that somebody sent passes through here before it is written: URL, headers and their
names, reason, error messages, bodies. What is measured (times, sizes, counts, the tokens of processes) does not. After
redaction the output is looked at again for every known value; where one is left, the leaf goes, and where that does not
help, the body. The same input and key give the same output, whatever was redacted before, and a second run changes
nothing.

Memory: a few copies of one line; known values as `known` says; at most `MOST_LEARNED` learned ones, and some 4,096
remembered headers.
"""

from __future__ import annotations

import os
import re
import secrets as entropy
from base64 import b64decode
from binascii import Error as Base64Error
from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson
from ahocorasick_rs import BytesAhoCorasick, MatchKind

from recorder.capture import UNREADABLE, encode_content
from recorder.coding import are_compressing, split_codings
from recorder.errors import CallbackError
from recorder.redact import content
from recorder.redact.headers import header_spans, password_of
from recorder.redact.known import SHORTEST_PROVABLE, Known, Span, doubt, is_hiding
from recorder.redact.leaf import Context, Finding, Index, Rules, Scanner, resolve, splice
from recorder.redact.learning import MOST_LEARNED, Learned, worth_learning
from recorder.redact.lines import change_texts, replace_texts, splice_values
from recorder.redact.names import is_token_endpoint, normalize
from recorder.redact.placeholders import Placeholders
from recorder.redact.stream import BodyStream
from recorder.redact.verification import Values
from recorder.system import ForkLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from recorder.redact.policy import Policy, Secret


__all__ = ["MOST_LEARNED", "BodyStream", "Finding", "Hit", "Redactor", "StreamedBody"]

Part = Literal["request", "response"]
_PARTS: Final[tuple[Part, ...]] = ("request", "response")

_ROUNDS: Final = 4
"""Times that a leaf is gone over: a value may come to light when another one around it has gone."""
_MOST_REMEMBERED: Final = 4096
_LONGEST_REMEMBERED: Final = 1024
_BODIES: Final = b',"bodies":'
_INTERACTION: Final = b'{"type":"interaction"'
_TYPE: Final = re.compile(rb'[\xef\xbb\xbf \t]*\{[ \t]*"type"[ \t]*:[ \t]*"([a-z]{1,64})"')
_MEASURED: Final = frozenset(
    {
        "type",
        "id",
        "seq",
        "started_at",
        "timings_ms",
        "client",
        "process",
        "pid",
        "thread",
        "rss",
        "redacted",
        *("policy", "key", "known", "unproven", "version", "format", "created_at", "recorder", "python", "platform"),
        "of",
        "part",
        "piece",
        "run",
    }
)
"""Keys of lines whose values a recorder writes of itself."""
_ORDINARY: Final = _MEASURED | {"request", "response", "error", "connection"}
_CONTENT: Final = frozenset({"text", "base64"})
_UNSEEN: Final = BytesAhoCorasick([b'"base64":"', b"\\u0000"], matchkind=MatchKind.LeftmostFirst)
"""Where these stand, a line has more in it than its own bytes show."""
_LATE_BODIES: Final = re.compile(rb',[ \t]*"bodies"[ \t]*:[ \t]*(\{)')
_REDACTION: Final = re.compile(rb'("redaction"[ \t]*:[ \t]*)(?:"[^"\\]*"|\{[^{}]*\})')
_CODECS: Final = ("iso-8859-1", "utf-8")
"""Of a text that is not ASCII: as headers are kept, and as other writers may mean it."""
_STRING: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_WORD: Final = re.compile(rb"[^\s&;,<>\"'=?]+")
_HEADER_CONTEXT: Final = Context(url=True)
_URL_CONTEXT: Final = Context(url=True)
_TEXT_CONTEXT: Final = Context()
_NAME_CONTEXT: Final = Context(fold_case=True, binary=False)


@dataclass(frozen=True, slots=True)
class Hit:
    """Bytes [start, end) that would be redacted, and the rule."""

    start: int
    end: int
    rule: str


@dataclass(frozen=True, slots=True)
class StreamedBody:
    """What became of a body in pieces: its new size in bytes and sha256 (hexadecimal), and what was redacted."""

    size: int
    sha256: str
    findings: tuple[Finding, ...] = ()


class Redactor:
    """A policy at work: with its known values, with what it has learned, and with the key of its placeholders.

    `recording`: what is learned is found in fewer forms (see `Learned`), so that learning costs little. `deep`: look
    also for values in several encodings, one inside another. `environment`: where the policy's `environment` looks;
    default: that of the process.

    Several threads may use one: what is shared is replaced, never changed, but for learning, which takes a lock.
    """

    __slots__ = (
        "_callbacks",
        "_deep",
        "_deep_values",
        "_hard",
        "_index",
        "_known",
        "_learned",
        "_learning",
        "_policy",
        "_recording",
        "_remembered",
        "_rules",
        "_scanner",
        "_unproven",
        "key",
        "longest_known",
        "placeholders",
    )

    def __init__(
        self,
        policy: Policy,
        *,
        deep: bool = False,
        recording: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._policy = policy
        self._deep = deep
        self._recording = recording
        self._callbacks = policy.callbacks
        self.key = policy.key or entropy.token_bytes(32)
        self.placeholders = Placeholders(self.key)
        self._rules = Rules(policy)
        self._known, self._unproven = _known_values(policy, os.environ if environment is None else environment)
        self.longest_known = max((len(known.raw) for known in self._known), default=0)
        self._hard = tuple(known for known in self._known if known.hard)
        self._index = Index(self._known, self._rules.formats)
        self._learning = ForkLock()
        self._deep_values: tuple[int, Values] | None = None
        self._learned = Learned(frozenset(known.raw for known in self._known), recording=recording)
        self._scanner = Scanner(self._rules, [self._index], self._hard)
        self._remembered: dict[str, dict[tuple[str, str], tuple[str, str, tuple[Finding, ...]]]] = {}

    # What it is.

    @property
    def unproven(self) -> tuple[str, ...]:
        """Known values that cannot be proved gone, by source and reason."""
        if not self.forgotten:
            return self._unproven
        many = f"learned: {self.forgotten:,} values too many to be kept; they went at their own places only"
        return (*self._unproven, many)

    @property
    def deep(self) -> bool:
        """Whether values in several encodings, one inside another, are looked for."""
        return self._deep

    @property
    def forgotten(self) -> int:
        """How many learned values were too many: they went at their places only."""
        return self._learned.forgotten

    @property
    def rules(self) -> Rules:
        """The policy, compiled."""
        return self._rules

    def describe(self) -> dict[str, Any]:
        """Give what the header line says under `redaction`: which policy, what cannot be promised; never a value."""
        told: dict[str, Any] = {
            "version": 1,
            "policy": self._policy.fingerprint(),
            "key": self._policy.key_source,
            "known": len(self._known),
        }
        if self._unproven:
            told["unproven"] = list(self._unproven)
        return told

    def learned(self) -> frozenset[str]:
        """Give the values learned so far."""
        return self._learned.values()

    def learn(self, values: Iterable[str]) -> None:
        """Take values that were learned elsewhere."""
        with self._learning:  # not on the way of most requests: only what is new comes here
            for value in values:
                self._learned.add(value)
            if self._learned.settle():
                self._take_learned()

    def learn_from(self, spans: Iterable[Span]) -> None:
        """Learn the values of spans that went because of their place."""
        values = [
            span.value.decode("utf-8")
            for span in spans
            if span.learn and not self._learned.has(span.value) and worth_learning(span.value, span.rule)
        ]
        if not values:
            return
        if self._recording:
            self.learn(values)
        else:
            for value in values:
                self._learned.add(value)  # what it is good for, the next pass finds

    def _take_learned(self) -> None:
        self.longest_known = max(self.longest_known, self._learned.longest)
        indexes = [self._index, *self._learned.indexes()]
        self._scanner = Scanner(self._rules, indexes, self._hard + self._learned.hard()).follow(self._scanner)

    # Lines.

    def redact_record(
        self, record: dict[str, Any], streams: Mapping[str, Any] | None = None
    ) -> tuple[bytes, list[Finding]]:
        """Give the line, with its line feed, of an interaction that was just recorded, and what was redacted.

        `record` is what `Exchange.describe` gives; its lists and values stay as they are. `streams`: the finished
        `BodyStream` of each part that went out in pieces.
        """
        record = self._called_back(record)
        bodies = record["bodies"]
        head = {key: value for key, value in record.items() if key != "bodies"}
        pieces = _streamed(head, streams) if streams else None
        head, changed, findings = self._interaction(head, bodies, pieces)
        findings = [*findings, *_left_out(record)]
        return _line(_with_counts(head, findings), _dump(changed), b"}\n"), findings

    def _called_back(self, record: dict[str, Any]) -> dict[str, Any]:
        """Let the policy's functions change an interaction. Raises CallbackError."""
        for callback in self._callbacks:
            try:
                changed = callback(deepcopy(record))
            except Exception as error:
                raise CallbackError(
                    f"{type(error).__name__} in a callback of the policy ({_name_of(callback)})"
                ) from error
            if changed is None:
                continue
            if type(changed) is not dict or not isinstance(changed.get("bodies"), dict):
                raise CallbackError(f"a callback of the policy ({_name_of(callback)}) gave no interaction")
            record = changed
        return record

    def redact_line(
        self, line: bytes, *, pieces: Mapping[Part, StreamedBody] | None = None
    ) -> tuple[bytes, list[Finding]]:
        """Redact any line of a cassette, with or without its line feed. The same bytes where there is nothing to do.

        `pieces` says what became of bodies in pieces that were changed. A body line is redacted by itself: of a value
        across two pieces only `open_stream` knows. Raises ValueError, without recorded bytes, for what is no JSON
        object.
        """
        ending = line[len(line.rstrip(b"\r\n")) :]
        bare = line[: len(line) - len(ending)] if ending else line
        kind = _kind_of(bare)
        if kind == "interaction":
            try:
                new, findings = self._interaction_line(bare, pieces or {})
            except (TypeError, AttributeError, KeyError, IndexError):
                raise ValueError("not as the format says") from None
        elif kind == "header":
            new, findings = self._header_line(bare)
        elif not self._deep and self._is_clean(bare):
            return line, []
        else:
            new, findings = self._other_line(bare)
        return (line if new == bare else new + ending), findings

    def _interaction_line(self, line: bytes, pieces: Mapping[Part, StreamedBody]) -> tuple[bytes, list[Finding]]:
        at = line.find(_BODIES)
        raw, tail = line[:at] + b"}", line[at + len(_BODIES) : -1]
        head = _object(raw) if at >= 0 and line.endswith(b"}") and tail.startswith(b"{") else None
        if head is None:  # written by others: white space, another order of keys
            head, raw, tail = _taken_apart(line)
        if self._callbacks:
            return self._by_callbacks(line, {**head, "bodies": _object(tail) or {}}, pieces)
        old_bodies = _object(tail)
        if old_bodies is None:  # a key follows them
            head, raw, tail = _taken_apart(line, whole=True)
            old_bodies = _object(tail)
        new, bodies, findings = self._interaction(head, old_bodies, pieces)
        if not findings and not pieces:
            return line, []
        return _put_together(line, (raw, head, new), (tail, old_bodies, bodies), findings), findings

    def _by_callbacks(
        self, line: bytes, record: dict[str, Any], pieces: Mapping[Part, StreamedBody]
    ) -> tuple[bytes, list[Finding]]:
        before = record
        record = dict(self._called_back(record))
        bodies = record.pop("bodies", {})
        head, changed_bodies, findings = self._interaction(record, bodies, pieces)
        if before != {**record, "bodies": bodies}:
            findings = [*findings, Finding("policy:callback", "interaction", "text", "")]
        if not findings and not pieces:
            return line, []
        return _line(_with_counts(head, findings), _dump(changed_bodies)), findings

    def _interaction(
        self,
        head: dict[str, Any],
        bodies: dict[str, Any] | None,
        pieces: Mapping[Part, StreamedBody] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any] | None, list[Finding]]:
        """Redact an interaction given as its head and its bodies.

        Gives the new head, the new bodies (None where there are none) and what was redacted.
        """
        findings: list[Finding] = []
        for part, streamed in (pieces or {}).items():
            message = dict(head[part]) if isinstance(head.get(part), dict) else None
            _describe_anew(message, streamed.size, streamed.sha256, None, None)
            head = {**head, part: message}
            findings.extend(streamed.findings)
        came = head  # what bodies are is told by their headers as they came, not as a policy leaves them
        for _ in range(_ROUNDS):
            scanner = self._scanner
            head = self._head(head, findings)
            if self._is_known_in(head):
                self._remembered = {}  # something was learned since these headers were looked at
                head = self._head(head, findings, thorough=True)
                if self._is_known_in(head):  # at a key that this release does not know, or in a shape that it does not
                    head = self._swept(head, findings)
            if bodies:
                head, bodies = self._bodies(head, bodies, came, findings)
            if self._scanner is scanner:
                break  # nothing was learned on the way that could stand elsewhere in it
        return head, bodies, findings

    def _header_line(self, line: bytes) -> tuple[bytes, list[Finding]]:
        head = _object(line)
        if head is None:
            raise ValueError("no JSON object")
        findings: list[Finding] = []
        if not self._is_clean(line):
            line, findings = self._texts_of(line, "header")
            head = _object(line) or head
        told = self.describe()
        if head.get("redaction") == told:
            return line, findings
        if _dump(head) == line:
            return _dump({**head, "redaction": told}), findings
        new = _REDACTION.sub(lambda match: match[1] + _dump(told), line, count=1)
        return (new if new != line else line.rstrip()[:-1] + b',"redaction":' + _dump(told) + b"}"), findings

    def _other_line(self, line: bytes) -> tuple[bytes, list[Finding]]:
        record = _object(line)
        if record is None:
            raise ValueError("no JSON object")
        findings: list[Finding] = []
        if record.get("type") == "body":
            data = _bytes_of(record)
            context = Context(body=True, binary="base64" in record)
            new, findings = self._body(data, context, f"{record.get('part')}.body")
            held = encode_content(self.mark(data) if new is None else new)
            others = {key: value for key, value in record.items() if key not in _CONTENT and key not in _MEASURED}
            if others and not self._is_clean(_dump(others)):
                others = {key: self._walk(value, "body", findings) for key, value in others.items()}
            changed = {
                key: value
                for name, item in record.items()
                for key, value in (held.items() if name in _CONTENT else [(name, others.get(name, item))])
            }
            return (_spliced(line, record, changed) if findings else line), findings
        return self._texts_of(line, str(record.get("type", "line")))

    def _texts_of(self, line: bytes, place: str) -> tuple[bytes, list[Finding]]:
        """Redact the texts of a line, whatever they are, but those that a recorder writes of itself."""
        findings: list[Finding] = []
        key = ""
        spared = _MEASURED

        def change(text: str, is_key: bool) -> str:
            nonlocal key
            if is_key:
                key = text
            elif key in spared:
                return text
            return self._text(text, _TEXT_CONTEXT, place, findings)

        new = replace_texts(line, change) or line
        if any(self._scanner.plainly_known(new)):  # such a key has another meaning further inside
            spared = frozenset()
            new = replace_texts(new, change) or new
        return new, findings

    def _is_known_in(self, head: dict[str, Any]) -> bool:
        """Tell whether a known value may be left in a head: the verification of what comes from memory."""
        return any(self._scanner.plainly_known(_dump(head)))

    # The head: everything but bodies.

    def _head(self, head: dict[str, Any], findings: list[Finding], *, thorough: bool = False) -> dict[str, Any]:
        new = dict(head)
        request, response, error = head.get("request"), head.get("response"), head.get("error")
        if isinstance(request, dict):
            new["request"] = self._request(request, findings)
        if isinstance(response, dict):
            new["response"] = self._response(response, findings)
        if isinstance(error, dict):
            new["error"] = self._error(error, findings)
        unknown = head.keys() - (_ORDINARY if not thorough else _ORDINARY - {"connection"})
        for key in unknown:
            if not self._is_clean(_dump(new[key])):
                new[key] = self._walk(new[key], key, findings)
        return new

    def _swept(self, head: dict[str, Any], findings: list[Finding]) -> dict[str, Any]:
        """Redact every text of a head, whatever it is, but what a recorder measures."""
        return {key: value if key in _MEASURED else self._walk(value, key, findings) for key, value in head.items()}

    def _request(self, request: dict[str, Any], findings: list[Finding]) -> dict[str, Any]:
        new = dict(request)
        url = request.get("url")
        if isinstance(url, str):
            context = _URL_CONTEXT._replace(token_endpoint=True) if is_token_endpoint(url) else _URL_CONTEXT
            new["url"] = self._text(url, context, "request.url", findings)
            if isinstance(request.get("target"), str):
                new["target"] = self._text(request["target"], context, "request.target", findings)
        if isinstance(request.get("method"), str):
            new["method"] = self._remember("", request["method"], _TEXT_CONTEXT, "request.method", findings)[1]
        new["headers"] = self._headers(request.get("headers"), "request.headers", findings)
        return new

    def _response(self, response: dict[str, Any], findings: list[Finding]) -> dict[str, Any]:
        new = dict(response)
        if isinstance(response.get("reason"), str):
            new["reason"] = self._remember("", response["reason"], _TEXT_CONTEXT, "response.reason", findings)[1]
        new["headers"] = self._headers(response.get("headers"), "response.headers", findings)
        if response.get("trailers"):
            new["trailers"] = self._headers(response["trailers"], "response.trailers", findings)
        return new

    def _error(self, error: dict[str, Any], findings: list[Finding]) -> dict[str, Any]:
        new = dict(error)
        if isinstance(error.get("message"), str):
            new["message"] = self._text(error["message"], _URL_CONTEXT, "error.message", findings)
        cause = error.get("cause")
        if isinstance(cause, dict) and isinstance(cause.get("message"), str):
            new["cause"] = {**cause, "message": self._text(cause["message"], _URL_CONTEXT, "error.cause", findings)}
        if isinstance(error.get("received"), str):
            data, found = self._body(_from_base64(error["received"]), Context(body=True), "error.received")
            if found:
                findings.extend(found)
                new["received"] = _to_base64(b"" if data is None else data)
        return new

    def _headers(self, pairs: Any, place: str, findings: list[Finding]) -> Any:  # noqa: ANN401 -- whatever a line holds
        if not isinstance(pairs, list):
            return pairs
        remembered = self._remembered.get(place) or {}
        new: list[Any] = []
        for pair in pairs:
            known = remembered.get(tuple(pair))
            if known is None:
                if len(pair) != 2 or not isinstance(pair[0], str) or not isinstance(pair[1], str):
                    new.append(pair)
                    continue
                known = self._look_at_header(place, pair[0], pair[1])
            new.append((known[0], known[1]))
            if known[2]:
                findings.extend(known[2])
        return new

    def _look_at_header(self, place: str, name: str, value: str) -> tuple[str, str, tuple[Finding, ...]]:
        folded = normalize(name)
        octets, codec = _octets(value)
        rules = self._rules
        found: list[Finding] = []
        new, told = self._leaf(octets, _HEADER_CONTEXT, place, lambda data: header_spans(folded, data, rules))
        if not value.isascii() and codec != "utf-8":
            again = self._text(new.decode(codec), _HEADER_CONTEXT, place, told)
            new, codec = again.encode("utf-8", "surrogatepass"), "utf-8"
        if told:
            found.extend(told)
            if folded in rules.credentials:
                self._learn_password(octets)
        new_name, name_codec = _octets(name)
        changed, told = self._leaf(new_name, _NAME_CONTEXT, place)
        found.extend(told)
        known = (changed.decode(name_codec) if told else name, new.decode(codec), tuple(found))
        if len(name) + len(value) <= _LONGEST_REMEMBERED:
            self._keep(place, name, value, known)
        return known

    def _learn_password(self, credentials: bytes) -> None:
        scheme, _, rest = credentials.strip().partition(b" ")
        if scheme.lower() != b"basic":
            return
        password = password_of(rest.strip())
        if password is not None:
            self.learn_from([Span(0, 0, "password", password, learn=True)])

    def _remember(
        self, name: str, value: str, context: Context, place: str, findings: list[Finding]
    ) -> tuple[str, str, tuple[Finding, ...]]:
        """Redact a text that comes again and again."""
        known = self._remembered.get(place, {}).get((name, value))
        if known is None:
            octets, codec = _octets(value)
            new, found = self._leaf(octets, context, place)
            known = (name, self._text(new.decode(codec), context, place, found), tuple(found))
            if len(value) <= _LONGEST_REMEMBERED:
                self._keep(place, name, value, known)
        findings.extend(known[2])
        return known

    def _keep(self, place: str, name: str, value: str, known: tuple[str, str, tuple[Finding, ...]]) -> None:
        kept = self._remembered.get(place)
        if kept is None or len(kept) >= _MOST_REMEMBERED:
            kept = self._remembered[place] = {}
        kept[name, value] = known

    def _text(self, text: str, context: Context, place: str, findings: list[Finding]) -> str:
        for codec in _CODECS if not text.isascii() else ("ascii",):
            try:
                octets = text.encode(codec, "surrogatepass" if codec == "utf-8" else "strict")
            except UnicodeEncodeError:
                continue
            new, found = self._leaf(octets, context, place)
            if found:
                findings.extend(found)
                text = new.decode(codec, "surrogatepass" if codec == "utf-8" else "strict")
        return text

    def _walk(self, value: Any, place: str, findings: list[Finding]) -> Any:  # noqa: ANN401 -- whatever a line holds
        """Redact every text of a value that this release does not know."""
        if isinstance(value, str):
            return self._text(value, _TEXT_CONTEXT, place, findings)
        if isinstance(value, list):
            return [self._walk(item, place, findings) for item in value]
        if isinstance(value, dict):
            return {
                self._text(key, _TEXT_CONTEXT, place, findings): self._walk(item, f"{place}.{key}"[:80], findings)
                for key, item in value.items()
            }
        return value

    # Bodies.

    def _bodies(
        self, head: dict[str, Any], bodies: dict[str, Any], came: dict[str, Any], findings: list[Finding]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        new_head, new_bodies = dict(head), dict(bodies)
        url = came["request"].get("url") if isinstance(came.get("request"), dict) else None
        for part, held in bodies.items():
            message = head.get(part)
            if not isinstance(held, dict) or not isinstance(message, dict):
                new_bodies[part] = self._walk(held, "bodies", findings)
                continue
            data = _bytes_of(held)
            context = content.context_of(came[part].get("headers"), data, token_request=_is_token_request(part, url))
            new: bytes | None
            if _is_coded(came[part]) and not content.is_text(data):
                new, found, why = None, [Finding("unreadable", f"{part}.body", "removed", "")], UNREADABLE
            else:
                cut_off = (message.get("body") or {}).get("complete") is False
                new, found = self._body(data, context._replace(cut_off=cut_off), f"{part}.body")
                why = "a known value could not be taken out of it"
            others = {key: value for key, value in held.items() if key not in ("text", "base64")}
            if others and not self._is_clean(_dump(others)):
                others = self._walk(others, f"{part}.body", findings)
                held = new_bodies[part] = {**{key: held[key] for key in held.keys() & _CONTENT}, **others}  # noqa: PLW2901
            if not found:
                continue
            findings.extend(found)
            removed = new is None
            new = self.mark(data) if new is None else new
            new_bodies[part] = {**others, **encode_content(new)}
            message = dict(message)
            _describe_anew(message, len(new), sha256(new, usedforsecurity=False).hexdigest(), data, new)
            if removed and isinstance(message.get("body"), dict):
                message["body"]["removed"] = why
            new_head[part] = message
        return new_head, new_bodies

    def _body(self, data: bytes, context: Context, place: str) -> tuple[bytes | None, list[Finding]]:
        """Redact a body whose transfer and content codings are off. None in place of the bytes: all of it must go."""
        if context.boundary and (parts := content.binary_parts(data, context.boundary)):
            data, inside = self._binary_parts(data, parts, place)
            new, found = self._leaf(data, context, place, purge=True)
            return (None if _went_whole(found) else new), [*inside, *found]
        packed = content.unpack(data)
        if packed is not None:
            inner, found = self._body(packed.plain, packed.context, place)
            return (None if inner is None else packed.pack(inner)) if found else data, found
        codec = content.wide_codec(data)
        if codec is not None:
            plain = data.decode(codec).encode("utf-8")
            narrow, found = self._leaf(plain, context._replace(binary=False), place, purge=True)
            if _went_whole(found):
                return None, found
            data = narrow.decode("utf-8").encode(codec) if found else data
            new, more = self._leaf(data, context._replace(binary=True), place, purge=True)
            return (None if _went_whole(more) else new), [*found, *more]
        new, found = self._leaf(data, context, place, purge=True)
        return (None if _went_whole(found) else new), found

    def _binary_parts(self, data: bytes, parts: list[tuple[int, int]], place: str) -> tuple[bytes, list[Finding]]:
        findings: list[Finding] = []
        for start, end in reversed(parts):
            new, found = self._body(data[start:end], Context(body=True, binary=True), place)
            if found:
                findings.extend(found)
                data = data[:start] + (self.mark(data[start:end]) if new is None else new) + data[end:]
        return data, findings

    def open_stream(self, part: Part, headers: Any, url: str | None) -> BodyStream:  # noqa: ANN401 -- pairs, or None
        """Begin a body that is beyond the limit, of a request or a response with these headers."""
        context = content.context_of(headers, None, token_request=_is_token_request(part, url))
        return BodyStream(self, context, f"{part}.body", maybe_binary=not content.says_text(headers))

    # One leaf.

    def _leaf(
        self,
        data: bytes,
        context: Context,
        place: str,
        more: Callable[[bytes], list[Span]] | None = None,
        *,
        purge: bool = False,
    ) -> tuple[bytes, list[Finding]]:
        findings: list[Finding] = []
        for _ in range(_ROUNDS):
            spans = self._scanner.spans(data, context)
            if more is not None and (others := more(data)):
                spans = resolve([*spans, *others])
            if not spans:
                break
            self.learn_from(spans)
            data, found = splice(data, spans, self.placeholders, place, binary=context.binary)
            findings.extend(found)
        if findings or self._deep:
            data = self._verified(data, place, findings, purge=purge)
        return data, findings

    def _verified(self, data: bytes, place: str, findings: list[Finding], *, purge: bool) -> bytes:
        """Look again at what is to be written. What still holds a known value goes: a string, or all of it."""
        if not self.known_in(data):
            return data
        if purge:
            for pattern in (_STRING, _WORD):
                new = pattern.sub(self._purged, data)
                if not self.known_in(new):
                    findings.append(Finding("verify", place, "leaf", ""))
                    return new
        findings.append(Finding("verify", place, "removed", ""))
        return self.mark(data)

    def _purged(self, match: re.Match[bytes]) -> bytes:
        text = match.group()
        if not self.known_in(text):
            return text
        return b'"%s"' % self.mark(text) if text.startswith(b'"') else self.mark(text)

    def find(self, data: bytes, context: Context) -> list[Span]:
        """Give what goes from a leaf."""
        return self._scanner.spans(data, context)

    def known_in(self, data: bytes) -> bool:
        """Tell whether a known value stands in `data`, in any single-step encoding; with `deep`, in several."""
        if self._scanner.known_spans(data):
            return True
        if not self._deep:
            return False
        learned = self._learned.values()
        if self._deep_values is None or self._deep_values[0] != len(learned):
            raw = [known.raw for known in self._known] + [value.encode("utf-8") for value in learned]
            self._deep_values = (len(learned), Values(value for value in raw if len(value) >= SHORTEST_PROVABLE))
        return self._deep_values[1].stand_in(data)

    def mark(self, data: bytes) -> bytes:
        """Give a placeholder for a whole leaf."""
        return self.placeholders.text(data, "removed").encode()

    def check(self, data: bytes, *, yaml: bool = False) -> list[Hit]:
        """Give everything in a text file that would be redacted: known values, places, token formats."""
        context = Context(body=True, yaml=yaml)
        return [Hit(span.start, span.end, span.rule) for span in self._scanner.spans(data, context)]

    def redact_text(self, data: bytes, place: str) -> tuple[bytes, list[Finding]]:
        """Redact bytes as if they were a body."""
        new, found = self._body(data, content.context_of(None, data, token_request=False), place)
        return (self.mark(data) if new is None else new), found

    def is_settled(self, data: bytes) -> bool:
        """Tell quickly that lines of a cassette hold no known value in any form: False says only that they may.

        For output that was redacted by these rules before, when more values have been learned since.
        """
        if self._scanner.hard or self._deep:
            return False
        if _UNSEEN.find_matches_as_indexes(data) or is_hiding(data):
            return False
        return not any(self._scanner.plainly_known(data)) and not any(self._scanner.wrapped(data))

    def _is_clean(self, data: bytes) -> bool:
        low = data.lower()
        return (
            not self._scanner.hard
            and not any(index.touches(low) for index in self._scanner.indexes)
            and not is_hiding(data)
        )


def _left_out(record: dict[str, Any]) -> list[Finding]:
    """Tell of bodies that the capture stored a part of only, because the rest could not be looked into."""
    messages = ((part, record.get(part)) for part in _PARTS)
    return [
        Finding("unreadable", f"{part}.body", "removed", "")
        for part, message in messages
        if isinstance(message, dict)
        and isinstance(message.get("body"), dict)
        and message["body"].get("removed") == UNREADABLE
    ]


def _streamed(head: dict[str, Any], streams: Mapping[str, Any]) -> dict[Part, StreamedBody]:
    """Tell of bodies that went out in pieces while they were recorded: their descriptions are right already."""
    told: dict[Part, StreamedBody] = {}
    for part in _PARTS:
        stream = streams.get(part)
        body = head[part].get("body") if isinstance(stream, BodyStream) and isinstance(head.get(part), dict) else None
        if isinstance(body, dict) and stream is not None and stream.findings:
            told[part] = StreamedBody(body["size"], body["sha256"], tuple(stream.findings))
    return told


def _name_of(callback: object) -> str:
    return str(getattr(callback, "__qualname__", type(callback).__qualname__))


def _known_values(policy: Policy, environment: Mapping[str, str]) -> tuple[list[Known], tuple[str, ...]]:
    given = list(policy.secrets)
    if policy.environment:
        from recorder.redact.sources import from_environment  # noqa: PLC0415 -- only where it is asked for

        given.extend(from_environment(environment))
    known: dict[str, Known] = {}
    unproven: dict[str, None] = {}
    for secret in sorted(given, key=_order):
        if secret.value in known:
            continue
        why = doubt(secret.value)
        if why is not None:
            unproven[f"{secret.source}: {why}"] = None
        if why is None or why.startswith("short"):
            known[secret.value] = Known(secret.value, f"known:{secret.source}")
    return list(known.values()), tuple(unproven)


def _order(secret: Secret) -> tuple[bool, str]:
    return (secret.source.startswith("env:"), secret.source)


def _is_token_request(part: str, url: object) -> bool:
    return part == "request" and isinstance(url, str) and is_token_endpoint(url)


def _describe_anew(
    message: dict[str, Any] | None,
    size: int,
    digest: str,
    old: bytes | None,
    new: bytes | None,
) -> None:
    """Write size, digest and the headers that depend on them into a message that is ours to change."""
    if not isinstance(message, dict) or not isinstance(message.get("body"), dict):
        return
    body = message["body"]
    message["body"] = {**body, "size": size, "sha256": digest}
    if isinstance(message.get("headers"), list) and not body.get("coding"):
        message["headers"] = content.follow(
            message["headers"], (body.get("size"), body.get("wire_size")), size, old, new
        )


def _kind_of(line: bytes) -> str:
    """Give the type of a line; empty where it does not stand in front."""
    if line.startswith(_INTERACTION):
        return "interaction"
    kind = _TYPE.match(line)
    return kind[1].decode() if kind else ""


def _taken_apart(line: bytes, *, whole: bool = False) -> tuple[dict[str, Any], bytes, bytes]:
    """Give head, its JSON, and that of the bodies, of a line that is not as a recorder writes it. Raises ValueError."""
    found = None if whole else _LATE_BODIES.search(line)
    if found is not None:
        raw, tail = line[: found.start()] + b"}", line[found.start(1) : line.rstrip().rindex(b"}")]
        head = _object(raw)
        if head is not None and _object(tail) is not None:
            return head, raw, tail
    head = _object(line)
    if head is None:
        raise ValueError("no JSON object")
    bodies = head.pop("bodies", {})
    return head, b"", _dump(bodies)


_Change = tuple[bytes, dict[str, Any] | None, dict[str, Any] | None]
"""JSON as it is, what it says, and what it is to say."""


def _put_together(line: bytes, head: _Change, bodies: _Change, findings: list[Finding]) -> bytes:
    """Give the line anew, with not one byte changed beside what had to be."""
    raw, old, new = head
    assert new is not None  # noqa: S101 -- for the type checker: a head is never None
    counted = _with_counts(new, findings)
    tail = _spliced(*bodies)
    if not raw or (old is not None and _dump(old) == raw):
        return _line(counted, tail)
    redacted = counted.pop("redacted", None)
    old_counts = None if old is None else old.get("redacted")
    if old_counts is not None:
        counted["redacted"] = old_counts
    text = _spliced(raw, old, {key: counted[key] for key in new})
    if redacted is not None and old_counts is None:
        text = text.rstrip()[:-1] + b',"redacted":' + _dump(redacted) + b"}"
    elif redacted != old_counts:
        text = _spliced(text, _object(text), {**(_object(text) or {}), "redacted": redacted})
    between = line[len(raw) - 1 : line.rindex(bodies[0])] if bodies[0] in line else _BODIES
    return text.rstrip()[:-1] + between + tail + line[line.rindex(bodies[0]) + len(bodies[0]) :]


def _spliced(raw: bytes, old: dict[str, Any] | None, new: dict[str, Any] | None) -> bytes:
    if new is None or new == old:
        return raw
    return splice_values(raw, old, new) or change_texts(raw, old, new) or _dump(new)


def _line(head: dict[str, Any], tail: bytes, end: bytes = b"}") -> bytes:
    return b"".join((_dump(head)[:-1], _BODIES, tail, end))


def _went_whole(findings: list[Finding]) -> bool:
    return bool(findings) and any(finding.rule == "verify" and finding.kind == "removed" for finding in findings)


def _is_coded(message: dict[str, Any]) -> bool:
    """Tell whether a body's content coding is still on, because it could not be taken off."""
    body = message.get("body")
    if not isinstance(body, dict) or not body.get("coding_error") or body.get("coding"):
        return False
    headers = message.get("headers")
    return are_compressing(
        [
            coding
            for pair in (headers if isinstance(headers, list) else ())
            if pair[0].lower() == "content-encoding"
            for coding in split_codings(pair[1])
        ]
    )


def _with_counts(head: dict[str, Any], findings: list[Finding]) -> dict[str, Any]:
    if not findings:
        return head
    counts: dict[str, int] = dict(head.get("redacted") or {})
    for finding in findings:
        counts[finding.rule] = counts.get(finding.rule, 0) + finding.count
    return {
        **{key: value for key, value in head.items() if key != "redacted"},
        "redacted": dict(sorted(counts.items())),
    }


def _octets(text: str) -> tuple[bytes, str]:
    """Give the bytes of a text of ISO-8859-1, as headers are kept; of another text, its UTF-8."""
    try:
        return text.encode("iso-8859-1"), "iso-8859-1"
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass"), "utf-8"


def _bytes_of(held: dict[str, Any]) -> bytes:
    text = held.get("text")
    return text.encode("utf-8") if isinstance(text, str) else _from_base64(held.get("base64") or "")


def _from_base64(text: object) -> bytes:
    try:
        return b64decode(text if isinstance(text, str) else "", validate=True)
    except (Base64Error, ValueError):
        raise ValueError("its base64 is broken") from None


def _to_base64(data: bytes) -> str:
    from base64 import b64encode  # noqa: PLC0415 -- errors only

    return b64encode(data).decode("ascii")


def _dump(value: object) -> bytes:
    return orjson.dumps(value)


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
