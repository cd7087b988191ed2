"""What was asked of a fit beyond the fit itself, made once and shown twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, field
from typing import Any, TypeAlias

from lupusim.calibration.checking.elasticities import Elasticity
from lupusim.calibration.checking.next_counts import FurtherNumber, NextCount
from lupusim.calibration.checking.outlook import NextStudy
from lupusim.calibration.checking.posterior_checks import (
    PriorCheck,
    TargetCheck,
    check_words,
    joint_verdict,
)
from lupusim.calibration.checking.sampler_check import sampler_words
from lupusim.calibration.checking.simulation_based import RankTest
from lupusim.calibration.estimation.comparison import ModelScore, comparison_words
from lupusim.calibration.fit import Fit, plain
from lupusim.calibration.posterior.sampler_comparison import PROBABILITIES, SecondOpinion
from lupusim.common.frozen import dataclass

Rows: TypeAlias = list[dict[str, Any]]
"""Of a table, all with the same keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers to further questions about a fit; what was not asked is empty."""

    targets: tuple[TargetCheck, ...] = ()  # posterior predictive checks
    priors: tuple[PriorCheck, ...] = ()  # prior beside posterior
    scores: tuple[ModelScore, ...] = ()  # shapes of the way into remission, best first
    elasticities: tuple[Elasticity, ...] = ()  # what predictions, and power, owe to each count
    opinion: SecondOpinion | None = None  # another sampler on the same posterior
    ranks: RankTest | None = None  # simulation-based calibration
    next_study: NextStudy | None = None  # with a random study effect
    counts: tuple[NextCount, ...] = ()  # what a study of a new size would count
    further: tuple[FurtherNumber, ...] = ()
    """Which further published number would narrow the first prediction most."""
    names: tuple[str, ...] = field(default=())

    @property
    def words(self) -> tuple[str, ...]:
        """Every answer that fits in a sentence."""
        said: list[str] = []
        if self.targets:
            said += check_words(self.targets)
        if self.scores:
            said.append(shapes_in_words(self.scores))
        if self.opinion is not None:
            said.append(self.opinion.words)
        if self.ranks is not None:
            said.append(sampler_words(self.ranks))
        if self.next_study is not None:
            said.append(self.next_study.words)
        return tuple(said)

    def summary(self) -> dict[str, Any]:
        """Return all that was asked, as plain data."""
        tables: dict[str, Callable[[], Rows]] = {
            "predictive_checks": lambda: target_table(self.targets),
            "priors": lambda: prior_table(self.priors),
            "shapes": lambda: shape_table(self.scores),
            "elasticities": lambda: elasticity_table(self.elasticities),
        }
        asked = (self.targets, self.priors, self.scores, self.elasticities)
        found = {
            name: _records(make())
            for (name, make), answer in zip(tables.items(), asked, strict=True)
            if answer
        }
        if self.counts:
            found["next_counts"] = _records(count_table(self.counts))
            found["further_numbers"] = _records(further_table(self.further))
        if self.opinion is not None:
            found["second_opinion"] = _records(opinion_table(self.opinion))
        if self.ranks is not None:
            found["ranks"] = _records(rank_table(self.ranks, self.names))
        return {**found, "answers": list(self.words)} if found or self.words else {}


def _records(rows: Rows) -> Rows:
    """Return rows with None for what is not a number, since JSON has none."""
    return [{name: plain(value) for name, value in row.items()} for row in rows]


def shapes_in_words(scores: Sequence[ModelScore]) -> str:
    """Return which shapes of the way into remission the data can tell apart."""
    predicted = min(scores, key=lambda score: score.prediction)
    left_out = (
        f" Studies left out are predicted best by {predicted.name}."
        if predicted.left_out
        else " There is no second study that could be left out and predicted."
    )
    return "Shapes: " + " ".join(comparison_words(scores)) + left_out


def target_table(checks: Sequence[TargetCheck]) -> Rows:
    """Return a row per published number: observed, predicted median and interval, p-value."""
    return [
        {
            "study": one.study,
            "target": one.target,
            "cell": one.cell,
            "observed": one.check.observed,
            "predicted": one.check.median,
            "lower": one.check.lower,
            "upper": one.check.upper,
            "mid_p_value": one.check.mid_p_value,
            "role": "held out" if one.is_held_out else "fitted",
        }
        for one in checks
    ]


def prior_table(checks: Sequence[PriorCheck]) -> Rows:
    """Return a row per parameter: prior, posterior, contraction, power-scaling sensitivity."""
    return [
        {
            "parameter": one.parameter,
            "prior": _three(one.prior),
            "posterior": _three(one.posterior),
            "contraction": one.contraction,
            "sensitivity to prior": one.to_prior,
            "to targets": one.to_targets,
        }
        for one in checks
    ]


def count_table(counts: Sequence[NextCount]) -> Rows:
    """Return a row per state: predictive count of a study of a new size."""
    return [asdict(one) for one in counts]


def further_table(found: Sequence[FurtherNumber], n: int | None = None) -> Rows:
    """Return a row per number that could be looked up, the most helpful first."""
    return [
        {
            "further number": one.what,
            "of": one.n,
            "prediction": one.prediction,
            "standard deviation now": one.spread,
            "expected reduction of variance": one.reduction,
        }
        for one in found[:n]
    ]


def estimate_table(fit: Fit, answers: Answers) -> Rows:
    """Return a row per parameter with one verdict, from profile and posterior together."""
    rows = fit.estimate_rows()
    if answers.priors:
        for row, check in zip(rows, answers.priors, strict=True):
            row["verdict"] = fit.said(joint_verdict(row["verdict"], check))
    return rows


def _three(quantiles: tuple[float, float, float]) -> str:
    low, middle, high = quantiles
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def shape_table(scores: Sequence[ModelScore]) -> Rows:
    """Return a row per shape: fit, parsimony, prediction of studies left out."""
    best = scores[0].akaike
    return [
        {
            "shape": score.name,
            "parameters": score.n_parameters,
            "determined": score.n_identified,
            "deviance": score.deviance,
            "p_value": score.p_value,
            "AIC above best": score.akaike - best,
            "deviance of studies left out": score.prediction if score.left_out else None,
            "targets missed": len(score.missed),
        }
        for score in scores
    ]


def elasticity_table(found: Sequence[Elasticity]) -> Rows:
    """Return a row per count and prediction, largest elasticity first."""
    return [
        {
            "prediction": one.prediction,
            "predicted": one.predicted,
            "study": one.study,
            "target": one.target,
            "cell": one.cell,
            "observed": one.observed,
            "elasticity": one.elasticity,
            "per_patient": one.per_patient,
        }
        for one in found
    ]


def opinion_table(opinion: SecondOpinion) -> Rows:
    """Return a row per parameter and sampler, with its quantiles."""
    samplers = (("importance sampling", opinion.first), ("Markov chains", opinion.second))
    return [
        {
            "parameter": name,
            "sampler": sampler,
            **{f"{p:.1%}": row[k] for p, row in zip(PROBABILITIES, quantiles, strict=True)},
        }
        for k, name in enumerate(opinion.names)
        for sampler, quantiles in samplers
    ]


def rank_table(ranks: RankTest, names: Sequence[str]) -> Rows:
    """Return a row per parameter: are its ranks even in mean, spread and histogram."""
    tests = zip(
        names,
        ranks.z_location().tolist(),
        ranks.z_dispersion().tolist(),
        ranks.p_values().tolist(),
        strict=True,
    )
    return [
        {"parameter": name, "z of the mean": mean, "z of the spread": spread, "chi-square p": p}
        for name, mean, spread, p in tests
    ]


def prediction_names(found: Sequence[Elasticity]) -> list[str]:
    """Return what is predicted: power and week 52 before the five years."""
    names = dict.fromkeys(one.prediction for one in found)
    return sorted(names, key=lambda name: name.endswith("at 5 years"))


def largest(found: Sequence[Elasticity], n: int) -> tuple[Elasticity, ...]:
    """Return the `n` largest elasticities of each prediction, predictions kept together."""
    return tuple(
        one
        for name in prediction_names(found)
        for one in [e for e in found if e.prediction == name][:n]
    )


def next_study_table(found: NextStudy) -> Rows:
    """Return a row per study: its effect on the parameters that vary."""
    effects = found.effects.effects
    name = f"effect on {', '.join(found.varies)} (log or logit)"
    return [{"study": study, name: effect} for study, effect in effects.items()]
