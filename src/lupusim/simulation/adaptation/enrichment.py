"""Trials that choose at an interim look whether a subgroup alone is enrolled further."""

from __future__ import annotations

import numpy as np

from lupusim.analysis.group_sequential import conditional_power
from lupusim.analysis.multiplicity.combination_tests import (
    FullAndSubgroup,
    closed_at_once,
    closed_rejections,
)
from lupusim.arrays import BoolArray, FloatArray
from lupusim.simulation.adaptation.benefit import judged_benefit
from lupusim.simulation.adaptation.stages import (
    Interim,
    Seen,
    Stages,
    longer,
    two_looks,
    weights_of,
)
from lupusim.simulation.generation.generation import Block, Generated
from lupusim.simulation.generation.patients import draw_patients
from lupusim.trial import Trial
from lupusim.trial.adaptation.two_stage import ByDifference, Enrichment, Measure

_FOR_A_SHARE = 20_000


def longer_enrichment(trial: Trial, block: Block) -> Trial:
    """Return a trial of as many patients as may be needed if the subgroup alone goes on."""
    rule = trial.adaptation
    assert isinstance(rule, Enrichment)
    return longer(trial, share=_share(trial, rule, block))


def enrich(trial: Trial, generated: Generated) -> tuple[Stages, dict[str, FloatArray]]:
    """Return the stages of trials that enrich among these patients, and all quantities.

    `reject` is whether any hypothesis is rejected, `reject_full` and `reject_subgroup` which;
    `goes_on_full` and `goes_on_subgroup` what is chosen (else it stops); naive estimates of
    both populations, `estimate` being that of the full one, or of the subgroup where it goes
    on alone; `patients_subgroup`; `turned_away` for not being of the subgroup; `n_enrolled`
    and the `look_K_...` of a sequential trial.

    Parameters
    ----------
    trial : Trial
        With an `Enrichment` rule.
    generated : Generated
        The patients of :func:`longer_enrichment`.
    """
    rule, analysis = trial.adaptation, trial.analysis
    assert isinstance(rule, Enrichment)
    assert analysis is not None
    interim = Interim.of(trial, generated)
    inside = _inside(trial, rule, generated)
    early = _early(trial, rule, generated, interim)
    full, alone = (
        chosen & ~early.any(axis=1) for chosen in _chosen(trial, rule, generated, interim)
    )
    stages = _stages(
        trial,
        generated,
        interim,
        everybody=full,
        subgroup=inside & alone[:, None],
        goes_on=full | alone,
    )
    first, second = stages.p_values(trial, {"full": stages.enrolled, "subgroup": inside})
    share = _shares(trial, stages, inside)
    reject = early | closed_rejections(
        first,
        second,
        np.column_stack([full, full | alone]),
        alpha=analysis.alpha - rule.early_alpha,
        weights=weights_of(trial),
        intersections=FullAndSubgroup(method=rule.intersections, share=share),
    )
    found = stages.described(trial) | _estimates(trial, stages, inside, full)
    found |= {
        "reject": reject.any(axis=1).astype(float),
        "reject_full": reject[:, 0].astype(float),
        "reject_subgroup": reject[:, 1].astype(float),
        "goes_on_full": full.astype(float),
        "goes_on_subgroup": alone.astype(float),
        "turned_away": _turned_away(stages, inside, alone, interim),
    }
    fraction = interim.n_first / float(trial.n_patients)
    return stages, found | two_looks(interim, stages, planned=fraction, early=early, reject=reject)


def _share(trial: Trial, rule: Enrichment, block: Block) -> float:
    """Return the subgroup's share of those who come: as given, or as many drawn ones have it."""
    levels = trial.population.factors.get(rule.factor)
    if levels is not None:
        return levels[rule.level]
    models = tuple(arm.model for arm in trial.arms)
    drawn = draw_patients(
        trial.population,
        models,
        (1, _FOR_A_SHARE),
        streams=lambda purpose: block.stream(f"share of the subgroup, {purpose}"),
    )
    number = trial.population.level_names[rule.factor].index(rule.level)
    return max(float((drawn.levels[rule.factor] == number).mean()), 1 / _FOR_A_SHARE)


def _inside(trial: Trial, rule: Enrichment, generated: Generated) -> BoolArray:
    number = trial.population.level_names[rule.factor].index(rule.level)
    inside: BoolArray = generated.levels[rule.factor] == number
    return inside


