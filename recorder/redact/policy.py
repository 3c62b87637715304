"""What is to be redacted, as one frozen value that can be merged, compared and named.

Law: no input or output, and no matching of recorded bytes. Whatever order rules are given in, and policies merged in,
the result is the same. Neither a secret's value nor the key is in any `repr` or error message here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from recorder.errors import UsageError

__all__ = ["PERSONAL_KINDS", "SHORTEST_KEY", "Callback", "Dynamic", "Policy", "Secret", "UrlPattern"]

Callback: TypeAlias = Callable[[dict[str, Any]], dict[str, Any] | None]

PERSONAL_KINDS: Final = ("email", "card", "iban", "phone", "ip")
SHORTEST_KEY: Final = 16
"""Bytes. A key that can be guessed lets anyone who has the cassette try guesses of a secret against its placeholder."""

_VERSION: Final = 1
"""Of the fingerprint: another number when the same rules come to mean something else."""

_NEUTRAL: Final = re.compile(r"[A-Za-z0-9._~-]+")
"""RFC 3986, section 2.3: characters that need no escape in a URL; nor do they in JSON, XML or a header."""
_FIELD_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, section 5.1 and 5.6.2: a header's name is a token."""
_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_DOMAIN: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_UNFIT: Final = re.compile(r"[\x00-\x20\x7f-\x9f]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that must not be in a cassette. The repr shows its source, never the value.

    `source` says where it comes from, for rules and reports: `env:API_TOKEN`, `file:secrets.txt#3`, `config:#password`,
    `given#1`. Raises UsageError, naming the source, where the value is no text, is empty or white space, or has lone
    surrogates (which no encoding can hold).
    """

    value: str = field(repr=False)
    source: str

    def __post_init__(self) -> None:
        _text("the source of a secret", self.source)
        if not isinstance(self.value, str):
            raise UsageError(f"the secret {self.source} is of type {type(self.value).__name__}; give a str")
        if not self.value.strip():
            raise UsageError(f"the secret {self.source} is empty or white space; give its value, or leave it out")
        if not _encodable(self.value):
            raise UsageError(f"the secret {self.source} has a lone surrogate; give it as valid Unicode")


@dataclass(frozen=True, slots=True)
class UrlPattern:
    """A regular expression (of `re`) and what takes the place of each of its matches in a URL.

    The replacement may refer to groups, as in `re.sub`. Raises UsageError for an expression that `re` refuses or that
    matches nothing at all (the empty text), for a replacement with white space or control characters, and for one that
    the same pattern would change again: a second run must change nothing.
    """

    pattern: str
    replacement: str

    def __post_init__(self) -> None:
        _text("the pattern of a URL rule", self.pattern)
        if not isinstance(self.replacement, str):
            raise UsageError(f"the replacement of the URL pattern {self.pattern!r} must be a text")
        if _UNFIT.search(self.replacement):
            raise UsageError(
                f"the replacement of the URL pattern {self.pattern!r} has spaces or control characters; URLs have none"
            )
        compiled = _compiled(self.pattern)
        if compiled.match("") is not None:
            raise UsageError(f"the URL pattern {self.pattern!r} matches the empty text; let it match what is to go")
        _check_replacement(compiled, self.replacement)


@dataclass(frozen=True, slots=True, init=False)
class Dynamic:
    """Query parameters whose values change with each answer, in URLs inside response bodies and headers.

    Only URLs of `domains` are touched; `example.com` stands for its subdomains, too. Raises UsageError where one of the
    lists is empty, a domain is none (no scheme, port or path), or the replacement would need an escape in a URL.
    """

    params: tuple[str, ...]
    domains: tuple[str, ...]
    replacement: str = "dynamic"

    def __init__(self, params: Iterable[str], domains: Iterable[str], replacement: str = "dynamic") -> None:
        _set(self, "params", tuple(sorted(_names("params", params))))
        _set(self, "domains", tuple(sorted({_domain(domain) for domain in _names("domains", domains)})))
        _set(self, "replacement", replacement)
        if not self.params or not self.domains:
            raise UsageError("a dynamic rule needs at least one name in params and one in domains")
        if not _NEUTRAL.fullmatch(_text("the replacement of a dynamic rule", replacement)):
            raise UsageError(f"the dynamic replacement {replacement!r} must be of letters, digits and . _ ~ - only")


@dataclass(frozen=True, slots=True, init=False)
class Policy:
    """What is redacted, and with which key. A list may be any iterable; it is sorted, and equal rules count once.

    - `secrets`: known values; a plain `str` becomes `Secret(value, "given#n")`, counted from 1.
    - `environment`: whether environment variables whose names say secret are secrets, too.
    - `defaults`: whether the built-in sensitive names, headers and cookies hold.
    - `headers`: further sensitive headers. `names`: further sensitive names in queries, forms, JSON, XML and multipart;
      `query` in queries only; `fields` in bodies only: a name, or a JSON path that begins with `$`.
    - `keep`: names taken off all these lists, and off the built-in ones. It never silences a known value.
    - `allow_headers`: when it is not None, the value of every header that is not in it goes, but for those that say how
      to read the message.
    - `urls`, `dynamic`: see `UrlPattern` and `Dynamic`. Patterns are applied in the order of their text.
    - `disabled_formats`: slugs of token formats that are not looked for. `personal`: kinds of personal data that are.
    - `callbacks`: functions that get a record and return it, changed, or None to leave it as it was. They are called in
      the order of their modules' names and lines, not in the order in which they are given.
    - `key`: of placeholders, 16 bytes or more; None lets each recording draw one. `key_source` says where it comes
      from: `policy`, `env:NAME`, `file:NAME`, `given` or `random`.
    - `origins`: (field, value as shown, where it comes from), for people; no rule reads it.

    Raises UsageError for what cannot be meant, naming the field.
    """

    secrets: tuple[Secret, ...]
    environment: bool
    defaults: bool
    headers: frozenset[str]
    names: frozenset[str]
    query: frozenset[str]
    fields: frozenset[str]
    keep: frozenset[str]
    allow_headers: frozenset[str] | None
    urls: tuple[UrlPattern, ...]
    dynamic: tuple[Dynamic, ...]
    disabled_formats: frozenset[str]
    personal: frozenset[str]
    callbacks: tuple[Callback, ...]
    key: bytes | None = field(repr=False)
    key_source: str
    origins: tuple[tuple[str, str, str], ...] = field(repr=False)

    def __init__(
        self,
        secrets: Iterable[str | Secret] = (),
        *,
        environment: bool = True,
        defaults: bool = True,
        headers: Iterable[str] = (),
        names: Iterable[str] = (),
        query: Iterable[str] = (),
        fields: Iterable[str] = (),
        keep: Iterable[str] = (),
        allow_headers: Iterable[str] | None = None,
        urls: Iterable[UrlPattern] = (),
        dynamic: Iterable[Dynamic] = (),
        disabled_formats: Iterable[str] = (),
        personal: Iterable[str] = (),
        callbacks: Iterable[Callback] = (),
        key: bytes | None = None,
        key_source: str = "",
        origins: Iterable[tuple[str, str, str]] = (),
    ) -> None:
        _set(self, "secrets", _secrets(secrets))
        _set(self, "environment", _flag("environment", environment))
        _set(self, "defaults", _flag("defaults", defaults))
        _set(self, "headers", _headers("headers", headers))
        _set(self, "names", _names("names", names))
        _set(self, "query", _names("query", query))
        _set(self, "fields", _names("fields", fields))
        _set(self, "keep", _names("keep", keep))
        _set(self, "allow_headers", None if allow_headers is None else _headers("allow_headers", allow_headers))
        _set(self, "urls", _patterns(urls))
        _set(self, "dynamic", _dynamics(dynamic))
        _set(self, "disabled_formats", _slugs(disabled_formats))
        _set(self, "personal", _personal(personal))
        _set(self, "callbacks", _callbacks(callbacks))
        _set(self, "key", _key(key))
        _set(self, "key_source", "random" if key is None else key_source or "given")
        _set(self, "origins", tuple(sorted(set(origins))))

    def merge(self, *others: Policy) -> Policy:
        """Return one policy that redacts whatever one of them does; the order of the policies says nothing.

        Lists are united, `keep` and `allow_headers` too: a header goes if no policy that has such a list allows it. A
        switch is on where one policy has it on. A value that two of them know under different sources keeps the source
        that sorts first. Raises UsageError when two of them have keys that differ, or replace one URL pattern
        differently.
        """
        policies = (self, *others)
        allowing = [policy.allow_headers for policy in policies if policy.allow_headers is not None]
        keyed = sorted((policy for policy in policies if policy.key is not None), key=lambda policy: policy.key_source)
        if len({policy.key for policy in keyed}) > 1:
            sources = ", ".join(policy.key_source for policy in keyed)
            raise UsageError(f"policies with different keys cannot be merged ({sources}); leave one key")
        return Policy(
            secrets=[secret for policy in policies for secret in policy.secrets],
            environment=any(policy.environment for policy in policies),
            defaults=any(policy.defaults for policy in policies),
            headers=frozenset().union(*(policy.headers for policy in policies)),
            names=frozenset().union(*(policy.names for policy in policies)),
            query=frozenset().union(*(policy.query for policy in policies)),
            fields=frozenset().union(*(policy.fields for policy in policies)),
            keep=frozenset().union(*(policy.keep for policy in policies)),
            allow_headers=frozenset().union(*allowing) if allowing else None,
            urls=[pattern for policy in policies for pattern in policy.urls],
            dynamic=[rule for policy in policies for rule in policy.dynamic],
            disabled_formats=frozenset().union(*(policy.disabled_formats for policy in policies)),
            personal=frozenset().union(*(policy.personal for policy in policies)),
            callbacks=[callback for policy in policies for callback in policy.callbacks],
            key=keyed[0].key if keyed else None,
            key_source=keyed[0].key_source if keyed else "",
            origins=[origin for policy in policies for origin in policy.origins],
        )

    def fingerprint(self) -> str:
        """Return 12 hexadecimal digits that are equal for equal rules, on any machine and in any order.

        Secrets, the key and where they come from have no part in it: the same policy names the same rules where the
        environment holds other values, and nothing can be guessed from it. Of a callback its qualified name counts.
        """
        rules = {
            "version": _VERSION,
            "environment": self.environment,
            "defaults": self.defaults,
            "headers": sorted(self.headers),
            "names": sorted(self.names),
            "query": sorted(self.query),
            "fields": sorted(self.fields),
            "keep": sorted(self.keep),
            "allow_headers": None if self.allow_headers is None else sorted(self.allow_headers),
            "urls": [[rule.pattern, rule.replacement] for rule in self.urls],
            "dynamic": [[rule.params, rule.domains, rule.replacement] for rule in self.dynamic],
            "disabled_formats": sorted(self.disabled_formats),
            "personal": sorted(self.personal),
            "callbacks": sorted(_callback_name(callback) for callback in self.callbacks),
        }
        text = json.dumps(rules, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


def _set(frozen: object, name: str, value: object) -> None:
    object.__setattr__(frozen, name, value)


def _listed(place: str, values: object) -> list[Any]:
    """Return any iterable as a list. A lone text is refused: it would be taken letter by letter."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise UsageError(f"{place} is a {type(values).__name__}; give a list")
    return list(values)


def _text(place: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise UsageError(f"{place} must be a text that is not empty")
    if not _encodable(value):
        raise UsageError(f"{place} has a lone surrogate; give valid Unicode")
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _flag(place: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{place} is {value!r}; give True or False")
    return value


def _names(place: str, values: object) -> frozenset[str]:
    names = [_text(f"each of {place}", value) for value in _listed(place, values)]
    for name in names:
        if name != name.strip() or _CONTROL.search(name):
            raise UsageError(
                f"{name!r} in {place} has white space around it or control characters in it; give the name"
            )
    return frozenset(names)


def _headers(place: str, values: object) -> frozenset[str]:
    """Return headers' names in lower case: RFC 9110, section 5.1, compares them without regard to case."""
    names = _names(place, values)
    for name in names:
        if not _FIELD_NAME.fullmatch(name):
            raise UsageError(f"{name!r} in {place} is no header's name; give the name alone, such as X-Api-Key")
    return frozenset(name.lower() for name in names)


def _domain(value: str) -> str:
    try:
        domain = value.lower().rstrip(".")
        domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        domain = ""
    if not _DOMAIN.fullmatch(domain):
        raise UsageError(f"{value!r} in domains is no domain; give it without scheme, port and path, as in example.com")
    return domain


def _slugs(values: object) -> frozenset[str]:
    slugs = _names("disabled_formats", values)
    for slug in slugs:
        if not _SLUG.fullmatch(slug):
            raise UsageError(f"{slug!r} in disabled_formats is no format's name; they are like github-token")
    return slugs


def _personal(values: object) -> frozenset[str]:
    kinds = _names("personal", values)
    for kind in sorted(kinds.difference(PERSONAL_KINDS)):
        raise UsageError(f"{kind!r} in personal is unknown; give some of {', '.join(PERSONAL_KINDS)}")
    return kinds


def _secrets(values: object) -> tuple[Secret, ...]:
    """Return one Secret for each value, the one whose source sorts first, in the order of sources."""
    known: dict[str, Secret] = {}
    for number, value in enumerate(_listed("secrets", values), 1):
        secret = value if isinstance(value, Secret) else Secret(value, f"given#{number}")
        other = known.get(secret.value)
        if other is None or secret.source < other.source:
            known[secret.value] = secret
    return tuple(sorted(known.values(), key=lambda secret: (secret.source, secret.value)))


def _patterns(values: object) -> tuple[UrlPattern, ...]:
    known: dict[str, UrlPattern] = {}
    for value in _listed("urls", values):
        if not isinstance(value, UrlPattern):
            raise UsageError(f"one of urls is a {type(value).__name__}; give UrlPattern(pattern, replacement)")
        if known.setdefault(value.pattern, value) != value:
            raise UsageError(f"the URL pattern {value.pattern!r} has two replacements; leave one")
    return tuple(known[pattern] for pattern in sorted(known))


def _dynamics(values: object) -> tuple[Dynamic, ...]:
    rules = _listed("dynamic", values)
    for value in rules:
        if not isinstance(value, Dynamic):
            raise UsageError(f"one of dynamic is a {type(value).__name__}; give Dynamic(params, domains)")
    return tuple(sorted(set(rules), key=lambda rule: (rule.domains, rule.params, rule.replacement)))


def _callbacks(values: object) -> tuple[Callback, ...]:
    known: list[Callback] = []
    for value in _listed("callbacks", values):
        if not callable(value):
            raise UsageError(f"one of callbacks is a {type(value).__name__}; give a function that takes a record")
        if value not in known:
            known.append(value)
    return tuple(sorted(known, key=_callback_place))


def _callback_place(callback: Callback) -> tuple[str, int, str]:
    code = getattr(callback, "__code__", None)
    return _callback_name(callback).partition(":")[0], getattr(code, "co_firstlineno", 0), _callback_name(callback)


def _callback_name(callback: Callback) -> str:
    """Return `module:qualified.name`; of an object that is called, its class's. Never an address, as its repr has."""
    named = callback if hasattr(callback, "__qualname__") else type(callback)
    return f"{getattr(named, '__module__', '')}:{getattr(named, '__qualname__', '')}"


def _key(key: object) -> bytes | None:
    if key is None:
        return None
    if not isinstance(key, bytes):
        raise UsageError(f"key is of type {type(key).__name__}; give bytes")
    if len(key) < SHORTEST_KEY:
        raise UsageError(f"key has {len(key)} bytes; give {SHORTEST_KEY} random bytes or more")
    return key


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        place = "" if error.pos is None else f" at character {error.pos + 1}"
        raise UsageError(f"the URL pattern {pattern!r} is no regular expression: {error.msg}{place}") from error
    except (OverflowError, RecursionError) as error:
        raise UsageError(f"the URL pattern {pattern!r} is too large for a regular expression") from error


def _check_replacement(compiled: re.Pattern[str], replacement: str) -> None:
    """Expand the template on a stand-in with the same groups, all empty: `re` has no public way to check a template."""
    names = {number: name for name, number in compiled.groupindex.items()}
    groups = (f"(?P<{names[number]}>)" if number in names else "()" for number in range(1, compiled.groups + 1))
    stand_in = re.fullmatch("".join(groups), "")
    if stand_in is None:
        raise UsageError(f"the URL pattern {compiled.pattern!r} has groups that cannot be checked; name them plainly")
    try:
        expanded = stand_in.expand(replacement)
    except (re.error, IndexError) as error:
        reason = getattr(error, "msg", str(error))
        raise UsageError(f"the replacement of the URL pattern {compiled.pattern!r} is wrong: {reason}") from error
    if "\\" not in replacement and compiled.sub(replacement, expanded) != expanded:
        raise UsageError(
            f"the URL pattern {compiled.pattern!r} would change its own replacement in a second run; "
            "let it not match the replacement"
        )
