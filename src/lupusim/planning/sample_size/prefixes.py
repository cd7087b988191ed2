"""Several sizes out of one simulation: the first patients of a trial are a smaller trial."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeVar

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.planning.sample_size.growth import Sizing
from lupusim.simulation.generation.generation import Block, Generated, generate
from lupusim.simulation.looks.cutoffs import analyze, observed
from lupusim.simulation.tally import Tally
from lupusim.trial import Trial
from lupusim.trial.looks import Entries

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Seen = TypeVar("Seen", bound=DataclassInstance)

_KEPT_BY_PREFIX = {
    "arms",
    "n_patients",
    "enrollment",
    "cutoff",
    "primary",
    "secondary",
    "interims",
    "stopping",
    "analysis",
    "family",
    "adaptation",
    "allocation",
    "stratify_by",
    "population",
    "dropout",
    "follow_up",
    "visits",
    "visit_conduct",
    "intercurrent_events",
    "marker",
    "costs",
}


def why_not_nested(trial: Trial) -> str:
    """Return why the first patients of a trial are not a smaller trial of its kind; empty if so.

    They are one exactly, in distribution, where patients come one by one at a rate that does
    not know how many will come, are randomized in order, and fare independently of those who
    come later. Where all come within a fixed period, the first n of N uniform times are
    stretched by the next one, which makes them n uniform times (Devroye 1986, *Non-Uniform
    Random Variate Generation*, theorem V.2.2).
    """
    return next(_obstacles(trial), "")


def _obstacles(trial: Trial) -> Iterator[str]:
    if trial.interims or trial.family or trial.rule.changes or trial.stopping:
        yield "the design is not fixed"
    if trial.analysis is None:
        yield "there is no test"
    yield from (f"{name} may depend on the size" for name in _unknown_parts(trial))
    if trial.population.screening is not None:
        yield "screening decides when patients come"
    if trial.population.drift and trial.enrollment.has_fixed_period:
        yield "prognosis drifts over a period that is as long for any size"
    if trial.allocation is not None and not trial.allocation.in_order:
        yield "the allocation may depend on the size"
    if not trial.cutoff.needs_first_only():
        yield "the data cutoff may depend on patients who come later"


def _unknown_parts(trial: Trial) -> Iterator[str]:
    """Yield the parts of a trial of which nobody has said that prefixes keep them."""
    for part in fields(trial):
        if part.name not in _KEPT_BY_PREFIX and getattr(trial, part.name) != part.default:
            yield part.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefixes:
    """Judges the trials of several sizes by the first patients of the largest."""

    sizing: Sizing  # the trials to choose from; :func:`why_not_nested` of them is empty
    sizes: tuple[int, ...]  # which; the largest is the trial that is simulated

    def __call__(self, trial: Trial, block: Block) -> Tally:
        """Return how often the test of each size rejects, as ``reject 120`` and so on."""
        generated = generate(trial, block)
        return Tally.of(
            {f"reject {size}": _rejected(generated, self.sizing.at(size)) for size in self.sizes}
        )


def _rejected(generated: Generated, trial: Trial) -> FloatArray:
    """Return in which replicates the first patients show the effect, shape (n_replicates,)."""
    assert trial.analysis is not None  # why_not_nested has seen to it
    first = trial.n_patients
    enrollment_time = trial.enrollment.of_first(generated.enrollment_time, first)
    measurement = generated.measurements[0]
    event_time = measurement.event_time(generated.watched_until)[:, :first]
    enrolled = enrollment_time[:, :first]
    entries = Entries(enrolled=enrolled, event_time=event_time + enrolled)
    cutoff = trial.cutoff.calendar_time(entries)
    everybody = replace(observed(generated, cutoff), enrollment_time=enrollment_time)
    outcome = measurement.outcome(everybody).first(first)
    observation = everybody.first(first)
    verdict = analyze(trial, trial.analysis, observation, outcome, sided=trial.analysis.sided)
    return (verdict.p_value <= trial.analysis.alpha).astype(float)
