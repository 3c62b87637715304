from __future__ import annotations

import io
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from cassette_tools.convert import (
    Conversion,
    Given,
    Outcome,
    Refusal,
    convert_file,
    convert_folder,
    convert_stream,
    elements_of,
)
from cassette_tools.formats import Format, WriteOptions, format_named
from cassette_tools.input_stream import open_input
from cassette_tools.interaction import Body, Interaction, Request, Response
from recorder.errors import BadCassetteError, ConversionError, NotACassetteError, OutputError, UsageError
from tests.cassette_tools.cassettes import Cassette

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cassette_tools.head import Head
    from cassette_tools.input_stream import InputStream
    from cassette_tools.interaction import Element

JSONL = format_named("jsonl", reading=False)


# -- a format as small as can be: a method, a URL, a status and a body a line


def read(stream: InputStream) -> Iterator[Interaction]:
    for line in stream.read().splitlines():
        method, url, status, body = orjson.loads(line)
        yield Interaction(Request(method, url, []), Response(status, "", [], Body(body)))


def write(elements: Iterable[Element], _: WriteOptions) -> Iterator[bytes]:
    for one in elements:
        if isinstance(one, Interaction):
            assert one.response is not None
            body = one.response.body
            text = "" if body is None else body.text()
            yield orjson.dumps([one.request.method, one.request.url, one.response.status, text]) + b"\n"


def no(_: Head) -> int:
    return 0


LOST = frozenset(
    {
        "no-response",
        "error",
        "started-at",
        "timings",
        "client",
        "process",
        "connection",
        "memory",
        "redaction",
        "http-version",
        "reason",
        "framing",
        "wire-size",
        "coding",
        "empty-bodies",
        "request-headers",
    }
)
# All of the headers of responses are lost, too, and not declared.
SMALL = Format("small", "Small", "small", (".small",), no, read=read, write=write, cannot_hold=LOST)


def convert(target: Path, *inputs: Path, to: Format = JSONL, force: bool = False, **asked: Any) -> Outcome:
    return convert_file([str(path) for path in inputs], target, Conversion(to, **asked), force=force)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return Cassette().process().get(headers=[]).get(headers=[], body=b"two").end().write(tmp_path / "it.jsonl")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- counting


def test_what_is_lost_is_counted_and_where_first(source: Path, tmp_path: Path) -> None:
    outcome = convert(tmp_path / "new.small", source, to=SMALL)
    assert (outcome.written, outcome.published, outcome.verified, outcome.loses) == (2, True, False, True)
    assert outcome.size == (tmp_path / "new.small").stat().st_size
    assert outcome.losses.counts["timings"] == 2
    assert outcome.losses.envelopes == 3
    assert [(one.name, one.format.name, one.read) for one in outcome.sources] == [(str(source), "jsonl", 2)]
    assert (tmp_path / "new.small").read_bytes().splitlines()[
        1
    ] == b'["GET","https://localhost:8443/ads?limit=5",200,"two"]'


def test_an_interaction_that_cannot_be_written_is_left_out_and_counted(tmp_path: Path) -> None:
    path = Cassette().get(headers=[]).get(status=None).get(headers=[]).write(tmp_path / "it.jsonl")
    outcome = convert(tmp_path / "new.small", path, to=SMALL, verify=True)
    assert (outcome.written, outcome.losses.left_out) == (2, 1)
    assert outcome.losses.first["no-response"] == 2
    assert outcome.verified


def test_a_filter_passes_over_and_says_how_many(source: Path, tmp_path: Path) -> None:
    given = Given(wanted=lambda _, number: number == 2)
    outcome = convert(tmp_path / "new.jsonl", source, given=given, verify=True)
    assert (outcome.written, outcome.passed_over, outcome.verified) == (1, 1, True)
    with open_input(str(tmp_path / "new.jsonl")) as stream:
        (one,) = [one for one in elements_of(stream, Given())[1] if isinstance(one, Interaction)]
    assert one.process is not None
    assert one.process["seq"] == 2


