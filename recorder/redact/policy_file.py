"""A policy in a TOML file: reading it, with exact errors, and the template to begin from.

Law: the file says where secrets are, never what they are: it has no key for a value, so that it can be kept in a
repository. A key that is not known is an error, since a misspelt rule would redact nothing. Relative paths in the file
start from its folder.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from recorder.errors import PolicyError, UsageError
from recorder.redact.policy import SHORTEST_KEY, Dynamic, Policy, Secret, UrlPattern
from recorder.redact.sources import from_config, from_file, from_variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["TEMPLATE", "VERSION", "load_policy"]

VERSION: Final = 1
"""Of the file's layout."""

_LARGEST: Final = 1024 * 1024
"""Bytes of a policy file."""
_LARGEST_KEY: Final = 4096
"""Bytes of a key file."""

_TABLES: Final[Mapping[str, Mapping[str, type]]] = {
    "secrets": {"environment": bool, "env": list, "files": list, "configs": list},
    "key": {"env": str, "file": str},
    "places": {
        "defaults": bool,
        "headers": list,
        "names": list,
        "query": list,
        "fields": list,
        "keep": list,
        "allow_headers": list,
    },
    "formats": {"disable": list},
    "personal": {"detect": list},
}
_ARRAYS: Final[Mapping[str, Mapping[str, type]]] = {
    "urls": {"pattern": str, "replacement": str},
    "dynamic": {"params": list, "domains": list, "replacement": str},
}
_OPTIONAL: Final = frozenset({"dynamic.replacement"})
_FIELDS: Final[Mapping[str, str]] = {
    "secrets.environment": "environment",
    "places.defaults": "defaults",
    "places.headers": "headers",
    "places.names": "names",
    "places.query": "query",
    "places.fields": "fields",
    "places.keep": "keep",
    "places.allow_headers": "allow_headers",
    "formats.disable": "disabled_formats",
    "personal.detect": "personal",
}
"""From a key of the file to the field of `Policy` that takes its value as it is."""
_TYPES: Final = {bool: "true or false", str: "a text in quotes", list: "a list of texts"}

TEMPLATE: Final = """\
# What cassette-tools redacts, beyond what it redacts anyway. Lines that begin with # are comments; the values in them
# are the defaults, or examples. Check the file with: ctools policy show --policy FILE
#
# No key of this file takes the value of a secret. It says where secrets are kept: in variables and files that are not
# in the repository. So this file can be.

version = 1

[secrets]
# Take the values of environment variables whose names say secret (TOKEN, PASSWORD, API_KEY and so on).
# environment = true

# Variables whose values are secrets whatever they are called. * stands for any characters.
# env = ["DB_LOGIN", "ACME_*"]

# Files of secrets: text with one value a line, or JSON or TOML, of which each string and number is a value.
# Relative paths start from the folder of this file.
# files = ["secrets.txt"]

# Configurations in JSON: each value below a key that begins with # is a secret.
# configs = ["config.json"]

[key]
# Where the key of the placeholders is: 16 characters or more, best made with: openssl rand -hex 32
# With the same key the same secret gets the same placeholder in every recording. Without one each recording makes a
# key of its own. Give one of:
# env = "CTOOLS_REDACTION_KEY"
# file = "redaction.key"

[places]
# Use the built-in lists of sensitive headers, cookies and names.
# defaults = true

# Further headers whose values are secrets.
# headers = ["X-Acme-Session"]

# Further names whose values are secrets, in queries, forms, JSON, XML and multipart. Letter case, - and _ do not count.
# names = ["acme_pin"]

# The same in queries only, and in bodies only. In bodies a JSON path may be given: it begins with $.
# query = ["sig"]
# fields = ["iban", "$.customer.address", "$.items[*].owner"]

# Names to be taken off the lists above and off the built-in ones. Known secrets go nevertheless.
# keep = ["page_token"]

# If this list is given, the value of every header that is not in it goes.
# allow_headers = ["Accept", "Content-Length", "Content-Type", "Date", "Host", "Location"]

[formats]
# Well-known formats of tokens that are not to be looked for.
# disable = ["jwt"]

[personal]
# Personal data to be looked for: email, card, iban, phone, ip.
# detect = ["email", "card"]

# Parts of URLs to be replaced: a regular expression of Python, and what takes the place of each match.
# [[urls]]
# pattern = '/accounts/act_[0-9]+'
# replacement = '/accounts/act_0'

# Parameters that change with each answer, in URLs inside response bodies, of these domains and their subdomains.
# [[dynamic]]
# params = ["_nc_gid", "oh", "oe"]
# domains = ["cdn.example.com"]
# replacement = "dynamic"
"""
"""A policy file that says what is the default, with every key explained."""


