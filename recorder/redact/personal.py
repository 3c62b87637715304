"""Personal data: e-mail addresses, cards, IBANs, phone numbers, IP addresses. Opt-in, kind by kind.

Law: a finder gives byte spans in any bytes, in time linear in their length, and prefers to miss what it cannot tell
from a version, a date or an id. What can be checked is: the check digits of cards (Luhn) and IBANs (ISO 7064), issuers,
lengths by country. Our own placeholders are never found.

Decided: IP addresses that tell nothing of anybody are none here: loopback, unspecified, netmasks (255.…). Private ones
are found. IBANs are found in capital letters. Phone numbers without "+" are found only where brackets or the groups of
a country's usual notation mark them as such.
"""

from __future__ import annotations

import functools
import heapq
import ipaddress
import re
from typing import TYPE_CHECKING, Final

from recorder.errors import UsageError
from recorder.redact.formats import AFTER_ESCAPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["KINDS", "find"]


def find(kind: str, data: bytes) -> Iterator[tuple[int, int]]:
    """Give the spans of personal data of one kind, in order and apart from each other. Raises UsageError."""
    finder = _FINDERS.get(kind)
    if finder is None:
        raise UsageError(f"There is no kind of personal data called {kind!r}. Use one of: {', '.join(KINDS)}.")
    return finder(data)


def _matches(hint: re.Pattern[bytes], pattern: re.Pattern[bytes], data: bytes) -> Iterator[re.Match[bytes]]:
    """Match a pattern where a hint stands. A hint begins with a set of bytes, which `re` runs through quickly."""
    done = 0
    for place in hint.finditer(data):
        found = pattern.match(data, place.start()) if place.start() >= done else None
        if found is not None:
            done = found.end()
            yield found


_GAP = rb"(?: |-|\+|%20)"
_LEFT = rb"(?:(?<![\w.+-])|" + AFTER_ESCAPE + rb")"


# E-mail addresses (RFC 5322 addr-spec without comments and quoted names). Found from the "@", so that no run of letters
# is read more than once.

_LOCAL_MOST = 64
_URL_MOST = 256
_AT: Final = re.compile(rb"[@%\\&](?:(?<=@)|(?<=%)(?:25)?40|(?<=\\)\\{0,7}u0040|(?<=&)#64;)")
_LOCAL_REVERSED: Final = re.compile(rb"[A-Za-z0-9._+~'\x80-\xdf-]+")
_DOMAIN: Final = re.compile(
    rb"(?:[A-Za-z0-9\x80-\xff](?:[A-Za-z0-9\x80-\xff-]{0,62})\.){1,8}(?:xn--[A-Za-z0-9-]{2,59}|[A-Za-z]{2,24})"
    rb"(?![A-Za-z0-9_-])"
)
_ENDING_OF_ESCAPE: Final = re.compile(
    rb"(?<=%)[0-9A-Fa-f]{2}|(?<=%25)[0-9A-Fa-f]{2}|(?<=\\)(?:u[0-9A-Fa-f]{4}|[abfnrtv0])"
)
_LOCAL_EDGE = b"._+~'-"
# "://", however escaped, and no "/", "?" or blank up to the "@"; backwards, so that it is looked for but once.
_USERINFO_REVERSED: Final = re.compile(
    rb"[^/\s\"'<>\\?#]*?(?:/\\{0,8}/\\{0,8}(?::|[Aa]3%)|[Ff]2(?:52)?%[Ff]2(?:52)?%[Aa]3(?:52)?%)"
)
_VERSION: Final = re.compile(rb"\d+\.\d+\.\d")
_FILES: Final = frozenset(
    b"png jpg jpeg gif webp avif svg ico css scss js mjs cjs jsx ts tsx map json html htm xml txt pdf woff ttf eot mp4"
    b" webm".split()
)


def _emails(data: bytes) -> Iterator[tuple[int, int]]:
    done = 0
    for at in _AT.finditer(data):
        domain = _DOMAIN.match(data, at.end())
        start = _local(data, max(done, at.start() - _LOCAL_MOST), at.start()) if domain else at.start()
        if domain is None or start == at.start() or _is_no_email(data, start, at, domain[0]):
            continue
        done = domain.end()
        yield start, done


def _local(data: bytes, least: int, at: int) -> int:
    """Give where the part before the "@" begins; `at` when there is none."""
    found = _LOCAL_REVERSED.match(data[least:at][::-1])
    start = at - found.end() if found else at
    escape = _ENDING_OF_ESCAPE.match(data, start)
    if escape is not None and escape.end() <= at:
        # %2B is a "+" in a form: the name goes on before it.
        is_plus = data[start - 1 : start + 2].upper() == b"%2B"
        more = _local(data, least, start - 1) if is_plus and least < start - 1 else start - 1
        start = more if is_plus and more < start - 1 else escape.end()
    while start < at and (data[start] in _LOCAL_EDGE or 0x80 <= data[start] < 0xC0):
        start += 1
    return at if data[at - 1 : at] == b"." else start


