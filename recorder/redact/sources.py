"""Where known secrets come from: environment variables, files of secrets, and configurations with `#` keys.

Law: what is asked for by name and is not there is an error; what is only looked for never is one. No message and no
exception's attribute holds a value, nor a text that a value stands in. A file is read once, up to 16 MiB.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, NoReturn
from urllib.parse import unquote

from recorder.errors import SecretsError
from recorder.redact.policy import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["LARGEST_FILE", "from_config", "from_environment", "from_file", "from_stream", "from_variables"]

LARGEST_FILE: Final = 16 * 1024 * 1024
"""Bytes of a file of secrets, or a configuration. A larger one is refused: it was hardly meant."""

SHORTEST: Final = 8
"""Characters of a value that is taken because of its variable's name alone. Shorter ones stand in ordinary text."""

_OWN: Final = frozenset(
    {"RECORDER_CASSETTE", "RECORDER_RUN", "RECORDER_OPTIONS", "RECORDER_NOTES", "RECORDER_REDACTION"}
)
"""Variables of `recorder.bootstrap`: none is a secret, and what they name stands in the cassette."""

_FOLDERS: Final = frozenset({"PWD", "OLDPWD"})

_HINT: Final = re.compile(
    "TOKEN|SECRET|PASS|PWD|CRED|SIGNATURE|KEY|AUTH|COOKIE|DSN|JWT|BEARER|PATS?(?:_|[0-9]|$)|CONNECT"
)
"""Without one of these no name says secret. It keeps most names from being taken apart."""

_SAYS_SECRET: Final = re.compile(
    # Also inside a word, as in PGPASSWORD and GITHUBTOKEN.
    r"TOKEN(?!I[SZ])|SECRET(?!AR)|PASSWO?R?D(?!LESS)|PASSPHRASE|PASSCODE|CREDENTIAL|SIGNATURE|CONNECTION_?STRING"
    r"|(?:API|ACCESS|PRIVATE|SECRET|SESSION|SIGNING|ENCRYPTION|MASTER)_?KEY"
    # Whole words.
    r"|(?:^|_)(?:PASS|SSHPASS|PWD|AUTH|COOKIES?|CREDS?|DSN|JWT|BEARER)(?:_|$)"
    # Last words, or with a number behind them.
    r"|(?:^|_)(?:KEYS?|PATS?)(?:_?[0-9]+)?$"
)
_SAYS_OTHERWISE: Final = re.compile(
    r"(?:^|_)(?:FILES?|PATHS?|DIR|DIRECTORY|FOLDER|SOCK|SOCKET|UR[IL]S?|ENDPOINT|NAME|USER|USERNAME|EMAIL|HOST|HOSTNAME"
    r"|DOMAIN|PORT|TTL|LEN|LENGTH|SIZE|COUNT|LIMIT|MIN|MAX|TIMEOUT|AGE|EXPIRY|EXPIRES|EXPIRES_IN|EXPIRES_AT|EXPIRATION"
    r"|ENABLED?|DISABLED?|REQUIRED|SECURE|HTTPONLY|SAMESITE|TYPE|ALG|ALGO|ALGORITHM|METHOD|MODE|SCHEME|PROVIDER|BACKEND"
    r"|VERSION|FORMAT|HEADER|ISSUER|AUDIENCE|SCOPES?|REGION|ARN|COMMAND|CMD|HELPER|ASKPASS"
    r"|(?:PUBLIC|PRIMARY|FOREIGN|SORT|PARTITION|CACHE|ROUTING)_KEYS?)$"
)
_LISTS: Final = re.compile(r"(?:TOKENS|SECRETS|PASSWORDS|KEYS|COOKIES|CREDENTIALS|PATS)$")
_CONNECTION: Final = re.compile(r"(?:^|_)DSN(?:_|$)|CONNECTION_?STRING")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD: Final = re.compile(r"[^A-Z0-9]+")

_ORDINARY: Final = (
    "anonymous automatic certificate continue database default_value development disabled document enabled external "
    "functional internal localhost mandatory negotiate optional password placeholder plaintext postgres postgresql "
    "preferred production redacted required resource security sessions standard undefined unlimited username"
)
_WORDS: Final = frozenset(_ORDINARY.split())
"""Values that are words of ordinary text: taking them out would change bodies that hold no secret."""
_STAND_IN: Final = re.compile(r"(.)\1*|\$\{.*\}|\$\(.*\)|\$[A-Za-z_]\w*|<[^<>]*>|\{\{.*\}\}|%[A-Za-z_]\w*%", re.DOTALL)
"""One character repeated, and references that were never filled in."""
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?")
_PLAIN_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s]*")

