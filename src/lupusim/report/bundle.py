"""A run as one archive that somebody else can rerun with one command, and get the same bits.

In it: the scenario with every file it names, the packaged models and draws it takes, the results,
the versions, the report, and what the archive holds with the hash of each file. The same run makes
the same archive, byte for byte, but for the seconds it took.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lupusim.common.frozen import dataclass
from lupusim.common.output import IfPresent, as_object, csv_text, try_file, write
from lupusim.errors import LupusimError, ScenarioError
from lupusim.planning.runs.results import RunResult
from lupusim.planning.runs.run import run
from lupusim.report.document.content import document_of
from lupusim.report.document.files import StrangersFileError
from lupusim.report.document.html import as_html
from lupusim.report.run.kept import known_result, same_amount
from lupusim.scenario import load_scenario
from lupusim.scenario.document.content import is_text, leaves
from lupusim.scenario.document.yaml_reader import parse_document
from lupusim.scenario.files.packaged import find_packaged, packaged_names
from lupusim.simulation.fingerprint import code_fingerprint, versions

SCHEMA = "lupusim/bundle/1"
_MANIFEST = "bundle.json"
_RESULT = "results/result.json"
_WHEN = (1980, 1, 1, 0, 0, 0)  # of every file, so that equal runs make equal archives
_MOST_BYTES = 500_000_000  # of all files together, unpacked
_MOST_BYTES_OF_MANIFEST = 10_000_000
_KINDS_IN_MANIFEST = {
    "scenario": str,
    "seed": int,
    "versions": dict,
    "simulation_code": str,
    "sha256": dict,
}
_LONGEST = 255  # letters of what may name a file
_MOST_DIFFERENCES = 5  # that are told
_FILES = (".yaml", ".yml", ".csv", ".json")
_README = """This archive holds one run of lupusim: its inputs, its results and a report.

To see whether it gives the same bits on your machine:

    pip install lupusim=={version}
    lupusim bundle --verify THIS.zip

To work with it: unpack it, open report.html in a browser, and run

    lupusim run {scenario} {asked} --seed {seed}

