"""What another tool makes of interactions: reads them, redacts them by the tool's own means, writes them.

Law: it runs in the environment of that tool and needs nothing beside it and the standard library. Each tool is used as
its documentation says, with what favours it: bodies reach it with their content coding taken off where it would do
that itself, and the clock of `sanitize_s` runs over its own work only, without reading and writing. `whole_s` is there
where the tool has a command for files. What a tool raises on an interaction is told as `error` in place of a result.

    {"number":7,"request":{…},"response":{…}} a line, in and out; see interactions.py
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from base64 import b64decode, b64encode
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Foreign: TypeAlias = Any
"""What another tool's modules hold: they are not there when types are checked."""
Interaction = dict[str, Any]
Outcome = tuple[list[Interaction], dict[str, float]]

IN_FILE: Final = 20
"""Interactions in a cassette of cassetter when speed is measured: it refuses files with too many nodes."""

SENSITIVE_HEADERS: Final = ["Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key", "Api-Key", "X-Auth-Token"]
SENSITIVE_NAMES: Final = [
    "api_key",
    "apikey",
    "token",
    "access_token",
    "refresh_token",
    "client_secret",
    "password",
]
"""vcrpy ships no list of its own: these are what its documentation's examples and cassetter's defaults name."""


def main() -> None:
    """Redact what the command line names, and print the figures as JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("tool", choices=TOOLS)
    options.add_argument("--interactions", type=Path, required=True)
    options.add_argument("--secrets", type=Path, required=True, help="a JSON list of known values")
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--apart", action="store_true", help="one file an interaction, where the tool works on files")
    chosen = options.parse_args()
    with chosen.interactions.open(encoding="utf-8") as file:
        interactions = [json.loads(line) for line in file]
    secrets = json.loads(chosen.secrets.read_text("utf-8"))
    found, figures = TOOLS[chosen.tool](interactions, secrets, chosen.apart)
    with chosen.out.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(interaction) + "\n" for interaction in found)
    name = chosen.tool.split("+", maxsplit=1)[0]
    print(json.dumps({"tool": chosen.tool, "version": version(name), **figures}))


# vcrpy, and what stands on it. Both know a request object and a dictionary for the response.


def vcrpy(interactions: list[Interaction], secrets: list[str], apart: bool) -> Outcome:
    """Redact with vcrpy's filters, and with its replacing of known values at the time of saving."""
    del apart
    vcr, filters = importlib.import_module("vcr"), importlib.import_module("vcr.filters")
    machine = vcr.VCR(
        filter_headers=[(name, "REDACTED") for name in SENSITIVE_HEADERS],
        filter_query_parameters=[(name, "REDACTED") for name in SENSITIVE_NAMES],
        filter_post_data_parameters=[(name, "REDACTED") for name in SENSITIVE_NAMES],
        filter_nested_post_data_parameters=True,
        ignore_localhost=False,
    )
    merged = machine.get_merged_config()
    hide, _ = filters.sensitive_data_hooks([("REDACTED", secret) for secret in secrets])

    def redact(request: Foreign, response: Foreign) -> tuple[Foreign, Foreign]:
        return hide(merged["before_record_request"](request), merged["before_record_response"](response))  # type: ignore[no-any-return]

    return by_vcrpy(interactions, redact)


def keboola(interactions: list[Interaction], secrets: list[str], apart: bool, *, more: bool = False) -> Outcome:
    """Redact with keboola.vcr's own choice of sanitizers; with `more`, its replacing of tokens behind them."""
    del apart
    module = importlib.import_module("keboola.vcr.sanitizers")
    chain = [module.create_default_sanitizer({"#secrets": secrets})]
    chain += [module.TokenSanitizer(tokens=secrets)] * more
    sanitizer = module.CompositeSanitizer(chain)

    def redact(request: Foreign, response: Foreign) -> tuple[Foreign, Foreign]:
        return sanitizer.before_record_request(request), sanitizer.before_record_response(response)

    return by_vcrpy(interactions, redact)


def by_vcrpy(interactions: list[Interaction], redact: Callable[[Foreign, Foreign], tuple[Foreign, Foreign]]) -> Outcome:
    """Redact one interaction after the other, in vcrpy's form."""
    prepared = [in_vcrpy_form(interaction) for interaction in interactions]
    results: list[Foreign] = []
    started = time.perf_counter()
    for request, response in prepared:
        try:
            results.append(redact(request, response))
        except Exception as error:  # noqa: BLE001 - whatever a tool raises is its answer
            results.append(error)
    figures = {"sanitize_s": time.perf_counter() - started}
    numbers = [interaction["number"] for interaction in interactions]
    return [out_of_vcrpy_form(number, result) for number, result in zip(numbers, results, strict=True)], figures