_USERINFO: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,63}://([^/?#\s]{1,4096})@")
"""RFC 3986, section 3.2: an authority ends at the first slash, question mark or hash; its userinfo at the last @."""
_LONG_USER: Final = 16
"""Characters of a user without a password that is a token, as in `https://TOKEN@localhost/`."""
_PAIR: Final = re.compile(
    r"(?:password|pwd|secret|token|accountkey|sharedaccesskey|sharedaccesssignature)\s*=\s*"
    r"(?:\"([^\"]+)\"|'([^']+)'|([^;\s]+))",
    re.IGNORECASE,
)
_USER_AND_PASSWORD: Final = re.compile(r"[^\s:/@]+:(\S+)@[^\s@]*")
"""As in the DSN of Go's MySQL driver: `user:password@tcp(localhost)/name`; the last @ ends the password."""
_ASSIGNMENT: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.+)", re.DOTALL)

_INSTEAD: Final = {
    ".json": ", or give it another name and one value a line",
    ".toml": ", or give it another name and one value a line",
}

_PLAIN_KEY: Final = re.compile(r"[#@$]?[A-Za-z][A-Za-z_-]{0,31}[0-9]{0,2}")
_TOML_PLACE: Final = re.compile(r"\(at (line [0-9]+, column [0-9]+|end of document)\)")


# -- the environment


def from_environment(environment: Mapping[str, str]) -> tuple[Secret, ...]:
    """Return the secrets among the variables: those whose names say secret, and passwords in URLs.

    A name says secret by a word such as TOKEN, SECRET, PASSWORD, API_KEY, CREDENTIALS, AUTH, COOKIE, DSN, or KEY at its
    end, unless its last word says otherwise (FILE, PATH, URL, NAME, HOST, TTL and so on). Its value counts with 8
    characters or more, unless it is a common word, a reference that was never filled in (`${TOKEN}`), a URL, or a
    path that exists. A list (`TOKENS=a,b`) counts as a whole and by its items, an object of JSON by its leaves whose
    keys say secret, a connection string by its password. A URL with userinfo gives its password whatever the
    variable's name is, percent-decoded and as it stands. Never raises; about 1 µs a variable.
    """
    found: list[Secret] = []
    for name, value in environment.items():
        if len(value) < SHORTEST or name in _OWN:
            continue
        values = list(_passwords(value)) if "://" in value else []
        if says_secret(name):
            values += _values(name, value)
        if values:
            found += _kept(values, f"env:{name}", _is_likely)
    return tuple(found)


def from_variables(names: Iterable[str], environment: Mapping[str, str]) -> tuple[Secret, ...]:
    """Return the values of the named variables, whatever they look like; of a URL its password, too.

    A name may be a pattern of `fnmatch` (`API_*`), which need not match anything. Raises SecretsError for a variable
    that is named in full and is not there or is empty.
    """
    found: list[Secret] = []
    for wanted in names:
        if any(sign in wanted for sign in "*?["):
            for name in sorted(fnmatch.filter(environment, wanted)):
                found += _of_variable(name, environment[name])
        elif not environment.get(wanted, "").strip():
            state = "empty" if wanted in environment else "not set"
            raise SecretsError(
                f"The environment variable {wanted} is {state}, and a secret was expected there. "
                "Set it, or leave its name out."
            )
        else:
            found += _of_variable(wanted, environment[wanted])
    return tuple(found)


def says_secret(name: str) -> bool:
    """Tell whether the name of a variable, or a key of a file, says that its value is secret."""
    if name in _FOLDERS or _HINT.search(name.upper()) is None:
        return False
    words = _NO_WORD.sub("_", (name if name.isupper() else _CAMEL.sub("_", name)).upper()).strip("_")
    return _SAYS_SECRET.search(words) is not None and _SAYS_OTHERWISE.search(words) is None


def _of_variable(name: str, value: str) -> list[Secret]:
    return _kept([value, *_passwords(value)], f"env:{name}", _is_there)


def _values(name: str, value: str) -> Iterator[str]:
    """Yield what is secret in the value of a variable whose name says so."""
    yield value
    upper = name.upper()
    is_object = value.lstrip()[:1] == "{"
    if _LISTS.search(upper) and not is_object:
        yield from re.split(r"[\s,;]+", value)
    if _CONNECTION.search(upper):
        for match in _PAIR.finditer(value):
            yield match[match.lastindex or 0]
        if (pair := _USER_AND_PASSWORD.fullmatch(value)) is not None:
            yield pair[1]
    if is_object:
        document, _ = _parsed_json(value)
        for leaf in () if document is None else _leaves(document):
            if says_secret(leaf.keys[-1]):  # below an object each leaf has a key
                yield leaf.value


def _passwords(value: str) -> Iterator[str]:
    """Yield the passwords of the URLs in `value`, as they stand and percent-decoded."""
    for match in _USERINFO.finditer(value):
        user, colon, password = match[1].partition(":")
        secret = password if colon else user if len(user) >= _LONG_USER else ""
        yield from (secret, unquote(secret)) if "%" in secret else (secret,)