def load_policy(path: str | os.PathLike[str], *, environment: Mapping[str, str] | None = None) -> Policy:
    """Return the policy in the file at `path`, with the secrets and the key that it names.

    `environment` (default: the process's) is where the named variables are looked up. Variables whose names say secret
    are not: see `Policy.environment` and `sources.from_environment`.

    Raises PolicyError for a file that is missing, unreadable or over 1 MiB, is no TOML, or says what cannot be meant,
    with the line or the key and the next step; SecretsError for a variable or file of secrets that cannot be used.
    """
    return _Loading(os.fspath(path), os.environ if environment is None else environment).policy()


class _Loading:
    """One file, on its way to a policy. `name` is the path as it was given, for messages."""

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        self.name = name
        self.folder = Path(name).parent
        self.environment = environment
        self.origins: list[tuple[str, str, str]] = []

    def policy(self) -> Policy:
        said = _settings(self._document(), self._wrong)
        fields: dict[str, Any] = {}
        for place, value in said.items():
            if place in _FIELDS:
                fields[_FIELDS[place]] = self._checked(place, value)
        fields["urls"] = [self._url(place, rule) for place, rule in _rules(said, "urls")]
        fields["dynamic"] = [self._dynamic(place, rule) for place, rule in _rules(said, "dynamic")]
        fields["secrets"] = self._secrets(said)
        fields["key"], fields["key_source"] = self._key(said)
        try:
            return Policy(**fields, origins=self.origins)
        except UsageError as error:
            raise PolicyError(f"{self.name}: {error}.") from error

    def _document(self) -> dict[str, Any]:
        text = self._text()
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise PolicyError(f"{self.name}: no valid TOML: {error}. Correct that line.") from error
        except RecursionError as error:
            raise PolicyError(f"{self.name}: nested too deeply. Write it as ctools policy init does.") from error
        except ValueError as error:  # an integer of more digits than `int` takes
            raise PolicyError(f"{self.name}: no valid TOML: a number is too long. Correct it.") from error

    def _text(self) -> str:
        data = self._read(Path(self.name), _LARGEST, "Write one with: ctools policy init")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise PolicyError(f"{self.name}, line {line}: not valid UTF-8. Save the file as UTF-8.") from error

    def _read(self, path: Path, largest: int, missing: str) -> bytes:
        """Return a file's bytes. `missing` is the next step where there is none. Raises PolicyError."""
        try:
            with path.open("rb") as file:
                data = file.read(largest + 1)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise PolicyError(f"{path}: there is no such file. {missing}") from error
        except IsADirectoryError as error:
            raise PolicyError(f"{path}: this is a folder. Name a file in it.") from error
        except OSError as error:
            reason = error.strerror or "an I/O error"
            raise PolicyError(f"{path}: cannot be read: {reason}. Check its permissions.") from error
        except ValueError as error:  # a NUL character in the path
            raise PolicyError(f"{str(path)!r}: no file can have this name. Check the path.") from error
        if len(data) > largest:
            raise PolicyError(f"{path}: larger than {largest:,} bytes. Check the path.")
        return data

    def _checked(self, place: str, value: Any) -> Any:  # noqa: ANN401 - a value of TOML
        """Let `Policy` check the value of one key, so that its error can name the key."""
        field = _FIELDS[place]
        if field == "disabled_formats":
            self._check_formats(place, value)
        elif field == "fields":
            self._check_paths(place, value)
        try:
            taken = getattr(Policy(**{field: value}), field)
        except UsageError as error:
            raise self._wrong(place, str(error)) from error
        for one in [taken] if isinstance(taken, bool) else sorted(taken):
            self._note(field, str(one).lower() if isinstance(one, bool) else one, place)
        if taken == frozenset() and field == "allow_headers":
            self._note(field, "(none)", place)
        return taken

    def _check_formats(self, place: str, slugs: Iterable[str]) -> None:
        from recorder.redact.formats import FORMATS  # noqa: PLC0415 - compiles them, for this check only

        known = [form.slug for form in FORMATS]
        for slug in slugs:
            if slug not in known:
                raise self._wrong(place, f"there is no format {slug!r}.{_meant(slug, known)}")

    def _check_paths(self, place: str, fields: Iterable[str]) -> None:
        paths = [field for field in fields if field.startswith("$")]
        if not paths:
            return
        from recorder.redact.json_paths import JsonPaths  # noqa: PLC0415 - only for policies that have paths

        try:
            JsonPaths(paths)
        except UsageError as error:
            raise self._wrong(place, str(error)) from error

    def _url(self, place: str, rule: Mapping[str, Any]) -> UrlPattern:
        try:
            made = UrlPattern(rule["pattern"], rule["replacement"])
        except UsageError as error:
            raise self._wrong(place, str(error)) from error
        self._note("urls", f"{made.pattern} -> {made.replacement}", place)
        return made

    def _dynamic(self, place: str, rule: Mapping[str, Any]) -> Dynamic:
        try:
            made = Dynamic(**rule)
        except UsageError as error:
            raise self._wrong(place, str(error)) from error
        shown = f"{', '.join(made.params)} at {', '.join(made.domains)} -> {made.replacement}"
        self._note("dynamic", shown, place)
        return made

    def _secrets(self, said: Mapping[str, Any]) -> list[Secret]:
        found: list[Secret] = []
        for name in said.get("secrets.env", ()):
            found += self._counted("variable", name, "secrets.env", from_variables([name], self.environment))
        for name in said.get("secrets.files", ()):
            found += self._counted("file", name, "secrets.files", from_file(self.folder / name))
        for name in said.get("secrets.configs", ()):
            found += self._counted("configuration", name, "secrets.configs", from_config(self.folder / name))
        return found

    def _counted(self, kind: str, name: str, place: str, found: tuple[Secret, ...]) -> tuple[Secret, ...]:
        values = "1 value" if len(found) == 1 else f"{len(found)} values"
        self._note("secrets", f"{kind} {name}: {values}", place)
        return found

    def _key(self, said: Mapping[str, Any]) -> tuple[bytes | None, str]:
        name, file = said.get("key.env"), said.get("key.file")
        if name is not None and file is not None:
            raise self._wrong("key", "env and file are both given; leave one of them")
        if name is not None:
            data, source, place = self._key_in_environment(name), f"env:{name}", "key.env"
        elif file is not None:
            path = self.folder / file
            step = "Make it with: openssl rand -hex 32"
            data, source, place = self._read(path, _LARGEST_KEY, step), f"file:{file}", "key.file"
        else:
            return None, ""
        key = data.strip()
        if len(key) < SHORTEST_KEY:
            raise self._wrong(
                place, f"the key has {len(key)} bytes; give {SHORTEST_KEY} or more, made with: openssl rand -hex 32"
            )
        self._note("key", source, place)
        return key, source

    def _key_in_environment(self, name: str) -> bytes:
        value = self.environment.get(name)
        if not value:
            state = "not set" if value is None else "empty"
            raise self._wrong(
                "key.env",
                f"the environment variable {name} is {state}. Set it (openssl rand -hex 32 makes a key), "
                "or leave [key] out",
            )
        return os.fsencode(value)

    def _note(self, field: str, shown: str, place: str) -> None:
        self.origins.append((field, shown, f"{self.name}: {place}"))

    def _wrong(self, place: str, problem: str) -> PolicyError:
        where = f"{self.name}: {place}" if place else self.name
        return PolicyError(f"{where}: {problem}" + ("" if problem.endswith((".", "?")) else "."))