def in_vcrpy_form(interaction: Interaction) -> tuple[Foreign, Foreign]:
    """Make what vcrpy holds of an interaction: compressed answers decoded, as both tools are told to."""
    request, response = interaction["request"], interaction["response"]
    sent: dict[str, str] = {}
    for name, value in request["headers"]:
        sent[name] = f"{sent[name]}, {value}" if name in sent else value
    got: dict[str, list[str]] = {}
    for name, value in response["headers"]:
        got.setdefault(name, []).append(value)
    held = {
        "status": {"code": response["status"], "message": response["reason"]},
        "headers": got,
        "body": {"string": b64decode(response["body"] or "")},
    }
    body = None if request["body"] is None else b64decode(request["body"])
    kind = importlib.import_module("vcr.request").Request
    filters = importlib.import_module("vcr.filters")
    return kind(request["method"], request["uri"], body, sent), filters.decode_response(held)


def out_of_vcrpy_form(number: int, result: Foreign) -> Interaction:
    """Take what is left of an interaction out of vcrpy's form."""
    if isinstance(result, Exception):
        return {"number": number, "error": type(result).__name__}
    request, response = result
    got = [[name, value] for name, values in response["headers"].items() for value in values]
    return {
        "number": number,
        "request": {
            "method": request.method,
            "uri": request.uri,
            "headers": [[name, value] for name, value in request.headers.items()],
            "body": in_base64(request.body),
        },
        "response": {
            "status": response["status"]["code"],
            "reason": response["status"]["message"],
            "headers": got,
            "body": in_base64(response["body"]["string"]),
        },
    }


def in_base64(body: Foreign) -> str | None:
    """Give a body's bytes in base64."""
    if body is None:
        return None
    return b64encode(body.encode() if isinstance(body, str) else bytes(body)).decode()


# cassetter, by its command.


def cassetter(interactions: list[Interaction], secrets: list[str], apart: bool) -> Outcome:
    """Redact with `cassetter convert`. It has no way to be told a value."""
    del secrets
    core = importlib.import_module("cassetter._core")
    prepared = [in_cassetter_form(core, interaction) for interaction in interactions]
    started = time.perf_counter()
    for each in prepared:
        core.scrub_interaction(each, core.SecurityConfig())
    figures = {"sanitize_s": time.perf_counter() - started}
    with tempfile.TemporaryDirectory() as directory:
        source, target = Path(directory, "in"), Path(directory, "out")
        source.mkdir()
        size = 1 if apart else IN_FILE
        for start in range(0, len(prepared), size):
            cassette = core.Cassette()
            for each in prepared[start : start + size]:
                cassette.add_interaction(each)
            cassette.save(str(source / f"{start:08d}.yaml"))
        command = [str(Path(sys.executable).with_name("cassetter")), "convert", str(source), str(target)]
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        figures["whole_s"] = time.perf_counter() - started
        figures["failed_files"] = done.stderr.count("error:")
        found = []
        for start in range(0, len(prepared), size):
            numbers = [interaction["number"] for interaction in interactions[start : start + size]]
            found += list(out_of_cassetter_form(core, target / f"{start:08d}.yaml", numbers))
    return found, figures


def in_cassetter_form(core: Foreign, interaction: Interaction) -> Foreign:
    """Make what cassetter records of an interaction, but for its redaction."""
    messages = []
    for message in (interaction["request"], interaction["response"]):
        headers: dict[str, list[str]] = {}
        for name, value in message["headers"]:
            headers.setdefault(name, []).append(value)
        lowered = {name.lower(): values[0] for name, values in headers.items()}
        data, kind = b64decode(message["body"] or ""), lowered.get("content-type")
        try:
            body = core.process_body(data, kind, lowered.get("content-encoding"))
        except ValueError:  # a coding that it does not know: in a cassette of vcrpy the body is as on the wire
            body = core.process_body(data, kind)
        messages.append((headers, body))
    (sent, request), (got, response) = messages
    return core.HttpInteraction(
        core.HttpRequest(interaction["request"]["method"], interaction["request"]["uri"], sent, request),
        core.HttpResponse(interaction["response"]["status"], got, response),
        "2026-11-23T03:30:47Z",
    )


def out_of_cassetter_form(core: Foreign, path: Path, numbers: list[int]) -> Iterator[Interaction]:
    """Read what the command has written."""
    try:
        interactions = core.Cassette.load(str(path)).interactions
    except (OSError, ValueError) as error:
        yield from ({"number": number, "error": type(error).__name__} for number in numbers)
        return
    for number, interaction in zip(numbers, interactions, strict=True):
        request, response = interaction.request, interaction.response
        yield {
            "number": number,
            "request": {"method": request.method, "uri": request.uri, **in_pairs(request)},
            "response": {"status": response.status, "reason": "", **in_pairs(response)},
        }


def in_pairs(message: Foreign) -> Interaction:
    """Give headers and body of one message. A body that was taken apart as JSON is put together again."""
    kind, held = message.body.body_type, message.body.content
    body = json.dumps(held, ensure_ascii=False) if kind == "json" else held
    return {
        "headers": [[name, value] for name, values in message.headers.items() for value in values],
        "body": None if kind == "none" else in_base64(body),
    }


TOOLS: Final[dict[str, Callable[[list[Interaction], list[str], bool], Outcome]]] = {
    "vcrpy": vcrpy,
    "keboola.vcr": keboola,
    "keboola.vcr+tokens": lambda interactions, secrets, apart: keboola(interactions, secrets, apart, more=True),
    "cassetter": cassetter,
}

if __name__ == "__main__":
    main()