def _is_likely(value: str) -> bool:
    """Tell whether a value that nobody named can be a secret."""
    bare = value.strip()
    return (
        len(bare) >= SHORTEST
        and bare.lower() not in _WORDS
        and _STAND_IN.fullmatch(bare) is None
        and _PLAIN_URL.fullmatch(bare) is None
        and not (_NUMBER.fullmatch(bare) is not None and sum(map(str.isdigit, bare)) < SHORTEST)
        and not _is_path(bare)
    )


def _is_there(value: str) -> bool:
    return bool(value.strip())


def _is_path(value: str) -> bool:
    return ("/" in value or "\\" in value) and len(value) < 4096 and os.path.lexists(value)


# -- files


def from_file(path: str | os.PathLike[str]) -> tuple[Secret, ...]:
    """Return the values of a file of secrets, at least one.

    Text: one value a line. The line's end is taken off, blank lines are passed over, and nothing else is: a value with
    white space around it is known with and without it. Of a line `NAME=value` whose name says secret the value counts,
    too. A whole file that is an object or array of JSON (it must be in a `.json` file), and a `.toml` file, give every
    scalar leaf: strings, and numbers as they are written (of TOML's integers: in decimal), but no booleans, nulls and
    dates.

    Raises SecretsError, naming file, place and next step, for a file that is missing, unreadable, larger than 16 MiB,
    not valid UTF-8, holds NUL or holds no value.
    """
    name = os.fspath(path)
    return _of_file(_read(path), name, Path(name).name)


def from_stream(stream: BinaryIO, name: str = "<stdin>") -> tuple[Secret, ...]:
    """Return the values in a stream, as `from_file` does. `name` is for messages and sources."""
    try:
        data = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise SecretsError(f"{name}: reading failed: {error.strerror or 'an I/O error'}. Try again.") from error
    return _of_file(data, name, "stdin" if name == "<stdin>" else name)


def from_config(path: str | os.PathLike[str]) -> tuple[Secret, ...]:
    """Return the scalar leaves below each key that begins with `#`, at any depth, of a configuration in JSON.

    None where there is no such key. Raises SecretsError as `from_file` does, and for what is no JSON.
    """
    name = os.fspath(path)
    document = _json_or_refused(_text(_read(path), name), name, "config")
    found: list[Secret] = []
    for leaf in _leaves(document):
        marked = next((key for key in leaf.keys if key.startswith("#")), None)
        if marked is not None:
            found += _kept([leaf.value], f"config:{_shown(marked) or '#'}", _is_there, name)
    return tuple(found)


def _of_file(data: bytes, name: str, base: str) -> tuple[Secret, ...]:
    text = _text(data, name)
    suffix = Path(base).suffix.lower()
    found: list[Secret] = []
    if suffix == ".toml":
        document: Any = _toml_or_refused(text, name)
    elif suffix == ".json":
        document = _json_or_refused(text, name, ".json")
    else:
        document = _parsed_json(text)[0] if text.lstrip()[:1] in {"{", "["} else None
    if document is None:
        for number, line in enumerate(text.split("\n"), 1):
            found += _kept(_of_line(line.removesuffix("\r")), f"file:{base}#{number}", _is_there, name)
    else:
        for number, leaf in enumerate(_leaves(document), 1):
            place = _shown(leaf.keys[-1]) if leaf.keys else ""
            found += _kept([leaf.value], f"file:{base}#{place or number}", _is_there, name)
    if not found:
        raise SecretsError(f"{name}: there is no value in this file. Put one on each line, or leave the file out.")
    return tuple(found)


def _of_line(line: str) -> Iterator[str]:
    yield line
    match = _ASSIGNMENT.fullmatch(line)
    if match is not None and says_secret(match[1]):
        value = match[2].strip()
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        value = value[1:-1] if quoted else value
        if len(value) >= SHORTEST:
            yield value


def _kept(
    values: Iterable[str], source: str, is_secret: Callable[[str], bool], file: str | None = None
) -> list[Secret]:
    """Return the values that count, each once; one with white space around it, also without.

    A value that is no UTF-8 reaches us with surrogates. Of a variable its bytes count, one character each, as headers
    have them; in a file it cannot have been meant.
    """
    kept: dict[str, None] = {}
    for value in values:
        if is_secret(value):
            kept[value] = None
            kept[value.strip()] = None
    source = source.encode("utf-8", "backslashreplace").decode()  # a name that is no UTF-8
    return [Secret(_without_surrogates(value, source, file), source) for value in kept]


def _without_surrogates(value: str, source: str, file: str | None) -> str:
    if value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value):
        return value
    if file is not None:
        raise SecretsError(f"{file}: the value {source} has a lone surrogate. Write it as valid Unicode.")
    return value.encode("utf-8", "surrogatepass" if _beyond_bytes(value) else "surrogateescape").decode("latin-1")