def _settings(document: Mapping[str, Any], wrong: Callable[[str, str], PolicyError]) -> dict[str, Any]:
    """Return what the file says as `table.key` to value, checked for names and types; arrays of tables as lists."""
    _check_version(document, wrong)
    said: dict[str, Any] = {}
    for name, value in document.items():
        if name in _TABLES:
            if not isinstance(value, dict):
                raise wrong(name, f"this must be a table: write [{name}] on a line of its own, and its keys below it")
            said |= {f"{name}.{key}": one for key, one in _table(name, name, value, _TABLES[name], wrong)}
        elif name in _ARRAYS:
            said[name] = list(_array(name, value, wrong))
        elif name != "version":
            raise wrong("", _unknown(name, None))
    return said


def _check_version(document: Mapping[str, Any], wrong: Callable[[str, str], PolicyError]) -> None:
    version = document.get("version")
    if version is None:
        raise wrong("", f"version is missing. Add a first line: version = {VERSION}")
    if type(version) is not int or version < 1:
        raise wrong("version", f"this must be a number. Write: version = {VERSION}")
    if version > VERSION:
        raise wrong(
            "version",
            f"the file has version {version}, and this release reads up to {VERSION}. "
            "Install a newer release of cassette-tools",
        )


def _array(name: str, value: object, wrong: Callable[[str, str], PolicyError]) -> Iterator[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(rule, dict) for rule in value):
        raise wrong(name, f"these must be tables: write [[{name}]] on a line of its own, and its keys below it")
    for number, rule in enumerate(value, 1):
        place = f"{name}[{number}]"
        made = dict(_table(name, place, rule, _ARRAYS[name], wrong))
        for key in _ARRAYS[name]:
            if key not in made and f"{name}.{key}" not in _OPTIONAL:
                raise wrong(place, f"{key} is missing. Add it below [[{name}]]")
        yield made


