"""Trials that choose at an interim look whether a subgroup alone is enrolled further."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from lupusim.analysis.group_sequential import conditional_power
from lupusim.analysis.multiplicity.combination_tests import (
    FullAndSubgroup,
    closed_at_once,
    closed_rejections,
)
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.spelling import nearest
from lupusim.errors import Problem
from lupusim.simulation.adaptation.base import Conducted, Followed
from lupusim.simulation.adaptation.benefit import judged_benefit
from lupusim.simulation.adaptation.enrichment_choice import ByDifference, ByThresholds, Measure
from lupusim.simulation.adaptation.stages import (
    Interim,
    Seen,
    Stages,
    longer,
    two_looks,
    weights_of,
)
from lupusim.simulation.adaptation.two_stage import Staged, staged_problems
from lupusim.simulation.generation.generation import Block, Generated
from lupusim.simulation.generation.patients import draw_patients
from lupusim.trial import Trial
from lupusim.trial.adaptation import ADAPTATIONS, Intersection, Row

_FOR_A_SHARE = 20_000


@ADAPTATIONS.register("enrichment")
@dataclass(frozen=True, slots=True, kw_only=True)
class Enrichment(Staged):
    """Choose at the interim look whether everybody or a subgroup alone is enrolled further.

    Those of the subgroup come as they did before: whoever else comes is turned away.

    Parameters
    ----------
    factor, level : str
        The subgroup: a level of a factor of the population.
    choice : ByThresholds or ByDifference
        The rule.
    intersections : Intersection
        How both hypotheses are tested at once within a stage.
    weights, first_events, early_alpha
        As of `Staged`.

    Raises
    ------
    ValueError
        If a number is out of range, or the intersection test is Dunnett's.

    References
    ----------
    Brannath, Zuber, Branson et al. (2009), *Statistics in Medicine* 28:1445.
    Spiessens and Debois (2010), *Contemporary Clinical Trials* 31:647.

    Examples
    --------
    >>> choice = ByThresholds(everybody=0.5, subgroup=1.0)
    >>> Enrichment(factor="nephritis", level="yes", choice=choice).level
    'yes'
    """

    factor: str
    level: str
    choice: ByThresholds | ByDifference
    intersections: Intersection = Intersection.SIMES

    def __post_init__(self) -> None:
        if self.intersections is Intersection.DUNNETT:
            raise ValueError("dunnett compares arms. Use spiessens_debois, simes or bonferroni")
        Staged.__post_init__(self)

    def problems(self, trial: Trial) -> Iterator[Problem]:
        """Yield what is wrong with a trial that enriches its population."""
        yield from staged_problems(trial, self)
        levels = trial.population.level_names
        if len(trial.arms) != 2:
            fault = (
                f"a population is enriched in a trial of two arms, and there are {len(trial.arms)}"
            )
            yield Problem(
                key="adaptation", fault=fault, fix="Keep one experimental arm and the control."
            )
        for k, arm in enumerate(trial.arms):
            if arm.name in ("full", "subgroup"):
                fault = f"columns that end with {arm.name!r} are those of the population"
                yield Problem(key=f"arms.{k}.name", fault=fault, fix="Call the arm otherwise.")
        if self.factor not in levels:
            fault = f"the population has no factor {self.factor!r}"
            yield Problem(key="adaptation.factor", fault=fault, fix=nearest(self.factor, levels))
            return
        if self.level not in levels[self.factor]:
            fault = f"{self.factor!r} has no level {self.level!r}"
            fix = nearest(self.level, levels[self.factor])
            yield Problem(key="adaptation.level", fault=fault, fix=fix)
            return
        share = trial.population.factors.get(self.factor, {}).get(self.level, 0.5)
        if not 0 < share < 1:
            fault = f"{self.level!r} is {'nobody' if share <= 0 else 'everybody'}"
            yield Problem(key="adaptation.level", fault=fault, fix="Name a part of the population.")
        blocks = trial.allocation is None or trial.allocation.block_size  # without a key they are
        if blocks and self.factor not in trial.stratify_by:
            fault = f"blocks that {self.factor!r} cuts through are not balanced within the subgroup"
            fix = f"Give 'allocation: {{stratify_by: [{self.factor}]}}', or its 'method: simple'."
            yield Problem(key="adaptation.factor", fault=fault, fix=fix)

    def in_words(self, trial: Trial) -> Iterator[str]:
        """Yield who is enrolled further, and what holds the error."""
        who = f"patients with {self.factor.replace('_', ' ')} {self.level.replace('_', ' ')}"
        yield f"At the interim look it is decided who is enrolled further: {self.choice.words(who)}"
        yield from self.combination_words(self.intersections.in_words)

    def followed(self, trial: Trial, block: Block) -> Trial:
        """Return a trial of as many patients as may be needed if the subgroup alone goes on."""
        return longer(trial, share=_share(trial, self, block))

    def conduct(self, trial: Trial, block: Block, patients: Followed) -> Conducted:
        """Return how trials go whose population is enriched."""
        stages, found = enrich(trial, self, patients.generated)
        return Conducted(found, stages.generated)

    def decision_words(self, trial: Trial, found: Mapping[str, FloatArray], look: int) -> str:
        """Return who goes on in one trial, or is proven, in words."""
        picks = look == 1 and not found["look_1_efficacy"][0] > 0
        what, alone = ("goes_on", f"{self.level} alone") if picks else ("reject", self.level)
        whose = {"full": "everybody", "subgroup": alone}
        return ", ".join(words for name, words in whose.items() if found[f"{what}_{name}"][0] > 0)

    def rows(self, trial: Trial) -> Iterator[Row]:
        """Yield who goes on, and for whom a benefit is proven."""
        level = self.level
        words = f"everybody goes on (not {level} alone)"
        yield Row(words=words, quantity="goes_on_full")
        yield Row(words=f"{level} alone go on", quantity="goes_on_subgroup")
        yield Row(words="proven for everybody", quantity="reject_full")
        yield Row(words=f"proven for {level}", quantity="reject_subgroup")
        yield Row(words=f"patients, {level}", quantity="patients_subgroup", is_share=False)
        words = f"turned away for not being {level}"
        yield Row(words=words, quantity="turned_away", is_share=False)
        yield self.nobody_left()


def enrich(
    trial: Trial, rule: Enrichment, generated: Generated
) -> tuple[Stages, dict[str, FloatArray]]:
    """Return the stages of trials that enrich among these patients, and all quantities.

    `reject` is whether any hypothesis is rejected, `reject_full` and `reject_subgroup` which;
    `goes_on_full` and `goes_on_subgroup` what is chosen (else it stops); naive estimates of
    both populations, `estimate` being that of the full one, or of the subgroup where it goes
    on alone; `patients_subgroup`; `turned_away` for not being of the subgroup; `n_enrolled`
    and the `look_K_...` of a sequential trial.
    """
    analysis = trial.analysis
    assert analysis is not None
    interim = Interim.of(trial, generated)
    inside = _inside(trial, rule, generated)
    early = _early(trial, rule, generated, interim)
    full, alone = (
        chosen & ~early.any(axis=1) for chosen in _chosen(trial, rule, generated, interim)
    )
    stages = _stages(trial, rule, generated, interim, chosen=(full, alone), inside=inside)
    first, second = stages.p_values(trial, {"full": stages.enrolled, "subgroup": inside})
    share = _shares(trial, stages, inside)
    reject = early | closed_rejections(
        first,
        second,
        np.column_stack([full, full | alone]),
        alpha=analysis.alpha - rule.early_alpha,
        weights=weights_of(trial, rule),
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
    full, subgroup = (_measured(trial, rule, choice.measure, z) for z in (z_full, z_subgroup))
    everybody = full >= choice.everybody
    return everybody, ~everybody & (subgroup >= choice.subgroup)


def _measured(trial: Trial, rule: Enrichment, measure: Measure, z: FloatArray) -> FloatArray:
    if measure is Measure.Z:
        return z
    from scipy.special import ndtri

    assert trial.analysis is not None
    bound = -float(ndtri(trial.analysis.alpha - rule.early_alpha))
    return conditional_power(z, weights_of(trial, rule)[0], bound=bound)


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
    rule: Enrichment,
    generated: Generated,
    interim: Interim,
    *,
    chosen: tuple[BoolArray, BoolArray],
    inside: BoolArray,
) -> Stages:
    full, alone = chosen
    eligible = (full[:, None] | inside & alone[:, None]) & ~interim.first
    most = trial.n_patients - interim.n_first
    second = eligible & (np.cumsum(eligible, axis=1) <= most[:, None])
    return Stages.of(trial, rule, generated, interim, second=second, goes_on=full | alone)


def _shares(trial: Trial, stages: Stages, inside: BoolArray) -> FloatArray:
    """Return the subgroup's share of the information of each stage, (n_replicates, 2)."""
    shares = []
    for stage in range(len(stages.members)):
        seen = stages.seen(trial, stage)
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