def _is_no_email(data: bytes, start: int, at: re.Match[bytes], domain: bytes) -> bool:
    ending = domain.rpartition(b".")[2].lower()
    return (
        domain.lower() == b"redacted.invalid"
        or ending in _FILES
        or _VERSION.match(domain) is not None
        or (data[start : at.start()] == b"git" and data[at.end() + len(domain) :][:1] == b":")
        or _USERINFO_REVERSED.match(data[max(0, at.start() - _URL_MOST) : at.start()][::-1]) is not None
    )


# Cards (ISO/IEC 7812): a known issuer with a length that it uses, grouped as it groups, Luhn.

_CARD_HINT: Final = re.compile(rb"\d(?<!\d\d)(?=[\d +%-]{12})")
_CARD: Final = re.compile(
    _LEFT + rb"(?:\d{13,19}(?!-\d)"
    rb"|(?:\d{4}(?P<four>" + _GAP + rb")\d{4}(?P=four)\d{4}(?P=four)\d{4}(?:(?P=four)\d{3})?"
    rb"|\d{4}(?P<six>" + _GAP + rb")\d{6}(?P=six)\d{4,5})(?!" + _GAP + rb"\d))"
    rb"(?!\w|\.\d)"
)
_ISSUERS: Final = re.compile(
    rb"4(?:\d{12}|\d{15}|\d{18})"
    rb"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"
    rb"|3[47]\d{13}"
    rb"|(?:30[0-5]|3[68]\d|39\d)\d{11}"
    rb"|(?:6011|64[4-9]\d|65\d\d|62\d\d|35(?:2[89]|[3-8]\d)|220[0-4])\d{12,15}"
    rb"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{9,15}"
)
_NOT_DIGITS: Final = re.compile(rb"%20|\D")
_DOUBLED = bytes(48 + (2 * digit if digit < 5 else 2 * digit - 9) for digit in range(10))
_DOUBLE: Final = bytes.maketrans(b"0123456789", _DOUBLED)


def _cards(data: bytes) -> Iterator[tuple[int, int]]:
    for found in _matches(_CARD_HINT, _CARD, data):
        digits = _NOT_DIGITS.sub(b"", found[0])
        if _ISSUERS.fullmatch(digits) and _passes_luhn(digits):
            yield found.span()


def _passes_luhn(digits: bytes) -> bool:
    """ISO/IEC 7812-1, annex B: every second digit from the right doubled, the sum a multiple of ten."""
    total = sum(digits[-1::-2]) + sum(digits[-2::-2].translate(_DOUBLE)) - 48 * len(digits)
    return total % 10 == 0


# IBANs (ISO 13616; lengths as in the SWIFT registry), in one piece or in groups of four.