environment.txt lists the packages it was simulated with.
"""


class BundleError(LupusimError):
    """An archive cannot be made, or is not what it says."""


def contents(result: RunResult, folder: Path) -> dict[str, bytes]:
    """Return what the archive of a run holds, by name.

    Parameters
    ----------
    result : RunResult
        A whole run of a scenario file.
    folder : Path
        Where that file lies: what it names is sought from there.

    Raises
    ------
    BundleError
        If the scenario has no text, or names a file by an absolute path.
    """
    scenario = result.scenario
    if not scenario.text:
        raise BundleError("this scenario was stated in Python: only one from a file can be bundled")
    inputs = dict(_inputs(scenario.text, folder.resolve()))
    root = Path(os.path.commonpath([folder.resolve(), *(p.parent for p in inputs.values())]))
    file = _inside("inputs", (folder.resolve() / f"{scenario.name}.yaml").relative_to(root))
    found = {file: scenario.text.encode()}
    for path in inputs.values():
        found[_inside("inputs", path.relative_to(root))] = path.read_bytes()
    texts = [content.decode(errors="replace") for content in found.values()]
    found |= _packaged(texts)
    plain = result.to_json()
    found[_RESULT] = json.dumps(plain, indent=2).encode()
    found["results/summary.csv"] = csv_text(result.operating_characteristics).encode()
    found["report.html"] = as_html(document_of(result)).encode()
    found["environment.txt"] = _environment().encode()
    about = {"version": versions()["lupusim"], "scenario": file, "seed": result.seed}
    asked = result.asked or f"--replicates {result.n_replicates}"
    found["README.txt"] = _README.format(asked=asked, **about).encode()
    manifest = {
        "schema": SCHEMA,
        "scenario": file,
        "seed": result.seed,
        "versions": dict(versions()),
        "simulation_code": code_fingerprint(),
        "sha256": {name: _hash(content) for name, content in sorted(found.items())},
    }
    return {_MANIFEST: json.dumps(manifest, indent=2).encode(), **found}


def _inside(folder: str, path: Path) -> str:
    return f"{folder}/{path.as_posix()}"


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _inputs(
    text: str, folder: Path, known: frozenset[Path] = frozenset()
) -> Iterator[tuple[str, Path]]:
    """Yield the files that a file names, and those that they name; each but once in a line."""
    content = parse_document(text, "scenario.yaml", ScenarioError).content
    for words in dict.fromkeys(_texts(content)):
        if Path(words).suffix.lower() not in _FILES or "\n" in words or len(words) > _LONGEST:
            continue
        path = folder / words
        if not path.is_file() or path.resolve() in known:
            continue
        if Path(words).is_absolute():
            raise BundleError(
                f"the scenario names a file by an absolute path, {words!r}, which another machine "
                "does not have. Name it from the scenario's own folder"
            )
        yield words, path.resolve()
        if path.suffix.lower() in (".yaml", ".yml"):
            below = path.read_text(encoding="utf-8", errors="replace")
            yield from _inputs(below, path.resolve().parent, known | {path.resolve()})


def _texts(content: object) -> Iterator[str]:
    yield from filter(is_text, leaves(content))


def _packaged(texts: list[str]) -> dict[str, bytes]:
    """Return the packaged models that the inputs name, to be read; they come with lupusim."""
    words = {
        word
        for text in texts
        for word in _texts(parse_document(text, "input.yaml", ScenarioError).content)
        if "schema:" in text
    }
    found = {}
    for name in sorted(words.intersection(packaged_names("models"))):
        path = find_packaged("models", name, ScenarioError)
        found[f"models/{name}.yaml"] = path.read_bytes()
        draws = path.with_suffix(".draws.npz")
        if draws.is_file():
            found[f"models/{draws.name}"] = draws.read_bytes()
    return found


def _environment() -> str:
    known = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
    return "".join(f"{name}=={known[name]}\n" for name in sorted(known, key=str.lower))


def write_bundle(result: RunResult, folder: Path, path: Path, *, force: bool = False) -> Path:
    """Write the archive of a run.

    Parameters
    ----------
    result : RunResult
        A whole run of a scenario file.
    folder : Path
        Where that file lies.
    path : Path
        Of the archive.
    force : bool
        Whether a file of somebody else may be lost.

    Raises
    ------
    BundleError
        See :func:`contents`.
    StrangersFileError
        If a file is there that is no bundle.
    """
    check_bundle_file(path, force=force)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents(result, folder).items():
            entry = zipfile.ZipInfo(name, date_time=_WHEN)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, content)
    return write(path, target.getvalue())


def check_bundle_file(path: Path, *, force: bool = False) -> None:
    """Check, before any work, that an archive may be written there.

    Raises
    ------
    ValueError
        If it does not end in .zip.
    StrangersFileError
        If a file is there that is no bundle, and `force` does not insist.
    """
    if path.suffix.lower() != ".zip":
        raise ValueError(f"{str(path)!r} must end in .zip")
    path.parent.mkdir(parents=True, exist_ok=True)
    try_file(path, IfPresent.REPLACE)
    if path.exists() and not force:
        try:
            for _ in _unpacked(path, _manifest(path)):
                pass
        except BundleError as error:
            raise StrangersFileError(
                f"{path} is there and is no bundle as lupusim wrote it: it was left alone. Give "
                "another file, or --force to write over it"
            ) from error


def _manifest(path: Path) -> dict[str, Any]:
    """Return what a bundle says that it holds."""
    with _opened(path) as archive:
        try:
            found = as_object(json.loads(_read(path, archive, _MANIFEST, _MOST_BYTES_OF_MANIFEST)))
        except ValueError as error:
            raise BundleError(f"{path} is no bundle of lupusim's: {error}") from error
    if found is None or found.get("schema") != SCHEMA:
        raise BundleError(f"{path} is no bundle that this version reads: it needs {SCHEMA}")
    for name, kind in _KINDS_IN_MANIFEST.items():
        if type(found.get(name)) is not kind:
            raise BundleError(f"{path}: its {_MANIFEST} is damaged: {name} is {found.get(name)!r}")
    return found


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive; what is wrong with it is told in words."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BundleError(f"{path} is no bundle of lupusim's: {error}") from error


def _read(path: Path, archive: zipfile.ZipFile, name: str, most_bytes: int) -> bytes:
    """Return a file of an archive, whatever size its head claims."""
    if name not in archive.namelist():
        raise BundleError(f"{path} is no whole bundle: {name} is missing")
    with archive.open(name) as stream:
        content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise BundleError(f"{path} would unpack to more than {most_bytes:,} bytes: refused")
    return content


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What came of running an archive again."""

    n_numbers: int  # how many numbers were compared, bit for bit
    differences: tuple[str, ...]  # in words: which numbers differ; none if all are the same
    surroundings: tuple[str, ...]  # which versions or code are not those of the archive


