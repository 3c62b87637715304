from __future__ import annotations

import gzip
import hashlib
from base64 import b64encode
from pathlib import Path

import orjson
import pytest

from tests.cassette_tools.cassettes import Cassette
from tests.cassette_tools.running import Run, ctools

SECRET = "hunter2-horse-battery"
KEPT = b'{"n": 1.10, "n": 1.1, "big": 12345678901234567890123}'
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
FORMATS = {
    "vcrpy-yaml": ".yaml",
    "vcrpy-json": ".json",
    "har": ".har",
    "keboola-json": ".json",
    "cassetter-yaml": ".yaml",
    "cassetter-toml": ".toml",
}


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    path = tmp_path / "secrets.txt"
    path.write_text(SECRET + "\n")
    return path


def foreign(folder: Path, name: str) -> Path:
    """Make a cassette of a format in which every second interaction has the secret: plain, escaped, and in base64."""
    made = Cassette().process()
    hidden = b64encode(f'{{"p":"{SECRET}"}}'.encode()).decode()
    for number in range(6):
        if number % 2:
            made.get(f"https://localhost/{number}", body=KEPT)
        else:
            made.get(f"https://localhost/{number}?q={SECRET}", body=f'{{"s": "{SECRET}", "h": "{hidden}"}}'.encode())
    source = made.end().write(folder / "source.jsonl")
    target = folder / f"it{FORMATS[name]}"
    done = ctools("convert", source, "-o", target, "--to", name, "--quiet")
    assert done.code == 0, done.errors
    source.unlink()
    return target


def resanitize(*arguments: str | Path, **more: str | bytes) -> Run:
    return ctools("resanitize", *arguments, **more)  # type: ignore[arg-type]


def bodies(path: Path, folder: Path) -> list[str]:
    """Give the digests of the responses' bodies, as our own reader has them."""
    target = folder / "check.jsonl"
    assert ctools("convert", path, "-o", target, "--force", "--quiet").code == 0
    lines = [orjson.loads(line) for line in target.read_bytes().splitlines()]
    return [line["response"]["body"]["sha256"] for line in lines if line["type"] == "interaction"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_foreign_cassette_is_redacted_in_its_own_format(name: str, tmp_path: Path, secrets: Path) -> None:
    source = foreign(tmp_path, name)
    before = bodies(source, tmp_path)
    source.chmod(0o640)

    done = resanitize(source, "--in-place", "--secrets-file", secrets)

    assert done.code == 0, done.errors
    assert "findings were redacted" in done.errors
    new = source.read_bytes()
    assert SECRET.encode() not in new
    assert b64encode(f'{{"p":"{SECRET}"}}'.encode()) not in new
    after = bodies(source, tmp_path)
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True] * 3
    assert len(set(after[::2])) == 1
    if name in ("vcrpy-yaml", "vcrpy-json", "har", "keboola-json"):  # cassetter stores JSON as values
        assert set(after[1::2]) == {hashlib.sha256(KEPT).hexdigest()}
    assert source.stat().st_mode & 0o777 == 0o640
    assert resanitize(source, "--check", "--secrets-file", secrets).code == 0


@pytest.mark.parametrize("name", FORMATS)
def test_where_nothing_is_found_not_one_byte_changes(name: str, tmp_path: Path, secrets: Path) -> None:
    source = foreign(tmp_path, name)
    secrets.write_text("another-value-that-is-nowhere\n")
    data = b"\n" + source.read_bytes() if name == "har" else source.read_bytes()  # not as we would write it
    source.write_bytes(data)
    mtime = source.stat().st_mtime_ns

    assert resanitize(source, "--in-place", "--secrets-file", secrets).code == 0
    assert resanitize(source, "-o", tmp_path / "copy", "--secrets-file", secrets).code == 0

    assert (source.read_bytes(), source.stat().st_mtime_ns) == (data, mtime)
    assert (tmp_path / "copy").read_bytes() == data


def test_check_finds_and_changes_nothing(tmp_path: Path, secrets: Path) -> None:
    source = foreign(tmp_path, "vcrpy-yaml")
    data = source.read_bytes()

    done = resanitize(source, "--check", "--json", "--secrets-file", secrets)

    assert done.code == 1
    assert {row["interaction"] for row in orjson.loads(done.out)["findings"]} == {1, 3, 5}
    assert source.read_bytes() == data


def test_it_goes_through_pipes_and_stays_packed(tmp_path: Path, secrets: Path) -> None:
    source = foreign(tmp_path, "vcrpy-yaml")
    packed = gzip.compress(source.read_bytes(), mtime=0)

    done = resanitize("-", "-o", "-", "--secrets-file", secrets, stdin=packed)

    assert done.code == 0, done.errors
    plain = gzip.decompress(done.out)
    assert plain.startswith(b"interactions:\n- request:\n")
    assert SECRET.encode() not in plain


def test_a_folder_holds_cassettes_of_many_tools(tmp_path: Path, secrets: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    foreign(tmp_path, "vcrpy-yaml").rename(folder / "a.yaml")
    foreign(tmp_path, "har").rename(folder / "b.har")
    (folder / "openapi.yaml").write_text("openapi: 3.1.0\ninfo:\n  title: x\n")
    (folder / "package.json").write_text('{"name": "x", "dependencies": {}}')

    done = resanitize(folder, "--in-place", "--secrets-file", secrets)

    assert done.code == 0, done.errors
    assert "in 2 of 2 cassettes" in done.errors
    assert SECRET not in (folder / "a.yaml").read_text() + (folder / "b.har").read_text()


def test_a_backup_is_kept_on_request(tmp_path: Path, secrets: Path) -> None:
    source = foreign(tmp_path, "har")
    data = source.read_bytes()

    assert resanitize(source, "--in-place", "--backup", "--secrets-file", secrets).code == 0

    assert source.with_name("it.har.bak").read_bytes() == data


def test_what_is_only_read_is_refused_with_the_way_to_go(tmp_path: Path, secrets: Path) -> None:
    source = next((FIXTURES / "betamax-json").glob("*.json"))
    data = source.read_bytes()

    done = resanitize(source, "-o", tmp_path / "new.json", "--secrets-file", secrets)

    assert done.code == 2
    assert "is read, and not written" in done.errors
    assert "ctools convert" in done.errors
    assert not (tmp_path / "new.json").exists()
    assert source.read_bytes() == data


def test_a_broken_one_is_left_alone(tmp_path: Path, secrets: Path) -> None:
    source = foreign(tmp_path, "vcrpy-json")
    data = source.read_bytes()[:-40]
    source.write_bytes(data)

    done = resanitize(source, "--in-place", "--secrets-file", secrets)

    assert done.code == 2
    assert str(source) in done.errors
    assert SECRET not in done.errors
    assert source.read_bytes() == data
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it.json", "secrets.txt"]
