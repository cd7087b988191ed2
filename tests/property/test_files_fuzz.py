"""Whatever stands in a file, reading it gives an object or one of our refusals, never more.

Packaged files are changed at random, by lines, by words and by bytes. LUPUSIM_FUZZ_SECONDS
lengthens the long test (600 for ten minutes), LUPUSIM_FUZZ_FROM gives it other examples; what once
failed stays here, as the number of its examples (KEPT), and is tried again by the quick test.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from lupusim.errors import InputError, LupusimError
from lupusim.planning.execution.ledger import Ledger
from lupusim.planning.runs.run import RunOptions, run
from lupusim.planning.runs.series import series_of
from lupusim.scenario import load_model, load_scenario
from lupusim.scenario.files.draws import load_model_draws
from lupusim.scenario.files.evidence import load_study
from tolerance import SEED

# What fails may be long: it is to be seen even so.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")

DATA = Path(__file__).parents[2] / "src/lupusim/data"
QUICK, MANY = 4, 20  # examples of one number
SECONDS = float(os.environ.get("LUPUSIM_FUZZ_SECONDS", "40"))
FIRST = int(os.environ.get("LUPUSIM_FUZZ_FROM", "0"))
ODD_WORDS = (
    "", "0", "-1", "1e300", "1e-300", ".nan", ".inf", "10 %", "yes", "null", "~", "[]", "{}",
    "[x, x]", "{x: 1}", "3 months", "1e9 years", "2020-01-01", "!!python/none", "&a [*a]", "- -",
    "'", '"', "\t", "x: y: z", "🜚", "1_000", "0x1f", "1:30", "a -> b", "<<: x",
)  # fmt: skip


@st.composite
def changed_text(draw: st.DrawFn, texts: Sequence[str]) -> str:
    """Return a text with a few of its lines left out, repeated, moved in or out, or altered."""
    lines = draw(st.sampled_from(texts)).split("\n")
    for _ in range(draw(st.integers(1, 3))):
        k = draw(st.integers(0, len(lines) - 1))
        action = draw(st.sampled_from(["leave out", "repeat", "indent", "outdent", "word", "cut"]))
        if action == "leave out" and len(lines) > 1:
            del lines[k]
        elif action == "repeat":
            lines.insert(draw(st.integers(0, len(lines))), lines[k])
        elif action == "indent":
            lines[k] = f"  {lines[k]}"
        elif action == "outdent":
            lines[k] = lines[k].removeprefix("  ")
        elif action == "word":
            words = lines[k].split(" ")
            words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(ODD_WORDS))
            lines[k] = " ".join(words)
        else:
            lines[k] = lines[k][: draw(st.integers(0, len(lines[k])))]
    return "\n".join(lines)


@st.composite
def changed_bytes(draw: st.DrawFn, whole: bytes) -> bytes:
    """Return some bytes with a few of them overwritten, left out, or put in."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(content)))
        end = min(len(content), begin + draw(st.sampled_from([0, 1, 2, 16, 512, 10**6])))
        size = draw(st.sampled_from([end - begin, end - begin, 0, 1]))
        fill = draw(st.sampled_from([b"\x00", b"\xff", None]))
        content[begin:end] = fill * size if fill else draw(st.binary(min_size=size, max_size=size))
    return bytes(content)


def texts_of(kind: str) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted((DATA / kind).glob("*.yaml"))]


def draws() -> bytes:
    with np.load(DATA / "models/msc-durable.draws.npz") as packaged:
        target = io.BytesIO()
        few = {"parameters": packaged["parameters"], "values": packaged["values"][:3]}
        np.savez_compressed(target, **few)
    return target.getvalue()


class Kinds:
    """The kinds of files: how one is changed, and what reads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = folder / "run"
        self.scenario = load_scenario("survival_200_events")
        run(self.scenario, 20, seed=SEED, options=RunOptions(folder=self.run))
        with Ledger.reading(self.run) as ledger:
            self.whole = list(self.finished(ledger))
        self.strategies: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
            "scenario": lambda: changed_text(texts_of("scenarios")),
            "model": lambda: changed_text(texts_of("models")),
            "evidence": lambda: changed_text(texts_of("evidence")),
            "draws": lambda: changed_bytes(draws()),
            "ledger": lambda: changed_bytes((self.run / "ledger.sqlite").read_bytes()),
        }
        (folder / "drawn.yaml").write_text((DATA / "models/msc-durable.yaml").read_text())

    def finished(self, ledger: Ledger) -> Iterator[object]:
        """Yield what a ledger holds of the run that it was made by."""
        ledger.about()
        ledger.asked()
        for point in self.scenario.points:
            for series in series_of(point):
                for block, tally in ledger.finished(series.fingerprint, seed=SEED):
                    yield series.fingerprint, block, tally.sums

    def read(self, kind: str, content: Any) -> object:
        """Read a file of a kind."""
        if kind == "draws":
            (self.folder / "drawn.draws.npz").write_bytes(content)
            return load_model_draws(self.folder / "drawn.yaml")
        if kind == "ledger":
            return self._ledger(content)
        path = self.folder / f"{kind}.yaml"
        path.write_text(content, encoding="utf-8")
        read = {"scenario": load_scenario, "model": load_model, "evidence": load_study}
        return read[kind](path)

    def _ledger(self, content: bytes) -> object:
        other = self.folder / "other"
        other.mkdir(exist_ok=True)
        for left in other.iterdir():
            left.unlink(missing_ok=True)  # SQLite takes its own away when a reader is collected
        (other / "ledger.sqlite").write_bytes(content)
        with Ledger.reading(other) as ledger:
            found = list(self.finished(ledger))
        assert all(part in self.whole for part in found), "a damaged block was believed"
        return found


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Kinds:
    return Kinds(tmp_path_factory.mktemp("fuzz"))


def tried(
    kinds: Kinds, kind: str, number: int, n_examples: int, phases: Sequence[Phase] = tuple(Phase)
) -> None:
    """Read so many changed files of a kind, the same ones for the same number."""

    @seed(number)
    @settings(
        max_examples=n_examples,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    @given(kinds.strategies[kind]())
    def read_or_refused(content: Any) -> None:
        vague: list[object] = []
        try:
            kinds.read(kind, content)
        except InputError as refusal:
            vague = [problem for problem in refusal.problems if not (problem.fault and problem.fix)]
        except LupusimError as refusal:
            vague = [refusal] * (not str(refusal))
        assert not vague

    read_or_refused()


KEPT: dict[str, tuple[int, ...]] = {}
KINDS = ("scenario", "model", "evidence", "draws", "ledger")


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_file_is_read_or_refused(kinds: Kinds, kind: str) -> None:
    tried(kinds, kind, SEED, QUICK)
    for number in KEPT.get(kind, ()):
        tried(kinds, kind, number, MANY)


def test_what_is_neither_read_nor_refused_is_seen(
    kinds: Kinds, monkeypatch: pytest.MonkeyPatch
) -> None:  # negative control
    def fails(*_: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(Kinds, "read", fails)
    with pytest.raises(ZeroDivisionError):
        tried(kinds, "evidence", SEED, 1, [Phase.generate])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_changed_files_are_read_or_refused(kinds: Kinds, kind: str) -> None:
    end = time.monotonic() + SECONDS / len(KINDS)
    for number in count(FIRST):
        tried(kinds, kind, number, MANY)
        if time.monotonic() > end:
            break