def _beyond_bytes(value: str) -> bool:
    """Tell whether a surrogate is none that stands for a byte (PEP 383), as in the environment of Windows."""
    return any("\ud800" <= character < "\udc80" or "\udcff" < character <= "\udfff" for character in value)


def _read(path: str | os.PathLike[str]) -> bytes:
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path or any other name that the system takes
            data = file.read(LARGEST_FILE + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SecretsError(f"{name}: there is no such file. Check the path.") from error
    except IsADirectoryError as error:
        raise SecretsError(f"{name}: this is a folder. Name a file in it.") from error
    except OSError as error:
        reason = error.strerror or "an I/O error"
        raise SecretsError(f"{name}: cannot be read: {reason}. Check its permissions.") from error
    except ValueError as error:  # a NUL character in the path
        raise SecretsError(f"{name!r}: no file can have this name. Check the path.") from error
    return data


def _text(data: bytes, name: str) -> str:
    if len(data) > LARGEST_FILE:
        raise SecretsError(f"{name}: larger than 16 MiB. Give a file that holds the secrets and nothing else.")
    if (nul := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, nul) + 1
        raise SecretsError(f"{name}, line {line}: a NUL byte; the file is no text. Save it as UTF-8.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    # Outside of the handler: the decoder's exception holds the whole file, and must not be anyone's context.
    raise SecretsError(f"{name}, line {line}: not valid UTF-8. Save the file as UTF-8.")


# -- JSON and TOML


class _Leaf(NamedTuple):
    """A scalar, as text, and the keys on the way to it, outermost first."""

    keys: tuple[str, ...]
    value: str


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


class _Object(list[tuple[str, Any]]):
    """The pairs of a JSON object: a key may come twice, and both its values count."""


def _leaves(document: object) -> Iterator[_Leaf]:
    """Yield strings and numbers in their order, without recursion: a file may nest deeply."""
    waiting: list[tuple[tuple[str, ...], object]] = [((), document)]
    while waiting:
        keys, value = waiting.pop()
        if isinstance(value, str):
            if value.strip():
                yield _Leaf(keys, str(value))
        elif isinstance(value, bool):
            continue
        elif isinstance(value, int):
            yield _Leaf(keys, str(value))
        elif isinstance(value, _Object | dict):
            pairs = list(value.items() if isinstance(value, dict) else value)
            waiting += [((*keys, key), one) for key, one in reversed(pairs)]
        elif isinstance(value, list):
            waiting += [(keys, one) for one in reversed(value)]


def _parsed_json(text: str) -> tuple[list[Any] | None, str]:
    """Return the object or array of JSON that `text` is, or None and where that fails."""
    try:
        document = json.loads(
            text,
            object_pairs_hook=_Object,
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_no_value,
        )
    except json.JSONDecodeError as error:
        return None, f"line {error.lineno}, column {error.colno}: no valid JSON"
    except RecursionError:
        return None, "nested too deeply"
    if not isinstance(document, list):  # an _Object is one
        return None, "neither an object nor an array of JSON"
    return document, ""


def _no_value(_name: str) -> None:
    """Make null of NaN and Infinity, which some writers put into JSON: neither is a secret."""


def _json_or_refused(text: str, name: str, kind: str) -> list[Any]:
    document, problem = _parsed_json(text)
    if document is None:
        _refuse(name, problem, kind)
    return document


def _toml_or_refused(text: str, name: str) -> dict[str, Any]:
    document, problem = _parsed_toml(text)
    if document is None:
        _refuse(name, problem, ".toml")
    return document


def _parsed_toml(text: str) -> tuple[dict[str, Any] | None, str]:
    """Return what a TOML file says, or None and where that fails."""
    try:
        return tomllib.loads(text, parse_float=_toml_number), ""
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))  # the rest of its message may hold a part of the file
        return None, f"{place[1]}: no valid TOML" if place else "no valid TOML"  # "end of document" is a place, too
    except RecursionError:
        return None, "nested too deeply"
    except ValueError:  # an integer of more digits than `int` takes
        return None, "a number is too long; put it in quotes"


def _toml_number(written: str) -> _Number | None:
    return _Number(written) if any(map(str.isdigit, written)) else None  # inf and nan are no values


def _refuse(name: str, problem: str, kind: str) -> NoReturn:
    # Called outside of handlers: a parser's exception holds the whole file, and must not be anyone's context.
    raise SecretsError(f"{name}: {problem}. Correct the file{_INSTEAD.get(kind, '')}.")


def _shown(key: str) -> str:
    """Return a key that may be shown; nothing for one that could be a secret itself (a map from tokens to users)."""
    return key if _PLAIN_KEY.fullmatch(key) is not None else ""
