"""Rows of the table for arms selected, a population enriched, a gate."""

from __future__ import annotations

from collections.abc import Iterator

from lupusim.planning.runs.results import PointResult
from lupusim.report.numbers import rounded, share
from lupusim.trial.adaptation.two_stage import Enrichment, Gate, SelectArms

_OF_ARM = {
    "patients": "patients randomized",
    "picked": "best at the interim look",
    "kept": "goes on",
    "reject": "proven",
}
_OF_POPULATION = {
    "goes_on_full": "everybody goes on (not {} alone)",
    "goes_on_subgroup": "{} alone go on",
    "reject_full": "proven for everybody",
    "reject_subgroup": "proven for {}",
}
_AT_A_GATE = {
    "gate_stopped": "stopped by the gate",
    "false_stop": "... and would have succeeded",
}


def staged_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield what an interim look decided; nothing where it decides nothing of the kind."""
    rule, tally = point.trial.adaptation, point.tally
    if isinstance(rule, SelectArms):
        yield from _selection_rows(point)
    if isinstance(rule, Enrichment):
        for name, words in _OF_POPULATION.items():
            yield words.format(rule.level), share(tally.mean(name))
        yield f"patients, {rule.level}", rounded(tally.mean("patients_subgroup"))
        yield f"turned away for not being {rule.level}", rounded(tally.mean("turned_away"))
    if isinstance(rule, SelectArms | Enrichment) and tally.mean("nobody_in_stage_2").value > 0:
        words = "nobody came after the decision (then nothing can be claimed)"
        yield words, share(tally.mean("nobody_in_stage_2"))
    if isinstance(rule, Gate):
        for name, words in _AT_A_GATE.items():
            yield f"{words} ({rule.early.endpoint})", share(tally.mean(name))
        if point.null_tally is not None:
            yield "stopped by the gate, no effect", share(point.null_tally.mean("gate_stopped"))


def _selection_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    tally = point.tally
    for quantity, words in _OF_ARM.items():
        for arm in point.trial.arms:
            if (name := f"{quantity}_{arm.name}") in tally.sums:
                show = rounded if quantity == "patients" else share
                yield f"{words}, {arm.name}", show(tally.mean(name))
    if "false_rejection" in tally.sums:
        words = "claims for an arm that fares as the control"
        yield words, share(tally.mean("false_rejection"))