def _table(
    name: str,
    place: str,
    table: Mapping[str, Any],
    keys: Mapping[str, type],
    wrong: Callable[[str, str], PolicyError],
) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if key not in keys:
            raise wrong(place, _unknown(key, name))
        kind = keys[key]
        if not isinstance(value, kind):
            raise wrong(f"{place}.{key}", f"this must be {_TYPES[kind]}, and it is {_kind_of(value)}")
        if isinstance(value, list):
            for number, one in enumerate(value, 1):
                if not isinstance(one, str):
                    raise wrong(f"{place}.{key}", f"item {number} must be {_TYPES[str]}, and it is {_kind_of(one)}")
        yield key, value


def _rules(said: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, rule in enumerate(said.get(name, ()), 1):
        yield f"{name}[{number}]", rule


def _unknown(key: str, table: str | None) -> str:
    """Say that a key is unknown, and what may have been meant: a like one here, or the same one in another table."""
    tables = {**_TABLES, **_ARRAYS}
    here = list(tables[table]) if table is not None else list(tables)
    what = f"the key {key!r} is unknown."
    meant = _meant(key, here)
    if not meant:
        homes = [f"[[{name}]]" if name in _ARRAYS else f"[{name}]" for name in tables if key in tables[name]]
        meant = f" It belongs below {homes[0]}." if homes else f" Known are: {', '.join(here)}."
    return what + meant


def _meant(given: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(given, list(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _kind_of(value: object) -> str:
    names = {bool: "true or false", str: "a text", list: "a list", dict: "a table", int: "a number", float: "a number"}
    return names.get(type(value), "a date or a time")
