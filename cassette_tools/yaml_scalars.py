"""Plain scalars of YAML 1.1: which of them are text, and what the others are.

Law: the same as PyYAML's resolver and its safe constructor say, whose rules are those of yaml.org's types for YAML 1.1,
with its narrowings: no exponent without a sign and a dot, octal by a leading 0, numbers of base 60.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

__all__ = ["Plain", "kind_of", "plain_value"]


class Plain(str):
    """Text without quotes that YAML 1.1 reads as something other than a string or null: `200`, `true`, `2020-01-01`."""

    __slots__ = ()

    def resolve(self) -> int | float | bool | str | None:
        """Give the number or truth value that PyYAML reads; timestamps, and what is none of these, as text."""
        kind = kind_of(self) if len(self) <= _LONGEST_NUMBER else "str"
        try:
            if kind == "int":
                return _integer(self.replace("_", ""))
            if kind == "float":
                return _float(self.replace("_", "").lower())
        except ValueError:  # 0b_, 0x_, or more digits than Python takes
            return str(self)
        if kind == "bool":
            return self.lower() in ("yes", "true", "on")
        return None if kind == "null" else str(self)

    def moment(self) -> date | None:
        """Give the date, or the datetime, that PyYAML reads; None where it is no timestamp."""
        found = _TIMESTAMP.fullmatch(self) if len(self) <= _LONGEST_NUMBER else None
        if found is None:
            return None
        year, month, day = (int(found[name] or found[f"{name}_"]) for name in ("year", "month", "day"))
        try:
            if found["hour"] is None:
                return date(year, month, day)
            time = (int(found["hour"]), int(found["minute"]), int(found["second"]))
            micro = int((found["fraction"] or "")[:6].ljust(6, "0"))
            zone = None
            if found["sign"]:
                ahead = timedelta(hours=int(found["zone_hour"]), minutes=int(found["zone_minute"] or 0))
                zone = timezone(-ahead if found["sign"] == "-" else ahead)
            elif found["zone"]:
                zone = UTC
            return datetime(year, month, day, *time, micro, zone)  # noqa: DTZ001 - as it is said, with or without
        except ValueError:
            return None


_MAY_BE_TYPED: Final = frozenset("-+0123456789.yYnNtTfFoO~")
_BOOL: Final = re.compile(r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF")
_INT: Final = re.compile(r"[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])+)")
_FLOAT: Final = re.compile(
    r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_TIMESTAMP: Final = re.compile(
    r"(?P<year>[0-9]{4})-(?:(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"|(?P<month_>[0-9]{1,2})-(?P<day_>[0-9]{1,2})(?:[Tt]|[ \t]+)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
    r":(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]*))?"
    r"(?:[ \t]*(?P<zone>Z|(?P<sign>[-+])(?P<zone_hour>[0-9]{1,2})(?::(?P<zone_minute>[0-9]{2}))?))?)"
)
_LONGEST_NUMBER: Final = 1000
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


def plain_value(text: str) -> str | None:
    """Give what a plain scalar is: a str, a Plain, or None."""
    if text and text[0] not in _MAY_BE_TYPED:
        return text
    kind = kind_of(text)
    if kind == "str":
        return text
    return None if kind == "null" else Plain(text)


def kind_of(text: str) -> str:
    """Give the type that a plain scalar has: `str`, `null`, `int`, `float`, `bool` or `timestamp`."""
    if text in _NULLS:
        return "null"
    for kind, form in (("int", _INT), ("float", _FLOAT), ("bool", _BOOL), ("timestamp", _TIMESTAMP)):
        if form.fullmatch(text):
            return kind
    return "str"


def _integer(text: str) -> int:
    sign = -1 if text[0] == "-" else 1
    text = text.lstrip("+-")
    if ":" in text:
        whole = 0
        for part in text.split(":"):
            whole = whole * 60 + int(part)
        return sign * whole
    for prefix, base in (("0b", 2), ("0x", 16)):
        if text.startswith(prefix):
            return sign * int(text[2:], base)
    return sign * int(text, 8 if text[0] == "0" else 10)


def _float(text: str) -> float:
    sign = -1.0 if text[0] == "-" else 1.0
    text = text.lstrip("+-")
    if text in (".inf", ".nan"):
        return sign * float(text[1:])
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + float(part)
    return sign * total