def _chosen(
    trial: Trial, rule: Enrichment, generated: Generated, interim: Interim
) -> tuple[BoolArray, BoolArray]:
    """Return where everybody is enrolled further, and where the subgroup alone is."""
    seen = Seen.at(trial, generated, interim.time, interim.first)
    z_full, z_subgroup = (
        judged_benefit(seen.verdict(whom), seen.compared(whom), trial.primary.better)[0]
        for whom in (interim.first, _inside(trial, rule, generated))
    )
    return decided(trial, rule, z_full, z_subgroup)


def decided(
    trial: Trial, rule: Enrichment, z_full: FloatArray, z_subgroup: FloatArray
) -> tuple[BoolArray, BoolArray]:
    """Return where everybody is enrolled further, and where the subgroup alone is."""
    choice = rule.choice
    if isinstance(choice, ByDifference):
        with np.errstate(invalid="ignore"):
            alone = z_subgroup - z_full >= choice.difference
        least = -np.inf if choice.at_least is None else choice.at_least
        goes_on = (np.maximum(z_full, z_subgroup) >= least) & np.isfinite(z_full)
        return goes_on & ~alone, goes_on & alone
    full, subgroup = (_measured(trial, choice.measure, z) for z in (z_full, z_subgroup))
    everybody = full >= choice.everybody
    return everybody, ~everybody & (subgroup >= choice.subgroup)


def _measured(trial: Trial, measure: Measure, z: FloatArray) -> FloatArray:
    if measure is Measure.Z:
        return z
    from scipy.special import ndtri

    assert isinstance(trial.adaptation, Enrichment)
    assert trial.analysis is not None
    bound = -float(ndtri(trial.analysis.alpha - trial.adaptation.early_alpha))
    return conditional_power(z, weights_of(trial)[0], bound=bound)


def _early(trial: Trial, rule: Enrichment, generated: Generated, interim: Interim) -> BoolArray:
    """Return which hypotheses are proven at the interim look, (n_replicates, 2)."""
    if rule.early_alpha == 0:
        return np.zeros((len(interim.time), 2), dtype=bool)
    inside = _inside(trial, rule, generated)
    seen = Seen.at(trial, generated, interim.time, interim.first)
    share = seen.compared(inside).information / np.maximum(seen.outcome.information, 1.0)
    return closed_at_once(
        interim.p_values(trial, generated, {"full": interim.first, "subgroup": inside}),
        alpha=rule.early_alpha,
        intersections=FullAndSubgroup(method=rule.intersections, share=share[:, None]),
    )


def _stages(
    trial: Trial,
    generated: Generated,
    interim: Interim,
    *,
    everybody: BoolArray,
    subgroup: BoolArray,
    goes_on: BoolArray,
) -> Stages:
    eligible = (everybody[:, None] | subgroup) & ~interim.first
    most = trial.n_patients - interim.n_first
    second = eligible & (np.cumsum(eligible, axis=1) <= most[:, None])
    return Stages.of(trial, generated, interim, second=second, goes_on=goes_on)


def _shares(trial: Trial, stages: Stages, inside: BoolArray) -> FloatArray:
    """Return the subgroup's share of the information of each stage, (n_replicates, 2)."""
    shares = []
    for member, cutoff in zip(stages.members, stages.cutoffs, strict=True):
        seen = Seen.at(trial, stages.generated, cutoff, member)
        of_all = np.maximum(seen.outcome.information, 1.0)
        shares.append(seen.compared(inside).information / of_all)
    return np.stack(shares, axis=1)


def _estimates(
    trial: Trial, stages: Stages, inside: BoolArray, full: BoolArray
) -> dict[str, FloatArray]:
    seen = stages.everybody(trial)
    of_full, of_subgroup = seen.verdict(seen.member), seen.verdict(inside)
    estimates = [of_full.known_estimate, of_subgroup.known_estimate]
    alone = stages.goes_on & ~full
    undefined = np.where(alone, of_subgroup.undefined, of_full.undefined)
    return {
        "estimate_full": np.where(alone, np.nan, estimates[0]),
        "estimate_subgroup": estimates[1],
        "estimate": np.where(alone, estimates[1], estimates[0]),
        "undefined": undefined.astype(float),
        "patients_subgroup": (seen.member & inside).sum(axis=1).astype(float),
    }


def _turned_away(
    stages: Stages, inside: BoolArray, alone: BoolArray, interim: Interim
) -> FloatArray:
    """Return how many came while the subgroup alone was enrolled, and were not of it."""
    n_columns = inside.shape[1]
    last = n_columns - np.argmax(stages.members[1][:, ::-1], axis=1)
    before_last = np.arange(n_columns) < last[:, None]
    away: BoolArray = before_last & ~inside & ~interim.first & alone[:, None]
    return np.asarray(away.sum(axis=1), dtype=float)
