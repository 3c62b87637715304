"""What another tool makes of a file of its own format: loads it, dumps it, converts it.

Law: it runs in the environment of that tool and needs nothing beside it and the standard library. The clock of `own_s`
runs over the tool's own call alone: the text of a file is in memory before it loads, the objects are before it dumps,
and nothing is written while it runs. `task` is done once, as in a program that opens one cassette. cassetter's command
works on files, so its clock has reading and writing in it.

    python peers_convert.py vcrpy load --given cassette.yaml --out objects
    python peers_convert.py vcrpy dump --given objects --out cassette.yaml
    python peers_convert.py cassetter toml --given folder --out folder

Objects go from a load to a dump by pickle, between processes of one environment. Prints the figures as JSON: `own_s`,
how many `interactions` there were, and the `bytes` of their responses' bodies where the tool has them in hand.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import io
import json
import pickle
import re
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Foreign: TypeAlias = Any
"""What another tool's modules hold: they are not there when types are checked."""
Figures: TypeAlias = "dict[str, float]"


def main() -> None:
    """Do what the command line names, and print the figures as JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("tool", choices=sorted({tool for tool, _ in TASKS}))
    options.add_argument("task", choices=sorted({task for _, task in TASKS}))
    options.add_argument("--given", type=Path, required=True)
    options.add_argument("--out", type=Path, help="where the result goes; a load needs none")
    chosen = options.parse_args()
    figures = TASKS[chosen.tool, chosen.task](chosen.given, chosen.out)
    told = "" if chosen.tool == STANDARD else version(chosen.tool)
    print(json.dumps({"tool": chosen.tool, "version": told, **figures}))


STANDARD: Final = "json"
"""Python's own json module: it knows no cassettes, but no tool in Python that uses it can be faster."""


def clocked(call: Callable[[], Foreign]) -> tuple[Foreign, float]:
    """Give what a call returns and the seconds that it took, what lay around before it collected."""
    gc.collect()
    started = time.perf_counter()
    result = call()
    return result, time.perf_counter() - started


# vcrpy, and keboola.vcr, which loads by it.


def load_vcrpy(given: Path, out: Path | None) -> Figures:
    """Load as vcrpy does on opening a cassette: yaml.load, Request objects, bodies as bytes."""
    return load(given, out, importlib.import_module("vcr.serializers.yamlserializer"))


def load_keboola(given: Path, out: Path | None) -> Figures:
    """Load as keboola.vcr does before a replay: its serializer, and the rest by vcrpy."""
    return load(given, out, importlib.import_module("keboola.vcr.recorder").JsonIndentedSerializer())


def load(given: Path, out: Path | None, serializer: Foreign) -> Figures:
    """Load a cassette, and keep the objects in `out` for a dump."""
    serialize = importlib.import_module("vcr.serialize")
    text = given.read_text("utf-8")
    (requests, responses, *_), own = clocked(lambda: serialize.deserialize(text, serializer))
    size = sum(len(response["body"]["string"] or b"") for response in responses)
    if out:
        with out.open("wb") as file:
            pickle.dump((requests, responses), file, pickle.HIGHEST_PROTOCOL)
    return {"own_s": own, "interactions": len(requests), "bytes": size}


def dump_vcrpy(given: Path, out: Path | None) -> Figures:
    """Dump as vcrpy does on closing a cassette: bodies as text where they are, yaml.dump."""
    serialize, yaml = (importlib.import_module(name) for name in ("vcr.serialize", "vcr.serializers.yamlserializer"))
    requests, responses = objects_in(given)
    text, own = clocked(lambda: serialize.serialize({"requests": requests, "responses": responses}, yaml))
    if out:
        out.write_text(text, "utf-8")
    return {"own_s": own, "interactions": len(requests)}


def dump_keboola(given: Path, out: Path | None) -> Figures:
    """Dump as keboola.vcr does in and after a recording: a line an interaction, then the lines put together."""
    module = importlib.import_module("keboola.vcr.recorder")
    requests, responses = objects_in(given)
    target = out or given.with_suffix(".json")
    lines = target.with_suffix(".jsonl.tmp")
    recorder = module.VCRRecorder.__new__(module.VCRRecorder)  # without a component to record
    recorder.cassette_path = target

    def dump() -> None:
        with lines.open("w") as file:
            for request, response in zip(requests, responses, strict=True):
                module._write_interaction(file, request._to_dict(), response)  # noqa: SLF001 - it has no public way
        recorder._write_cassette(lines, {})  # noqa: SLF001 - it has no public way

    _, own = clocked(dump)
    lines.unlink()
    return {"own_s": own, "interactions": len(requests)}


def objects_in(path: Path) -> tuple[list[Foreign], list[Foreign]]:
    """Take the objects that a load kept."""
    with path.open("rb") as file:
        requests, responses = pickle.load(file)
    return requests, responses


# cassetter, by its command.


def cassetter(given: Path, out: Path | None, kind: str) -> Figures:
    """Convert a folder of files, without cassetter's redaction."""
    if out is None:
        raise SystemExit("cassetter needs --out: a folder")
    command = importlib.import_module("cassetter.cli")
    output, errors = io.StringIO(), io.StringIO()

    def convert() -> None:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            command.main(["convert", str(given), str(out), "--to", kind, "--no-scrub", "--force"])

    try:
        _, own = clocked(convert)
    except SystemExit:
        raise SystemExit(f"cassetter: {errors.getvalue().strip()[:200]}") from None
    found = [int(count) for count in re.findall(r"\((\d+) interaction", output.getvalue())]
    return {"own_s": own, "interactions": sum(found)}


# Python's json, on HAR.


def load_json(given: Path, out: Path | None) -> Figures:
    """Load a HAR, and look at nothing in it."""
    del out
    text = given.read_text("utf-8")
    document, own = clocked(lambda: json.loads(text))
    return {"own_s": own, "interactions": len(document["log"]["entries"])}


def dump_json(given: Path, out: Path | None) -> Figures:
    """Dump what a HAR holds."""
    document = json.loads(given.read_text("utf-8"))
    text, own = clocked(lambda: json.dumps(document))
    if out:
        out.write_text(text, "utf-8")
    return {"own_s": own, "interactions": len(document["log"]["entries"])}


TASKS: Final[dict[tuple[str, str], Callable[[Path, Path | None], Figures]]] = {
    ("vcrpy", "load"): load_vcrpy,
    ("vcrpy", "dump"): dump_vcrpy,
    ("keboola.vcr", "load"): load_keboola,
    ("keboola.vcr", "dump"): dump_keboola,
    ("cassetter", "yaml"): lambda given, out: cassetter(given, out, "yaml"),
    ("cassetter", "toml"): lambda given, out: cassetter(given, out, "toml"),
    (STANDARD, "load"): load_json,
    (STANDARD, "dump"): dump_json,
}

if __name__ == "__main__":
    main()
