"""Requests that no program would like to be written into its source: for the tests of formats that are programs."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from cassette_tools.interaction import Body, Interaction, Request, Response

__all__ = ["BODIES", "METHODS", "NAMES", "TARGETS", "VALUES", "as_sent", "requests"]

_SIGNS: Final = "'\"`$\\;&|<>(){}[]*?!#~%@-=:,.\t a1\xe9\xff"
_SET_BY_CLIENTS: Final = {
    "host",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "connection",
    "expect",
}

METHODS: Final = ["GET", "POST", "PUT", "delete", "OPTIONS", "-X", "P'OST", "$HOME", "`id`", "--help", "|ls"]
NAMES: Final = [
    "X-One",
    "x-one",
    "Accept",
    "Cookie",
    "User-Agent",
    "Content-Type",
    "X'Y",
    "$HOME",
    "`id`",
    "--help",
    "a!b",
]
VALUES: Final = [
    "",
    "@/etc/hostname",
    "-",
    "--output",
    "$(touch hacked)",
    "`touch hacked`",
    "'; touch hacked; '",
    '"; touch hacked; "',
    "';\\",
    "\\",
    "%s%n%d",
    "a;",
    "caf\xe9",
    "caf\xc3\xa9",
    "\x80\x81\x88\x90\xad",
    "\xe2\x80\xae",
    "!! !$",
    "{a,b}[1-3]",
    "#",
    "'''",
    '"""',
    "\\x00\\n",
    "{7*7}",
]
TARGETS: Final = [
    "/",
    "/a/../b/./c",
    "/$(touch hacked)",
    "/'`touch hacked`'",
    '/"x"?q="y"',
    "/{a,b}/[1-3]",
    "/%41%zz%2f%2F",
    "/a%20b+c",
    "/?q=a&b=c;d|e",
    "/\\\\x",
    "//double",
    "/caf\xe9\u20ac?\xe9",
    "/?",
    "/a?b?c",
    "/@file",
    "/a:b@c",
    "/!!",
    "/<x>^`{|}~",
]
BODIES: Final[list[bytes | None]] = [
    None,
    b"",
    b"@/etc/hostname",
    b"-",
    b"$(touch hacked)",
    b"'",
    b"''\\''",
    b"line\nline\n",
    b"\n\n",
    b"\nEND\nEND\n",
    b"tab\t",
    b"\0",
    b"a\0b",
    b"\r\n",
    b"\xff\xfe\x00",
    bytes(range(256)),
    "Zo\xeb \u20ac \u202e".encode(),
    b"\"\"\"'''\\",
    b"x" * 70_000,
    bytes(range(256)) * 1200,
]


def as_sent(target: str) -> str:
    """Give a target as it goes over the wire: what may not stand in a request line is percent-encoded."""
    return "".join(sign if "!" <= sign <= "~" else "".join(f"%{byte:02X}" for byte in sign.encode()) for sign in target)


def requests(base: str) -> st.SearchStrategy[Interaction]:
    """Give random requests to a server, whose address is `base`."""
    values = st.sampled_from(VALUES) | st.text(_SIGNS, max_size=12).map(lambda text: text.strip(" \t"))
    names = st.sampled_from(NAMES) | st.text("abcXYZ-_.!#$%&'*+^`|~09", min_size=1, max_size=6)
    headers = st.lists(st.tuples(names.filter(lambda name: name.lower() not in _SET_BY_CLIENTS), values), max_size=6)
    targets = st.sampled_from(TARGETS) | st.text(_SIGNS.replace("#", "") + "/?", max_size=10).map(
        lambda text: f"/{text}"
    )
    bodies = st.sampled_from(BODIES) | st.binary(max_size=200)
    return st.builds(
        lambda method, target, pairs, body: Interaction(
            Request(method, base + target, pairs, None if body is None else Body(body), "HTTP/1.1"),
            Response(200, "OK", []),
        ),
        st.sampled_from(METHODS),
        targets,
        headers,
        bodies,
    )
