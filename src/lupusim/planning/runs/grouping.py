"""Design points that share their patients: simulated in one go, and compared in pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from lupusim.common.frozen import dataclass
from lupusim.planning.controls.building import ControlKey, Results, know_controls, known_control
from lupusim.planning.execution.tasks import Task
from lupusim.planning.execution.workers import one_by_one
from lupusim.planning.runs.series import Difference, Series
from lupusim.simulation.controls import Control
from lupusim.simulation.fingerprint import content_hash
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.scoring import Pair, generation_hash
from lupusim.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Versus:
    """The differences between a design point and the first that shares its patients."""

    first: int  # position of the other design point
    series: tuple[Difference, ...]  # of the trial and, where something is tested, of its null twin


def versus_first(points: Sequence[tuple[Series, ...]]) -> list[Versus | None]:
    """Return for each design point what it is compared with; None where it is the first.

    Parameters
    ----------
    points : sequence of tuple of Series
        The trial of each design point and its null twin.
    """
    return list(_versus_first(points))


def _versus_first(points: Sequence[tuple[Series, ...]]) -> Iterator[Versus | None]:
    firsts: dict[str, int] = {}
    for number, point in enumerate(points):
        # null twins may follow other laws where a single arm has other references
        trial = point[0].trial
        reference = None if trial.analysis is None else trial.analysis.null_law
        key = f"{generation_hash(trial)} {content_hash(reference)}"
        first = firsts.setdefault(key, number)
        if first == number:
            yield None
            continue
        # a trial that tests nothing has no null twin
        pairs = zip(point, points[first], strict=False)
        yield Versus(first=first, series=tuple(Difference.between(*pair) for pair in pairs))


def jobs_of(
    missing: Mapping[str, Sequence[Block]],
    known: Mapping[str, Sequence[Series]],
    results: Results = one_by_one,
) -> list[Task]:
    """Return what is missing as tasks, each of which generates its blocks once for all.

    Trials that share their patients are in one task where they miss the same blocks. A pair of
    which one trial is finished needs both again: patients are generated anyhow, and to judge
    them costs little.

    Parameters
    ----------
    missing : mapping of str to sequence of Block
        Blocks by fingerprint of the trial, or by key of the pair.
    known : mapping of str to sequence of Series
        What is meant by each.
    results : callable
        Returns what several functions return, as who works can do it.
    """
    needs: dict[tuple[str, Block], list[Series]] = {}
    for key, blocks in missing.items():
        series = known[key][0]
        group = _group(series) if blocks else ""
        for block in blocks:
            needs.setdefault((group, block), []).append(series)
    jobs: dict[tuple[str, ...], list[Block]] = {}
    for (group, block), wanted in needs.items():
        jobs.setdefault((group, *(one.fingerprint for one in wanted)), []).append(block)
    groups = [([known[key][0] for key in keys], blocks) for (_, *keys), blocks in jobs.items()]
    know_controls(dict(chain(*(_controlled(*group) for group in groups))), results)
    return [_job(*group) for group in groups]


def _controlled(
    wanted: Sequence[Series], blocks: Sequence[Block]
) -> Iterator[tuple[ControlKey, Trial]]:
    """Yield the trials that have control variates, and what these are known by."""
    for series in wanted:
        for name, trial in series.trials.items() if series.controlled else ():
            yield (name, blocks[0].seed, series.growth), trial


def _group(series: Series) -> str:
    """Return what names the patients of a trial, and how they are generated."""
    return f"{generation_hash(series.trial)}{' relabeled' if series.relabeled else ''}"


def _job(wanted: Sequence[Series], blocks: Sequence[Block]) -> Task:
    trials: dict[str, Trial] = {}
    controls: dict[str, Control] = {}
    pairs: list[Pair] = []
    for series in wanted:
        trials |= series.trials
        pairs += series.pairs
    for key, trial in _controlled(wanted, blocks):
        if (control := known_control(key, trial)) is not None:
            controls[key[0]] = control
    (fingerprint, one), *others = trials.items()
    return Task(
        fingerprint=fingerprint,
        trial=one,
        blocks=tuple(blocks),
        others=dict(others),
        pairs=tuple(pairs),
        controls=controls,
        relabeled=wanted[0].relabeled,  # as all of the group are
    )
