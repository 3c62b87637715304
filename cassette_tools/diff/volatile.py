r"""What differs between any two recordings of the same thing: dates, request ids, signatures, ports ...

Law: a value is judged alone, by its form and by the name beside it, never by what it is compared with. What is
volatile in it is replaced by a mark, and two values are the same if what is left is the same. So "a UUID against a
UUID" is no change, and "a UUID against null" is one; an alignment, a digest and a comparison cannot disagree.

Law: what is uncertain is a change. A form counts only where hardly anything else has it. So these stay: numbers without
a name that says time, calendar dates, moments at midnight (they are calendar dates, too), moments that are planned
(`due_at`, `start_time`), the moment 0, the nil UUID, hashes, versions, ids that count, plain words.

Takes time linear in a text, but for a bounded look back at each place. Holds one text, and caches of short ones.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from cassette_tools.diff.random_ids import HEXADECIMAL, OF_DIGEST, SHORTEST_ID, drawn_id, is_mixed
from cassette_tools.diff.volatile_kinds import Blank, Settled
from cassette_tools.diff.volatile_names import (
    NOTHING,
    header_rule,
    is_planned,
    kept_under,
    name_of_time,
    plain_name,
    words_of,
)
from recorder.redact.placeholders import is_placeholder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "blanked",
    "has_volatile_name",
    "rules_between",
    "settled_number",
    "settled_text",
    "settled_token",
    "volatile_header",
    "volatile_parameter",
    "volatile_value",
]


# -- what others call


def volatile_value(old: str, new: str, *, name: str = "") -> str | None:
    """Give the rule by which two different texts are the same but for what is volatile; None where they are not."""
    rules = rules_between(settled_text(old, name), settled_text(new, name))
    return rules[0] if rules else None


def rules_between(old: Settled, new: Settled) -> list[str] | None:
    """Give the rules of the volatile things in which two texts differ, each once; None where anything else differs."""
    if old.text != new.text:
        return None
    if len(old.found) == 1:
        (rule, before), (_, after) = *old.found, *new.found
        return [rule] if before != after else []
    pairs = zip(old.found, new.found, strict=True)
    return list(dict.fromkeys(rule for (rule, before), (_, after) in pairs if before != after))


def blanked(text: str, name: str = "") -> str:
    """Replace what is volatile in a text by marks. `name` is that of the header, parameter, field or member."""
    return settled_text(text, name).text


def settled_text(text: str, name: str = "") -> Settled:
    """Settle a text: as a whole by its name and form, else what is volatile within it."""
    if len(text) > _LONGEST_CACHED:
        return _settled_spans(text)
    return _settled_short(text, name)


@lru_cache(maxsize=4_096)
def _settled_short(text: str, name: str) -> Settled:
    if _tells_nothing(name):  # the two forms that are by far the most frequent
        if _MOMENT.fullmatch(text):
            return Settled("\0date T Z\0", (("date", text),))
        if _WHOLE_UUID.fullmatch(text):
            return Settled("\0uuid\0", (("uuid", text),))
    whole = settled_token(text, name)
    if whole is not None:
        return Settled(f"\0{whole.mark}\0", ((whole.rule, text),))
    return _settled_spans(text, kept_under(name) if name else NOTHING)


@lru_cache(maxsize=4_096)
def _tells_nothing(name: str) -> bool:
    """Tell whether only the form of a value decides, and not the name."""
    return plain_name(name) not in _RULES_OF_NAME and not is_planned(name)


def volatile_header(name: str) -> str | None:
    """Give the rule of a header whose value is volatile whatever it is. `name` in any letter case."""
    return header_rule(name.lower())


@lru_cache(maxsize=4_096)
def has_volatile_name(name: str) -> bool:
    """Tell whether a name makes some values beside it volatile."""
    return plain_name(name) in _RULES_OF_NAME


def volatile_parameter(name: str, value: str) -> str | None:
    """Give the rule of a parameter (of a URL, a form) whose value is volatile because of its name."""
    found = _by_name(value, name)
    return None if found is None else found.rule


# -- whole values

_LONGEST_CACHED: Final = 4_096
_LONGEST_WHOLE: Final = 4_096
_OPAQUE: Final = r"(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9+/_.~%=:|,!*-]"
_ANY: Final = re.compile(r".+", re.DOTALL)
_ID: Final = re.compile(r"(?=.*\d)[\x21-\x7e]{4,}|[A-Za-z+/=_-]{16,}", re.DOTALL)
_SHORT_OPAQUE: Final = re.compile(_OPAQUE + r"{8,}")
_LONG_OPAQUE: Final = re.compile(_OPAQUE + r"{16,}|[A-Za-z0-9+/_=-]{32,}")
# The longer a random text is, the more likely seven small letters stand in a row in it. What tells it from a path then
# is what names have not: two capitals in a row, a small letter behind a digit.
_LONG_RANDOM: Final = (
    r"(?!.*[a-z]{10})(?!(?:[^/]*/){9})(?=(?:[^0-9]*\d){3})(?=(?:[^A-Z]*[A-Z]){6})(?=(?:[^a-z]*[a-z]){6})"
    r"(?=(?:(?:(?![A-Z]{2}|\d[a-z]).)*(?:[A-Z]{2}|\d[a-z])){4})"
    r"[A-Za-z0-9+/_.~%=-]{40,}"
)
_CURSOR: Final = re.compile(
    r"(?!\d*$)(?!\d{4}-\d\d)(?:(?=[^\d]*\d)(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9+_~!%=|-]{10,}|[A-Za-z0-9+/_-]{10,}={1,2}"
    r"|(?=(?:[^A-Z]*[A-Z]){4})(?=(?:[^a-z]*[a-z]){3})[A-Za-z0-9+_=-]{16,}|[A-Za-z0-9+_%=-]{24,}"
    r"|(?=(?:[^A-Z]*[A-Z]){4})(?=(?:[^a-z]*[a-z]){4})(?!(?:[^/]*/){3})(?=[^\d]*\d)(?!.*[a-z]{7})"
    r"[A-Za-z0-9+][A-Za-z0-9+/]{19,}|" + _LONG_RANDOM + ")"
)
# For names that are ordinary words: only what a random generator makes.
_RANDOM: Final = re.compile(
    _LONG_RANDOM + r"|(?!.*[a-z]{7})(?:"
    r"(?=(?:[^0-9]*\d){2})(?=(?:[^A-Z]*[A-Z]){2})(?=(?:[^a-z]*[a-z]){2})[A-Za-z0-9+/_.~%=-]{16,}"
    r"|(?=[^0-9]*\d)(?=(?:[^A-Z]*[A-Z]){4})(?=(?:[^a-z]*[a-z]){3})[A-Za-z0-9+/]{16,}"
    r"|(?=(?:[^0-9]*\d){2})(?:[0-9a-z]{20,}|[0-9A-F]{24,})|[A-Za-z0-9+/_-]{14,}={1,2})"
)
# Not what is a digest of the content for certain: in a list of files that may be the only trace of a change.
_ETAG: Final = re.compile(
    r"(?!\"?(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})(?:-\d+)?\"?$)"
    r"(?:W/\"[^\"]{4,}\"|(?=.*\d)[\x21-\x7e]{4,}|[\x21-\x7e]{16,})"
)
_SECRET: Final = re.compile(r"[\x21-\x7e]{8,}")
_NONCE: Final = re.compile(r"[\x21-\x7e]{4,}")
_COUNT: Final = r"\d{8,20}|0\.\d{6,20}|\d{10}\.\d{1,9}"
_BUSTER: Final = re.compile(f"{_COUNT}|{_OPAQUE}{{12,}}")
_DECIMAL: Final = re.compile(r"\d+(?:\.\d+)?(?: ?(?:ms|s|us|µs))?")
_EPOCH: Final = re.compile(r"(?:[1-3]\d{9}|40\d{8})(?:\.\d{1,9}|\d{3}|\d{6}|\d{9})?")
_ULID: Final = re.compile(r"0[1-2](?=[A-Z]*\d)(?=\d*[A-Z])[0-9A-HJKMNP-TV-Z]{24}")
_OBJECT_ID: Final = re.compile(r"[4-7][0-9a-f]{23}")

_NAMED: Final[tuple[tuple[str, re.Pattern[str], str], ...]] = (
    (
        "request-id",
        _ID,
        """
        requestid xrequestid correlationid xcorrelationid traceid xtraceid spanid parentspanid traceparent
        invocationid amznrequestid xamznrequestid xamzrequestid fbtraceid cfray requestuuid requestguid
        idempotencykey
        """,
    ),
    ("request-id", _LONG_OPAQUE, "hostid"),
    ("etag", _ETAG, "etag odataetag"),
    ("id", _ID, "systemfingerprint"),
    (
        "csrf",
        _SECRET,
        """
        csrf csrftoken xcsrftoken xsrf xsrftoken xxsrftoken csrfmiddlewaretoken authenticitytoken formtoken
        requestverificationtoken csrfparam antiforgery viewstate eventvalidation
        """,
    ),
    ("nonce", _NONCE, "nonce oauthnonce cnonce noncestr clientnonce"),
    (
        "signature",
        _SHORT_OPAQUE,
        """
        sig oauthsignature xamzsignature xgoogsignature xamzcredential xgoogcredential xosssignature
        xobssignature qsignature hdnea hdnts
        """,
    ),
    ("signature", _RANDOM, "signature sign hmac"),
    ("signature", re.compile(r"eyJ[\w+/~-]{20,}={0,2}"), "policy"),
    ("signature", re.compile(r"\d{9,}"), "oauthtimestamp"),
    ("signature", re.compile(r"\d{8}T\d{6}Z"), "xamzdate xgoogdate"),
    ("signature", re.compile(r"\d{10}|\d{13}"), "expires xamzexpires"),
    ("signature", _LONG_OPAQUE, "xamzsecuritytoken keypairid awsaccesskeyid"),
    ("signature", re.compile(r"0\d_[\w-]{10,}|[0-9a-f]{32}"), "oh"),
    ("signature", re.compile(r"[0-9A-Fa-f]{8}"), "oe"),
    ("signature", re.compile(r"[\w-]{6,}"), "nchc nchohc ncohc ncgid nczt ncoc nceuiu ncsid"),
    (
        "token",
        _LONG_OPAQUE,
        """
        accesstoken refreshtoken idtoken sessiontoken sessionid sid jsessionid phpsessid authtoken
        bearertoken securitytoken codechallenge codeverifier oauthtoken oauthverifier samlresponse
        samlrequest relaystate sessionkey receipthandle
        """,
    ),
    ("token", _RANDOM, "token state code session ticket"),
    (
        "cursor",
        _CURSOR,
        """
        cursor nextcursor prevcursor previouscursor endcursor startcursor pagetoken nextpagetoken
        prevpagetoken nexttoken continuationtoken nextcontinuationtoken continuation paginationtoken
        scrollid nextmarker synctoken nextsynctoken deltatoken skiptoken
        """,
    ),
    ("cursor", _RANDOM, "after before next previous marker startafter"),
    ("cache-buster", _BUSTER, "_ cb cachebuster cachebust nocache rnd rand random"),
    ("cache-buster", re.compile(_COUNT), "ts timestamp"),
    (
        "timing",
        _DECIMAL,
        """
        took tookms elapsed elapsedms elapsedtime elapsedseconds processingtime processingtimems
        responsetime responsetimems querytime querytimems servertime executiontime executiontimems
        """,
    ),
    (
        "rate-limit",
        re.compile(r"\d+(?:\.\d+)?"),
        "ratelimitremaining ratelimitreset ratelimitused xratelimitremaining xratelimitreset xratelimitused",
    ),
)
_RULES_OF_NAME: Final[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}
for _rule, _value, _names in _NAMED:
    for _one in _names.split():
        _RULES_OF_NAME.setdefault(_one, []).append((_rule, _value))


def settled_token(text: str, name: str) -> Blank | None:
    """Tell whether a text as a whole is volatile: by its name, or by a form that a whole value has."""
    if not text or len(text) > _LONGEST_WHOLE:
        return None
    if text.startswith(("REDACTED-", "redacted-", "404")) and is_placeholder(text.encode("utf-8", "replace")):
        return None if text[0] in "Rr" else Blank("placeholder", "placeholder-number")
    return (_by_name(text, name) if name else None) or _by_form(text, name) or _encoded(text)


def _by_name(text: str, name: str) -> Blank | None:
    rules = _RULES_OF_NAME.get(plain_name(name))
    if rules:
        for rule, value in rules:
            if value.fullmatch(text):
                return Blank(rule, rule)
    return None


def _by_form(text: str, name: str) -> Blank | None:
    if len(text) == 26 and _ULID.fullmatch(text):
        return Blank("ulid", "ulid")
    if len(text) == 24 and _OBJECT_ID.fullmatch(text) and words_of(name)[-1:] in (("id",), ("oid",), ("_id",)):
        return Blank("object-id", "object-id")
    if text[0].isdigit() and (moment := _epoch(text, name)) is not None:
        return moment
    return drawn_id(text, name) if len(text) >= SHORTEST_ID and text.isascii() else None


# `REDACTED-` within base64, by where it begins among three bytes, and in hexadecimal digits.
_CORES: Final = re.compile("UkVEQUNURUQt|JFREFDVEVEL|SRURBQ1RFRC|52454441435445442[dD]")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")


def _encoded(text: str) -> Blank | None:
    """Tell whether a text is in base64 or hexadecimal digits, and holds a placeholder: redaction keeps the encoding."""
    if len(text) < 16 or _CORES.search(text) is None:
        return None
    if HEXADECIMAL.fullmatch(text):
        data = bytes.fromhex(text)
    elif _BASE64.fullmatch(text):
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        data = a2b_base64(plain + "=" * (-len(plain) % 4)) if len(plain) % 4 != 1 else b""
    else:
        return None
    settled = _settled_spans(data.decode("latin-1"))
    return Blank("placeholder", f"encoded {settled.text}") if settled.found else None


def settled_number(text: str, name: str) -> Blank | None:
    """Tell whether a number of JSON, as it is written, is volatile: an epoch or a timing by its name, a placeholder."""
    if text.startswith("404") and len(text) == 15 and is_placeholder(text.encode()):
        return Blank("placeholder", "placeholder-number")
    if not name or text[0] == "-":
        return None
    found = _by_name(text, name)
    return found if found is not None and found.rule in {"timing", "rate-limit"} else _epoch(text, name)


def _epoch(text: str, name: str) -> Blank | None:
    if not name or not _EPOCH.fullmatch(text) or not name_of_time(name) or is_planned(name):
        return None
    return Blank("epoch", f"epoch-{len(text.partition('.')[0])}")


# -- spans within texts

_MONTH: Final = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_WEEKDAY: Final = "(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?"
_CLOCK: Final = r"(?:[01]\d|2[0-3]):[0-5]\d"
_YEAR: Final = r"(?:19[7-9]|20\d|21\d)\d"
_MONTH_NUMBER: Final = "(?:0[1-9]|1[0-2])"
_DAY: Final = r"(?:0[1-9]|[12]\d|3[01])"
_HEX: Final = "[0-9A-Fa-f]"

# A moment of RFC 3339 and ISO 8601 with a time of day, in a URL perhaps. Not midnight, not 1970-01-01.
_DATE: Final = (
    rf"(?<![\d.])(?P<date>(?!1970-01-01){_YEAR}-{_MONTH_NUMBER}-{_DAY}(?:[Tt]| |%20|\+)"
    r"(?!00:00(?::00(?:\.0+)?)?(?![\d:.]))"
    rf"(?:{_CLOCK}(?::(?:[0-5]\d|60)(?:[.,]\d{{1,9}})?)?|(?:[01]\d|2[0-3])%3A[0-5]\d%3A[0-5]\d(?:\.\d{{1,9}})?)"
    r"(?P<zone>Z|z| ?UTC| ?[+-]\d\d:?\d\d|%2B\d\d%3A\d\d)?)(?![\d:])"
)
_BASIC: Final = (
    rf"(?<![\w])(?P<basic>{_YEAR}{_MONTH_NUMBER}{_DAY}T(?!000000Z)"
    r"(?:[01]\d|2[0-3])[0-5]\d[0-5]\d(?:\.\d{1,9})?Z)(?!\w)"
)
# A moment of HTTP, RFC 850, RFC 2822, asctime. Not 1970, by which cookies are taken back.
_HTTP: Final = (
    rf"(?P<http>\b{_WEEKDAY},? (?:\d{{1,2}}[ -]{_MONTH}[ -](?!1970|70 )(?:\d{{4}}|\d\d)"
    rf"|{_MONTH} [ \d]\d(?=[ \d:]+(?:[A-Z]{{3,4}} )?\d{{4}})) "
    rf"{_CLOCK}(?::[0-5]\d)?(?: (?:GMT|UTC|[+-]\d{{4}}))?(?: \d{{4}})?\b)"
)
_LOG: Final = rf"(?P<log>\b\d\d/{_MONTH}/\d{{4}}:{_CLOCK}:[0-5]\d [+-]\d{{4}}\b)"
_UUID: Final = (
    rf"(?P<uuid>(?<![0-9A-Za-z]){_HEX}{{8}}-{_HEX}{{4}}-[1-8]{_HEX}{{3}}-[89abcdABCD]{_HEX}{{3}}-{_HEX}{{12}}"
    r"(?![0-9A-Za-z]))"
)
_JWT: Final = r"(?P<jwt>(?<![\w.-])eyJ[\w-]{8,}\.eyJ[\w-]{4,}\.[\w-]*+)"
_PLACEHOLDER: Final = (
    r"(?P<placeholder>REDACTED-(?P<what>[a-z0-9]{1,40}(?:-[a-z0-9]{1,40}){0,8}?)-[a-z2-7]{10,12}(?![a-z2-7])"
    r"|redacted-[a-z2-7]{10}@redacted\.invalid)"
)
_PORT: Final = (
    r"(?P<loop>(?:(?<![\d.\w])127\.\d{1,3}\.\d{1,3}\.\d{1,3}|(?<![\w.-])localhost|\[::1\]|(?<![\d.\w])0\.0\.0\.0"
    r"|(?<![:\w])::1)(?::|%3A|', port=|\", port=|', ))(?P<port>\d{1,5})(?!\d)"
)
_ADDRESS: Final = r"(?P<address>(?<=[ =])0x[0-9a-fA-F]{6,16}(?=[>\s,)]|$))"
_POLICY_NONCE: Final = r"(?P<csp>(?<=nonce-)[A-Za-z0-9+/_-]{6,}={0,2}|(?<=nonce=[\"'])[^\"'<>]{4,200})"
# A field of a form in HTML, a parameter in a URL: volatile by their names.
_HIDDEN: Final = (
    r"(?P<hidden>(?:name|property)=[\"'](?P<field>[\w.:\[\]-]{1,80})[\"']"
    r"(?P<between>[^<>]{0,200}?\s(?:value|content)=[\"']))(?P<filled>[^\"'<>]{1,500})"
)
# The same field with its attributes the other way round.
_HIDDEN_AFTER: Final = (
    r"(?P<after>(?:value|content)=[\"'])(?P<ahead>[^\"'<>]{1,500})"
    r"(?=[\"'][^<>]{0,200}?\s(?:name|property)=[\"'](?P<last>[\w.:\[\]-]{1,80})[\"'])"
)
# Each begins with a letter as it is: so `re` passes over what begins with none of these.
_TELLING: Final = (
    "csrf|Csrf|CSRF|xsrf|Xsrf|XSRF|nonce|Nonce|NONCE|token|Token|TOKEN|request_?[Ii]d|Request_?I[dD]|REQUEST_?ID"
)
# What a script is given: `window.__CSRF__ = "8f3a..."`, `csrfToken: '...'`.
_ASSIGNED: Final = (
    r"(?P<said>(?<![\w$-])(?P<called>[\w$-]{0,30}?(?:" + _TELLING + r")[\w$-]{0,20})"
    r"[\"']?\s{0,3}[:=]\s{0,3}[\"'])(?P<told>[^\"'<>\\\s]{6,500})(?=[\"'])"
)
_LOCATOR: Final = r"(?P<locator>(?<=/query/)01g[0-9A-Za-z]{12,15}(?=-\d))"  # of Salesforce
_DRAWN: Final = (
    r"(?P<id>(?<![A-Za-z0-9_.-])(?!nonce-)[a-z][a-z0-9]{1,15}(?:[_-][a-z][a-z0-9]{0,9}){0,2}[_-](?=[a-z0-9]*[A-Z])"
    r"(?P<drawn>[A-Za-z0-9]{14,64}(?:_secret_[A-Za-z0-9]{14,64})?)(?![A-Za-z0-9_-]|\.\w))"
)
_ASK: Final = r"(?P<ask>[?&](?:amp;)?(?P<param>(?:\$|%24)?[A-Za-z0-9_.~-]{1,60})=)(?P<given>[^?&\s\"'<>#\\]{1,4000})"

_ALWAYS: Final = (
    f"{_DATE}|{_BASIC}|{_HTTP}|{_LOG}|{_UUID}|{_JWT}|{_PLACEHOLDER}|{_PORT}|{_ADDRESS}|{_POLICY_NONCE}|{_HIDDEN}"
    f"|{_HIDDEN_AFTER}|{_ASK}|{_LOCATOR}"
)
_CALLED: Final = re.compile(_TELLING)
_JOINED: Final = re.compile("[_-][A-Za-z0-9]{14}")


@lru_cache(maxsize=4)
def _pattern(*, called: bool, joined: bool) -> re.Pattern[str]:
    """Give the pattern of all, for a text that has or has not what the two need that are looked for at each word."""
    return re.compile(_ALWAYS + f"|{_ASSIGNED}" * called + f"|{_DRAWN}" * joined)


_MOMENT: Final = re.compile(
    rf"(?!1970-01-01){_YEAR}-{_MONTH_NUMBER}-{_DAY}T(?!00:00:00(?:\.0+)?Z){_CLOCK}:[0-5]\d(?:\.\d{{1,9}})?Z"
)
_WHOLE_UUID: Final = re.compile(_UUID)
_MAYBE: Final = re.compile(
    r"\d[T:t -]\d|\d-[0-9a-fA-F]{4}|eyJ|REDACTED-|redacted-|[=:( ]0x|nonce|[?&][\w.;~-]+=|\bname=|:\d|%3A"
    r"|[a-fA-F]-[0-9a-fA-F]{4}-|\d'?, \d|port=|\d(?:\+|%20)\d|/[A-Z]|/query/01g"
)
"""What any of these has, or `_CALLED` or `_JOINED`; quick to look for."""


def _settled_spans(text: str, kept: frozenset[str] = NOTHING) -> Settled:
    """Settle what is volatile within a text, but for the rules that are `kept`."""
    if _MAYBE.search(text) is None and _CALLED.search(text) is None and _JOINED.search(text) is None:
        return Settled(text)
    out: list[str] = []
    found: list[tuple[str, str]] = []
    at = 0
    for start, end, mark, rule in _spans(text, kept):
        out.append(text[at:start])
        out.append(f"\0{mark}\0")
        found.append((rule, text[start:end]))
        at = end
    if not found:
        return Settled(text)
    out.append(text[at:])
    return Settled("".join(out), tuple(found))


def _spans(text: str, kept: frozenset[str]) -> Iterator[tuple[int, int, str, str]]:
    """Give what is volatile within a text, from left to right: start, end, mark and rule."""
    called, joined = _CALLED.search(text) is not None, _JOINED.search(text) is not None
    for match in _pattern(called=called, joined=joined).finditer(text):
        group = match.lastgroup or ""
        if group in _NAME_OF_SPAN:
            yield from _named_span(match, *_NAME_OF_SPAN[group])
            continue
        rule, mark = _RULE_OF_SPAN[group], group
        if rule in kept:
            continue
        if rule == "date":
            mark = _form_of_moment(match, group)
        elif rule == "id":
            lead = match["id"][: -len(match["drawn"])]
            if OF_DIGEST.match(lead) or not is_mixed(match["drawn"]):
                continue
            mark = f"id {lead}{len(match['drawn'])}"
        elif group == "placeholder":
            mark = f"placeholder {match['what'] or 'email'}"
        start, end = match.span("port" if group == "port" else group)
        yield start, end, mark, rule


_NAME_OF_SPAN: Final = {
    "given": ("param", "given"),
    "filled": ("field", "filled"),
    "last": ("last", "ahead"),
    "told": ("called", "told"),
}
"""By the last group that matched: which one holds a name, and which one the value that is judged by it."""

_RULE_OF_SPAN: Final = {
    "date": "date",
    "basic": "date",
    "http": "date",
    "log": "date",
    "uuid": "uuid",
    "jwt": "jwt",
    "placeholder": "placeholder",
    "port": "port",
    "address": "address",
    "csp": "nonce",
    "locator": "cursor",
    "id": "id",
}


def _form_of_moment(match: re.Match[str], group: str) -> str:
    """Tell forms apart whose exchange is a change: with and without a zone, `Z` and an offset, a blank for the T."""
    if group != "date":
        return f"date {group}"
    zone = (match["zone"] or "").strip()
    kind = "Z" if zone in {"Z", "z"} else "UTC" if zone == "UTC" else "offset" if zone else "local"
    return f"date {match['date'][10].upper()} {kind}"


def _named_span(match: re.Match[str], of_name: str, group: str) -> Iterator[tuple[int, int, str, str]]:
    """Settle the value of a parameter within a URL, of a hidden field within HTML, of a variable within a script."""
    name, value = match[of_name], match[group]
    whole = settled_token(value, name)
    offset = match.start(group)
    if whole is not None:
        yield offset, match.end(group), whole.mark, whole.rule
        return
    for start, end, mark, rule in _spans(value, kept_under(name)):
        yield offset + start, offset + end, mark, rule
