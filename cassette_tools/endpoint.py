"""The endpoint of a URL: its host, and its path as a template in which ids, dates and addresses of people are folded.

Law: a pure function of the URL. `/ads/17` and `/ads/18` are one endpoint, `/ads/{id}`; words, versions (`v2.1`),
locales (`es-419`) and names with a number in them (`oauth2`, `us-east-1`) stay what they are. Where it is not clear
whether a segment is an id or a name, it is taken for a name: two endpoints shown as one would mix what does not belong
together, one shown as two is only longer. Query and fragment are no part of an endpoint.

What is folded:

- `{id}`: numbers and lists of them; UUIDs; 16 hexadecimal digits and more, or 8 that do not look like a word; ULIDs,
  ObjectIds, JWTs and other tokens whose letters, capitals and digits change all the time; `usr-12345`, `ABC-17` and
  `cus_9s6XKzkNRiz8i3`; keys of OData (`Orders(17)`); IPv4 addresses;
- `{date}`: `2024-05-01`, with a time, too; `2024-05`, `2024-W18`, `2024-Q2`;
- `{email}`.

Around them what is no id stays: `17.json` is `{id}.json`, `app.3f2a9c1b.js` is `app.{id}.js`, `17:cancel` is
`{id}:cancel`. Percent-encoding is looked through, and kept.

It is asked of every interaction, so what was found is remembered: at most 4,096 addresses, 16,384 segments and 1,024
hosts (some 15 MB in the worst case).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from cassette_tools.tally import clipped

__all__ = ["endpoint_of", "template_of"]

_URL: Final = 2000  # characters of a URL that are looked at
_HOST: Final = 300  # characters of a host
_ADDRESSES: Final = 4096
_SEGMENTS: Final = 16_384
_HOSTS: Final = 1024
_LONGEST_KEY: Final = 300  # characters of what is remembered

_addresses: dict[str, tuple[str, str]] = {}
_segments: dict[str, str] = {}
_hosts: dict[str, str] = {}  # by scheme and authority


def endpoint_of(url: str) -> tuple[str, str]:
    """Return the host (in small letters, with its port where it is not the scheme's own) and the path as a template.

    The path begins with a slash. What is no absolute URL has the host "unknown", and stands itself for the path.
    User information is left out. Only the first 2,000 characters are looked at.
    """
    address = url.partition("?")[0]
    known = _addresses.get(address)
    if known is None:
        known = _endpoint(address)
        if len(address) <= _LONGEST_KEY:
            if len(_addresses) >= _ADDRESSES:
                _addresses.clear()
            _addresses[address] = known
    return known


def template_of(segment: str) -> str:
    """Return one segment of a path with what varies in it folded."""
    folded = _segments.get(segment)
    if folded is None:
        if segment.isdigit():
            return "{id}"  # there are many, and this is quick
        folded = _folded(segment)
        if len(segment) <= _LONGEST_KEY:
            if len(_segments) >= _SEGMENTS:
                _segments.clear()
            _segments[segment] = folded
    return folded


def _endpoint(address: str) -> tuple[str, str]:
    if len(address) > _URL:
        address = address[:_URL]
    parts = (address.partition("#")[0] if "#" in address else address).split("/")
    if len(parts) < 3 or parts[1] or not parts[0].endswith(":"):
        return "unknown", clipped(address, _HOST)
    key = parts[0] + parts[2]
    host = _hosts.get(key)
    if host is None:
        host = _host(parts[0], parts[2])
        if len(_hosts) >= _HOSTS:
            _hosts.clear()
        _hosts[key] = host
    known = _segments.get
    return host, f"/{'/'.join([known(part) or template_of(part) for part in parts[3:]])}"


def _host(scheme: str, authority: str) -> str:
    host = authority.rpartition("@")[2].lower()
    own = _OWN_PORTS.get(scheme.lower())
    return clipped(host if own is None else host.removesuffix(own), _HOST)


_OWN_PORTS: Final = {"http:": ":80", "https:": ":443"}


# -- one segment

_DIGIT: Final = re.compile(r"[0-9]")
_VERSION: Final = re.compile(r"[vV]?[0-9]{1,3}(?:\.[0-9]{1,3}){0,3}(?:(?:[-.]?(?:alpha|beta|rc|p)\.?[0-9]*){1,2})?")
_LOCALE: Final = re.compile(r"(?:ar|en)[-_](?:001|150)|es[-_]419")
_DATE: Final = re.compile(
    r"(?:19|20)[0-9]{2}-(?:"
    r"(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01])(?:[T _ ][0-9:.,]+(?:Z|[+-][0-9:]+)?)?)?"
    r"|W[0-5][0-9]|Q[1-4])"
)
_EMAIL: Final = re.compile(r"[^@\s]+@(?![0-9]x\.)[^@\s]+\.[A-Za-z]{2,}")
_UUID: Final = re.compile(r"\{?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?")
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_NUMBERS: Final = re.compile(r"[-+]?[0-9]+(?:\.[0-9]+)?(?:[,;][-+]?[0-9]+(?:\.[0-9]+)?)+|[-+]?[0-9]+(?:\.[0-9]{3,})?")
_ADDRESS: Final = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?:\.(?=[0-9])|$)){4}")
_JWT: Final = re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*")
_ULID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}|[0-7][0-9a-hjkmnp-tv-z]{25}")
_PREFIXED: Final = re.compile(r"([A-Za-z]{1,20})([-_])([0-9]+)")
_PREFIXED_TOKEN: Final = re.compile(r"[A-Za-z]{1,12}(?:[-_][A-Za-z]{2,12})?[-_]([A-Za-z0-9]+)")
_NUMBERED: Final = re.compile(r"[0-9]{4,}-[A-Za-z][\w-]*")
_YEAR: Final = re.compile(r"(?:19|20)[0-9]{2}")
_KEYED: Final = re.compile(r"([A-Za-z_]\w*)\(.+\)")
_BASE64: Final = re.compile(r"[A-Za-z0-9_+-]{16,}={0,2}")
_EXTENDED: Final = re.compile(r"(.+)\.([A-Za-z][A-Za-z0-9]{0,9})")
# Names of things in which a number follows a hyphen, and that no program uses as prefixes of ids.
_NAMED: Final = frozenset({"aes", "covid", "es", "http", "iso", "md", "oauth", "rfc", "rsa", "sha", "tls", "utf"})
# What joins names and ids inside a segment. A percent-escape joins, too: `Order%2F17`.
_JOINTS: Final = re.compile(r"([:;,=|+!~$()'\"&*\[\] ]|%[0-9A-Fa-f]{2})")
_DASHES: Final = re.compile(r"([-_.])")


def _folded(segment: str) -> str:
    """Fold a segment: as a whole, by its extension, or what stands between its joints."""
    plain = unquote(segment) if "%" in segment else segment
    whole = _kind(plain)
    if whole is not None:
        return whole
    if _DIGIT.search(plain) is None or _is_name(plain):
        return segment
    keyed = _KEYED.fullmatch(plain)
    if keyed is not None:
        return f"{keyed[1]}({{id}})"
    extended = _EXTENDED.fullmatch(segment)
    if extended is not None and not _looks_random(extended[2]):
        return f"{_stem(extended[1])}.{extended[2]}"
    return _part(segment)


def _stem(text: str) -> str:
    """Fold the name of a file without its extension: of `main-3f2a9c1b`, which a bundler wrote, the word stays."""
    folded = "".join("{id}" if _is_token(part) else part for part in _DASHES.split(text))
    return _part(text) if folded == text or _kind(text) == "{date}" else folded


def _part(text: str) -> str:
    """Fold what is an id among the parts of a text."""
    whole = _kind(text)
    if whole is not None:
        return whole
    parts = _JOINTS.split(text)
    if len(parts) > 1:
        return "".join(part if at % 2 else _piece(part) for at, part in enumerate(parts))
    return _piece(text)


def _piece(text: str) -> str:
    """Fold what is an id between dots, hyphens and underscores. Numbers are not: `us-east-1`."""
    whole = _kind(text)
    if whole is not None or _is_name(text):
        return whole or text
    by_dot = text.split(".")
    if len(by_dot) > 1 and any(_kind(part) == "{date}" for part in by_dot):
        return ".".join("{date}" if _kind(part) == "{date}" else part for part in by_dot)
    return "".join("{id}" if _is_token(part) else part for part in _DASHES.split(text))


def _kind(text: str) -> str | None:
    """Return the placeholder for a text that is an id, a date or an address as a whole; None for what is not."""
    length = len(text)
    if text.isdigit():
        return "{id}"
    if "@" in text and _EMAIL.fullmatch(text):
        return "{email}"
    if length >= 16 and (_HEX.fullmatch(text) or _UUID.fullmatch(text)):
        return "{id}"
    if _DIGIT.search(text) is None:
        return None
    if _DATE.fullmatch(text):
        return "{date}"
    if _is_name(text):
        return "{id}" if _ADDRESS.fullmatch(text) else None
    return "{id}" if _is_id(text) else None


def _is_id(text: str) -> bool:
    if _NUMBERS.fullmatch(text) or _JWT.fullmatch(text) or _ULID.fullmatch(text) or _ADDRESS.fullmatch(text):
        return True
    prefixed = _PREFIXED.fullmatch(text)
    if prefixed is not None:
        return _is_numbered(*prefixed.groups())
    token = _PREFIXED_TOKEN.fullmatch(text)
    if token is not None and _is_token(token[1]):
        return True
    if _NUMBERED.fullmatch(text) and not _YEAR.match(text):
        return True
    return _is_token(text) or (_BASE64.fullmatch(text) is not None and _is_joined_token(text))


def _is_name(text: str) -> bool:
    """Tell whether a text with digits is a version or a locale."""
    return _VERSION.fullmatch(text) is not None or _LOCALE.fullmatch(text) is not None


def _is_numbered(prefix: str, joint: str, number: str) -> bool:
    """Tell whether a word and a number are an id: `usr-12345`, `ABC-17`, but not `part-2`, `covid-19`, `in-2024`."""
    if prefix.lower() in _NAMED:
        return False
    if prefix.isupper() and len(prefix) > 1 and joint == "-":
        return True
    return len(number) >= 3 and not _YEAR.fullmatch(number)


def _is_token(text: str) -> bool:
    """Tell whether letters and digits without a joint are an id."""
    length = len(text)
    if length < 8 or not text.isalnum() or not text.isascii():
        return False
    if text.isdigit():
        return False  # beside words a number alone says little: `us-east-1`, `report-20240501`
    if _HEX.fullmatch(text):
        return length >= 16 or _is_no_word(text)
    return _looks_random(text)


_RUNS: Final = re.compile(r"[0-9]+|[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[A-Z]")
_LETTERS: Final = re.compile(r"[A-Za-z]+")


def _is_no_word(text: str) -> bool:
    """Tell whether 8 to 15 hexadecimal digits are a number and not a word: `3f2a9c1b`, but not `face2face`."""
    if _DIGIT.search(text) is None:
        return False
    letters = _LETTERS.findall(text)
    return bool(letters) and (len(letters) >= 3 or max(map(len, letters)) <= 3)


def _looks_random(text: str) -> bool:
    """Tell whether kinds of characters change as often as in a random token, and not as in words: `getUserById2`.

    Runs are digits, capitals, or small letters with the capital that begins them. In words they are longer than 2.5
    characters on average, in random letters and digits shorter than 2.
    """
    length = len(text)
    if length < 8 or _DIGIT.search(text) is None:
        return False
    runs = _RUNS.findall(text)
    numbers = sum(run.isdigit() for run in runs)
    if numbers == 1 and length < 16:
        return len(runs) * 2 > length
    if length < 10:
        return len(runs) * 1.8 >= length
    return len(runs) * 2.5 > length or (length >= 20 and numbers >= 3)


def _is_joined_token(text: str) -> bool:
    """Tell whether a text with hyphens or underscores is one token of base64url: `V1StGXR8_Z5jdHi6B-m`."""
    letters = re.sub(r"[^A-Za-z0-9]", "", text)
    if letters.islower() or letters.isupper() or (len(text) - len(letters)) * 6 > len(text):
        return False
    return _looks_random(letters)