def test_numbers_of_a_filter_begin_anew_with_each_input(source: Path, tmp_path: Path) -> None:
    seen: list[int] = []

    def wanted(_: Interaction, number: int) -> bool:
        seen.append(number)
        return True

    outcome = convert(tmp_path / "new.small", source, source, to=SMALL, given=Given(wanted=wanted))
    assert seen == [1, 2, 1, 2]
    assert outcome.written == 4


def test_remarks_of_the_reader_come_with_their_source(tmp_path: Path) -> None:
    path = tmp_path / "it.jsonl"
    path.write_bytes(Cassette().get().data() + b'{"type":"inter')
    outcome = convert(tmp_path / "new.jsonl", path)
    assert [one.text for one in outcome.sources[0].remarks] == ["14 damaged bytes were left out: the record is torn."]


def test_progress_counts_over_all_inputs(source: Path, tmp_path: Path) -> None:
    told: list[int] = []
    convert_file([str(source)] * 3, tmp_path / "new.jsonl", Conversion(JSONL), on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 3 * source.stat().st_size


def test_a_format_that_was_named_is_not_looked_for(source: Path, tmp_path: Path) -> None:
    given = Given(format="har")
    with pytest.raises(BadCassetteError):
        convert(tmp_path / "new.jsonl", source, given=given)
    with pytest.raises(UsageError, match="'curl' is no format that can be read"):
        convert(tmp_path / "new.jsonl", source, given=Given(format="curl"))


# -- strict


def test_strict_refuses_after_all_is_counted_and_writes_nothing(source: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        convert(tmp_path / "new.small", source, to=SMALL, strict=True)
    assert caught.value.outcome.losses.counts["timings"] == 2
    assert not caught.value.outcome.published
    assert names(tmp_path) == ["it.jsonl"]


def test_strict_writes_where_nothing_is_lost(source: Path, tmp_path: Path) -> None:
    assert convert(tmp_path / "new.jsonl", source, strict=True).published
    assert (tmp_path / "new.jsonl").read_bytes() == source.read_bytes()


def test_strict_refuses_what_only_the_cassette_says_of_itself(tmp_path: Path) -> None:
    path = Cassette().write(tmp_path / "it.jsonl")
    with pytest.raises(Refusal):
        convert(tmp_path / "new.small", path, to=SMALL, strict=True)


# -- verify


def test_verify_catches_what_a_format_loses_undeclared(tmp_path: Path) -> None:
    path = Cassette().get(headers=[("Server", "hunter2")]).write(tmp_path / "it.jsonl")
    with pytest.raises(ConversionError, match=r"interaction 1 does not read back .*: response\.headers\.") as caught:
        convert(tmp_path / "new.small", path, to=SMALL, verify=True)
    assert "hunter2" not in str(caught.value)
    assert names(tmp_path) == ["it.jsonl"]


def dropping(elements: Iterable[Element], options: WriteOptions) -> Iterator[bytes]:
    yield from list(write(elements, options))[:-1]


def doubling(elements: Iterable[Element], options: WriteOptions) -> Iterator[bytes]:
    for line in write(elements, options):
        yield line * 2


def other_bodies(elements: Iterable[Element], options: WriteOptions) -> Iterator[bytes]:
    for line in write(elements, options):
        yield line.replace(b"two", b"TWO")


def unreadable(stream: InputStream) -> Iterator[Interaction]:
    yield from read(stream)
    raise BadCassetteError(f"{stream.name}, line 9: it is broken.")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (replace(SMALL, write=dropping), "interaction 2 does not read back as it was: it is missing on one side"),
        (replace(SMALL, write=doubling), "interaction 2 does not read back"),
        (replace(SMALL, write=other_bodies), r"interaction 2 does not read back .*: response\.body\."),
        (replace(SMALL, read=unreadable), "What was written does not read back: .*line 9: it is broken"),
        (replace(SMALL, cannot_hold=LOST - {"timings"}), "interaction 1 .*: timings_ms"),
    ],
)
def test_verify_catches_a_format_that_is_wrong(wrong: Format, said: str, source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=said):
        convert(tmp_path / "new.small", source, to=wrong, verify=True)
    assert names(tmp_path) == ["it.jsonl"]
    assert convert(tmp_path / "new.small", source, to=SMALL, verify=True).verified