_COUNTRIES: Final = b"""
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24
DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27
GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20
LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24
PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25
SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
_LENGTHS: Final = {entry[:2]: int(entry[2:]) for entry in _COUNTRIES.split()}
_IBAN_HEAD: Final = re.compile(rb"[A-Z]{2}\d{2}(?=[A-Z0-9 +%-])")


def _ibans(data: bytes) -> Iterator[tuple[int, int]]:
    for head in _IBAN_HEAD.finditer(data):
        length = _LENGTHS.get(head[0][:2])
        found = None if length is None else _iban_of(length).match(data, head.start())
        if found is not None and _passes_mod_97(re.sub(rb"%20|[^A-Z0-9]", b"", found[0])):
            yield found.span()


@functools.cache
def _iban_of(length: int) -> re.Pattern[bytes]:
    groups, rest = divmod(length - 4, 4)
    last = rb"(?P=gap)[A-Z0-9]{%d}" % rest if rest else b""
    return re.compile(
        rb"(?:(?<![A-Za-z0-9])|%b)[A-Z]{2}\d{2}"
        rb"(?:[A-Z0-9]{%d}|(?P<gap>%b)[A-Z0-9]{4}(?:(?P=gap)[A-Z0-9]{4}){%d}%b)(?![A-Za-z0-9])"
        % (AFTER_ESCAPE, length - 4, _GAP, groups - 1, last)
    )


def _passes_mod_97(iban: bytes) -> bool:
    """ISO 7064, MOD 97-10: the first four characters at the end, letters as 10 to 35, the remainder 1."""
    return int("".join(str(int(chr(sign), 36)) for sign in iban[4:] + iban[:4])) % 97 == 1


# Phone numbers: E.164 and its spaced notations (E.123), and national notations that cannot be much else.

_BETWEEN = rb"(?:[ -]|%20)"
_PHONE_HINT: Final = re.compile(rb"[+%(\d](?<!\d\d)(?=[\d(2][\dBb (.%-][\d (.)%-]{4})")
_PHONE: Final = re.compile(
    _LEFT + rb"(?:"
    rb"(?:\+|%2[Bb])[1-9](?:\d{7,14}(?!\d)"
    rb"|\d{0,2}" + _BETWEEN + rb"?(?:\(\d{1,5}\)" + _BETWEEN + rb"?)?\d{1,5}(?:" + _BETWEEN + rb"\d{2,8}){1,5}"
    rb"|\d{0,2}(?:\.\d{2,5}){2,5})"
    rb"|00[1-9]\d{0,2}[ -](?:\(\d{1,5}\)[ -]?)?\d{2,5}(?:[ -]\d{2,8}){1,4}"
    rb"|(?:1[ .-])?\([2-9]\d\d\) ?[2-9]\d\d[ .-]\d{4}"
    rb"|\(0\d{1,5}\) ?\d{2,8}(?:[ -]\d{1,6}){0,3}"
    rb"|[2-9]\d\d(?P<dash>[.-])[2-9]\d\d(?P=dash)\d{4}"
    rb"|0[1-9](?P<pair>[ .])\d\d(?:(?P=pair)\d\d){3}"
    rb"|0\d{2,4} \d{3,4} \d{3,4}"
    rb")(?![\w@]|[.,:/-]\d| \d|%20\d)"
)


def _phones(data: bytes) -> Iterator[tuple[int, int]]:
    for found in _matches(_PHONE_HINT, _PHONE, data):
        if 7 <= len(_NOT_DIGITS.sub(b"", found[0].removeprefix(b"%2B").removeprefix(b"%2b"))) <= 15:
            yield found.span()


# IP addresses (RFC 791, RFC 4291).

_OCTET = rb"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rb"(?:" + _OCTET + rb"\.){3}" + _OCTET
_COLON = rb"(?::|%3[Aa])"
_IPV4_HINT: Final = re.compile(rb"\d(?<!\d\d)(?=\d{0,2}\.\d{1,3}\.\d)")
_IPV4_ALONE: Final = re.compile(
    rb"(?:(?<![\w.:-])|(?<=[^\w:]:)|(?<=\w:)|" + AFTER_ESCAPE + rb")" + _IPV4 + rb"(?!\w|\.\d|-[A-Za-z])"
)
# Found from the first of two colons that are near each other.
_IPV6_HINT: Final = re.compile(_COLON + rb"(?=[0-9A-Fa-f]{0,4}" + _COLON + rb")")
_IPV6_HEAD: Final = re.compile(rb"[0-9A-Fa-f]{0,4}\Z")
_IPV6: Final = re.compile(
    rb"(?:(?<![\w.:-])|(?<=[^\w:]:)|" + AFTER_ESCAPE + rb")"
    rb"(?:[0-9A-Fa-f]{0,4}" + _COLON + rb"){2,8}(?:" + _IPV4 + rb"|[0-9A-Fa-f]{0,4})(?![\w:]|\.\d)"
)
_PRODUCT: Final = re.compile(rb"(?:\A|[^\w.+/%-])[A-Za-z][\w+-]*(?:/|%2[Ff])\Z")
_SAYS_VERSION: Final = re.compile(rb"(?i)(?:ver|version|release|build|revision|rev|firmware)[\"'\\\s:=v>_-]{0,8}\Z")


def _ips(data: bytes) -> Iterator[tuple[int, int]]:
    done = 0
    for start, end in heapq.merge(_ipv6(data), _ipv4(data)):
        if start >= done:
            done = end
            yield start, end


def _ipv4(data: bytes) -> Iterator[tuple[int, int]]:
    for found in _matches(_IPV4_HINT, _IPV4_ALONE, data):
        if _is_ipv4(data, found):
            yield found.span()


def _ipv6(data: bytes) -> Iterator[tuple[int, int]]:
    done = 0
    for colon in _IPV6_HINT.finditer(data):
        if colon.start() < done:
            continue
        head = _IPV6_HEAD.search(data, max(done, colon.start() - 4), colon.start())
        found = _IPV6.match(data, colon.start() if head is None else head.start())
        if found is not None:
            done = found.end()
            if _is_ipv6(found[0]):
                yield found.span()


def _is_ipv4(data: bytes, found: re.Match[bytes]) -> bool:
    if found[0].split(b".")[0] in (b"0", b"127", b"255"):
        return False
    before = data[max(0, found.start() - 48) : found.start()]
    return _PRODUCT.search(before) is None and _SAYS_VERSION.search(before) is None


def _is_ipv6(text: bytes) -> bool:
    plain = re.sub(rb"%3[Aa]", b":", text).decode("ascii")
    groups = [group for group in plain.split(":") if group]
    # a::b is a name in a program; eight pairs are an EUI-64 or a fingerprint.
    telling = len(groups) >= 3 or (len(groups) == 2 and len(groups[0]) == 4)
    if (
        not telling
        or not any(sign.isdigit() for sign in plain)
        or (len(groups) == 8 and all(len(group) == 2 for group in groups))
    ):
        return False
    try:
        address = ipaddress.IPv6Address(plain)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


_FINDERS: Final[dict[str, Callable[[bytes], Iterator[tuple[int, int]]]]] = {
    "email": _emails,
    "card": _cards,
    "iban": _ibans,
    "phone": _phones,
    "ip": _ips,
}
KINDS: Final = tuple(_FINDERS)
"""The kinds that `find` knows."""