def verify(path: Path, *, n_jobs: int = 1) -> Verified:
    """Run an archive again and compare every number with the one it holds.

    Parameters
    ----------
    path : Path
        Of the archive.
    n_jobs : int
        Processes; -1 for one per core.

    Raises
    ------
    BundleError
        If it is no bundle, or a file in it is not what its hash says.
    """
    manifest = _manifest(path)
    with TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve()
        _unpack(path, manifest, folder)
        kept = known_result(folder / _RESULT)
        scenario = folder / manifest["scenario"]
        _refuse_strangers_files(path, scenario, folder)
        loaded = load_scenario(scenario)
        n_replicates, options = same_amount(kept)
        again = run(loaded, n_replicates, seed=manifest["seed"], n_jobs=n_jobs, options=options)
    before, now = kept["points"], json.loads(json.dumps(again.to_json()))["points"]
    different = tuple(_differences(before, now))
    return Verified(
        n_numbers=sum(len(point) for point in now),
        differences=different,
        surroundings=tuple(_surroundings(manifest)),
    )


def _unpack(path: Path, manifest: Mapping[str, Any], folder: Path) -> None:
    """Unpack the files that the manifest names, if they are what it says."""
    for name, content in _unpacked(path, manifest):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    if not {manifest["scenario"], _RESULT} <= manifest["sha256"].keys():
        raise BundleError(f"{path} is no whole bundle: it lacks a scenario or a result")


def _unpacked(path: Path, manifest: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a bundle; raise BundleError where one is not what it should be."""
    left = _MOST_BYTES
    with _opened(path) as archive:
        strangers = {*archive.namelist()} - {_MANIFEST, *manifest["sha256"]}
        if strangers:
            raise BundleError(f"{path} holds what is no part of a bundle: {min(strangers)!r}")
        for name, wanted in manifest["sha256"].items():
            if not (name and _is_inside(name)):
                raise BundleError(f"{path} names a file outside of itself, {name!r}: refused")
            content = _read(path, archive, name, left)
            if _hash(content) != wanted:
                raise BundleError(f"{path}: {name} was changed: its hash differs")
            left -= len(content)
            yield name, content


def _is_inside(name: str) -> bool:
    """Return whether a name stays below the folder that it is put in."""
    parts = name.split("/")
    return not ("\\" in name or ":" in name or "\0" in name or {"", ".", ".."} & {*parts})


def _refuse_strangers_files(path: Path, scenario: Path, folder: Path) -> None:
    """Raise BundleError where a scenario of a bundle names files of this machine."""
    text = scenario.read_text(encoding="utf-8", errors="replace")
    for words, file in _inputs(text, scenario.parent):
        if not file.is_relative_to(folder):
            raise BundleError(f"{path}: its scenario names a file outside of it, {words!r}")


def _differences(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> Iterator[str]:
    """Yield in words which numbers differ, the first few and how many more."""
    if len(before) != len(now):
        yield f"{len(before)} designs before, {len(now)} now"
        return
    found = [
        f"{old['design_point'] or 'design'}: {name} was {old.get(name)}, is {new.get(name)}"
        for old, new in zip(before, now, strict=True)
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]
    yield from found[:_MOST_DIFFERENCES]
    if len(found) > _MOST_DIFFERENCES:
        yield f"and {len(found) - _MOST_DIFFERENCES} more"


def _surroundings(manifest: Mapping[str, Any]) -> Iterator[str]:
    here = dict(versions())
    for name, then in manifest["versions"].items():
        if here.get(name) != then:
            yield f"{name} was {then}, is {here.get(name)}"
    if manifest["simulation_code"] != code_fingerprint():
        yield "the simulation code is another"