def test_verify_reads_packed_outputs_and_long_binary_bodies(tmp_path: Path) -> None:
    path = Cassette().get(body=bytes(range(256)) * 8000, pieces=3).get().write(tmp_path / "it.jsonl")
    for packing in (None, "gzip", "zstd"):
        for name in ("jsonl", "vcrpy-yaml", "har"):
            target = tmp_path / f"new-{packing}-{name}"
            assert convert(target, path, to=format_named(name, reading=False), packing=packing, verify=True).verified


def test_verify_needs_a_format_that_is_read_and_inputs_that_come_twice(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is only written"):
        convert(tmp_path / "new.sh", source, to=format_named("curl", reading=False), verify=True)
    assert names(tmp_path) == ["it.jsonl"]


# -- streams


def test_to_a_stream_it_goes_as_it_comes(source: Path) -> None:
    out = io.BytesIO()
    outcome = convert_stream([str(source)], out, Conversion(JSONL))
    assert out.getvalue() == source.read_bytes()
    assert (outcome.name, outcome.size) == ("<stdout>", len(out.getvalue()))


def test_with_strict_nothing_reaches_the_stream_before_all_is_known(source: Path) -> None:
    out = io.BytesIO()
    with pytest.raises(Refusal):
        convert_stream([str(source)], out, Conversion(SMALL, strict=True))
    assert out.getvalue() == b""
    with pytest.raises(ConversionError):
        convert_stream([str(source)], out, Conversion(replace(SMALL, write=dropping), verify=True))
    assert out.getvalue() == b""
    assert convert_stream([str(source)], out, Conversion(SMALL, verify=True)).verified
    assert out.getvalue().count(b"\n") == 2


# -- where it goes


def test_a_target_that_exists_is_replaced_only_with_force(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "new.jsonl"
    target.write_bytes(b"precious")
    target.chmod(0o640)
    with pytest.raises(UsageError, match=r"new\.jsonl exists already\. .*--force"):
        convert(target, source)
    assert target.read_bytes() == b"precious"
    convert(target, source, force=True)
    assert target.read_bytes() == source.read_bytes()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_what_is_read_is_never_replaced(source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(source)
    (tmp_path / "hard").hardlink_to(source)
    before = source.read_bytes()
    for target in (source, tmp_path / "link", tmp_path / "hard", tmp_path / "." / "it.jsonl"):
        with pytest.raises(UsageError, match="is read and written at once"):
            convert(target, source, force=True)
    other = Cassette().get().write(tmp_path / "other.jsonl")
    with pytest.raises(UsageError, match="is read and written at once"):
        convert(source, other, source, force=True)
    assert source.read_bytes() == before


def test_a_link_stays_a_link_and_what_it_names_is_written(source: Path, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    link = tmp_path / "link.jsonl"
    link.symlink_to("below/real.jsonl")
    convert(link, source)
    assert link.is_symlink()
    assert (tmp_path / "below" / "real.jsonl").read_bytes() == source.read_bytes()
    convert(link, source, force=True)
    assert link.is_symlink()


def test_the_result_has_the_permissions_that_all_inputs_grant(source: Path, tmp_path: Path) -> None:
    other = Cassette().get().write(tmp_path / "other.jsonl")
    for modes, wanted in (((0o644, 0o644), 0o644), ((0o644, 0o600), 0o600), ((0o755, 0o664), 0o644)):
        source.chmod(modes[0])
        other.chmod(modes[1])
        target = tmp_path / "new.jsonl"
        target.unlink(missing_ok=True)
        convert(target, source, other)
        assert stat.S_IMODE(target.stat().st_mode) == wanted


@pytest.mark.parametrize(
    ("target", "kind", "said"),
    [
        ("folder", UsageError, "is a folder; name a file in it"),
        ("fifo", UsageError, "is a device, a pipe or a socket"),
        ("it.jsonl/below", OutputError, "cannot be looked at|cannot be written"),
        ("loop", OutputError, "cannot be looked at"),
        ("missing/new.jsonl", OutputError, "cannot be written"),
        ("n" * 300, OutputError, "cannot be looked at"),
        ("a\0b", UsageError, "no file can have this name"),
    ],
)
def test_a_target_that_cannot_be_is_told(
    target: str, kind: type[Exception], said: str, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    for force in (False, True):
        with pytest.raises(kind, match=said):
            convert(Path(f"{tmp_path}/{target}"), source, force=force)
    with pytest.raises(UsageError, match="is a device"):
        convert(Path(os.devnull), source, force=True)
    assert names(tmp_path) == ["fifo", "folder", "it.jsonl", "loop"]


def test_a_failure_on_the_way_leaves_nothing(source: Path, tmp_path: Path) -> None:
    broken = Cassette().get().raw(b"{garbage}\n").get().write(tmp_path / "broken.jsonl")
    with pytest.raises(BadCassetteError):
        convert(tmp_path / "new.jsonl", source, broken)
    with pytest.raises(NotACassetteError):
        convert(tmp_path / "new.jsonl", source, Path(__file__))
    assert names(tmp_path) == ["broken.jsonl", "it.jsonl"]


# -- folders


def files(elements: Iterable[Element], _: WriteOptions) -> Iterator[tuple[str, bytes]]:
    for number, one in enumerate(elements):
        if isinstance(one, Interaction):
            yield f"mappings/{number}.json", b"x"
            yield f"{number}.txt", one.request.url.encode()


MANY = Format("many", "Many", "many", (), no, write_folder=files, cannot_hold=LOST)


def test_a_folder_appears_whole_with_the_permissions_of_the_input(source: Path, tmp_path: Path) -> None:
    source.chmod(0o640)
    target = tmp_path / "new"
    outcome = convert_folder([str(source)], target, Conversion(MANY))
    found = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert found == ["0.txt", "1.txt", "mappings/0.json", "mappings/1.json"]
    assert outcome.size == sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    assert stat.S_IMODE((target / "0.txt").stat().st_mode) == 0o640
    assert stat.S_IMODE((target / "mappings").stat().st_mode) == 0o750
    with pytest.raises(UsageError, match="exists already"):
        convert_folder([str(source)], target, Conversion(MANY))
    (target / "old").write_bytes(b"")
    convert_folder([str(source)], target, Conversion(MANY), force=True)
    assert not (target / "old").exists()
    assert names(tmp_path) == ["it.jsonl", "new"]


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", ".", "a/.."])
def test_no_file_leaves_its_folder(name: str, source: Path, tmp_path: Path) -> None:
    wrong = replace(MANY, write_folder=lambda elements, _: iter([(name, b"x") for _ in elements]))
    with pytest.raises(OutputError, match="A file would leave"):
        convert_folder([str(source)], tmp_path / "new", Conversion(wrong))
    assert names(tmp_path) == ["it.jsonl"]


def test_a_folder_is_not_written_where_strict_refuses_or_something_fails(source: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal):
        convert_folder([str(source)], tmp_path / "new", Conversion(MANY, strict=True))
    with pytest.raises(UsageError, match="is only written"):
        convert_folder([str(source)], tmp_path / "new", Conversion(MANY, verify=True))
    with pytest.raises(UsageError, match="is one file"):
        convert_folder([str(source)], tmp_path / "new", Conversion(JSONL))
    with pytest.raises(UsageError, match="is written as a folder"):
        convert(tmp_path / "new", source, to=MANY)
    with pytest.raises(UsageError, match="is written as a folder"):
        convert_stream([str(source)], io.BytesIO(), Conversion(MANY))
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path)
    for target in ("file", "link"):
        with pytest.raises(UsageError, match="exists already"):
            convert_folder([str(source)], tmp_path / target, Conversion(MANY), force=True)
    assert names(tmp_path) == ["file", "it.jsonl", "link"]
