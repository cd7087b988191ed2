"""What a calibrated model is asked for: remission at week 52, and where patients are at 5 years."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lupusim.calibration.checking.elasticities import Elasticity, elasticities
from lupusim.calibration.estimation.study_effects import StudyEffects, fit_study_effects
from lupusim.calibration.fit import Fit
from lupusim.calibration.prediction.family import Family
from lupusim.calibration.prediction.predict import answer
from lupusim.calibration.targets.questions import InStates, Question
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.model import Edge, MultiStateModel

WEEK_52 = 52 / 52.1775  # years
FIVE_YEARS = 5.0
_N_DRAWS = 2000


def remission_edges(model: MultiStateModel) -> tuple[Edge, ...]:
    """Return the transitions whose shape is in question: out of the start, into a state to leave.

    In the lupus models these lead from active disease into remission.
    """
    starts = {start.state for start in model.starts}
    left = {t.from_state for t in model.transitions}
    return tuple(
        (t.from_state, t.to_state)
        for t in model.transitions
        if t.from_state in starts and t.to_state in left
    )


def predictions(model: MultiStateModel) -> dict[str, Question]:
    """Return the questions that planners ask of a model.

    Remission at week 52 (states that a transition out of the start leads to, and that can
    be left), and every state's occupancy at five years.
    """
    reached = tuple(dict.fromkeys(to for _, to in remission_edges(model)))
    words = "remission" if all("remission" in s for s in reached) else " or ".join(reached)
    first = {f"{words} at week 52": InStates(reached, WEEK_52)} if reached else {}
    later = {
        f"{state.replace('_', ' ')} at 5 years": InStates((state,), FIVE_YEARS)
        for state in model.states
    }
    return {**first, **later}


def first_share(model: MultiStateModel) -> float:
    """Return what a model answers to the first of its :func:`predictions`: remission at week 52."""
    question = next(iter(predictions(model).values()))
    return float(answer([model], [question])[0, 0])


def find_elasticities(fit: Fit) -> tuple[Elasticity, ...]:
    """Return what every prediction owes to every published count, largest first."""
    return elasticities(fit.likelihood, fit.best.free, predictions(fit.model))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTrial:
    """Two arms that compare shares in remission at week 52."""

    n_per_arm: int  # patients of each arm
    control: float  # share in remission without the treatment, held fixed
    alpha: float = 0.025  # one-sided level

    @property
    def name(self) -> str:
        """What its power is called."""
        return f"power with {self.n_per_arm} per arm"

    def power(self, share: float) -> float:
        """Return the power by the normal approximation with unpooled variance.

        Chow, Shao and Wang (2008), *Sample Size Calculations in Clinical Research*, 2nd ed.,
        chapter 4.

        Examples
        --------
        >>> round(PlannedTrial(n_per_arm=100, control=0.3).power(0.5), 3)
        0.839
        """
        from scipy.special import ndtr, ndtri

        variance = share * (1 - share) + self.control * (1 - self.control)
        error = np.sqrt(variance / self.n_per_arm)
        return float(ndtr((share - self.control) / error + ndtri(self.alpha)))

    def elasticities(self, found: tuple[Elasticity, ...]) -> tuple[Elasticity, ...]:
        """Return the elasticities of the power, from those of remission at week 52.

        By the chain rule: the power depends on the counts through that share alone.
        """
        return tuple(self._of_power(one) for one in found if one.prediction.endswith("at week 52"))

    def _of_power(self, one: Elasticity) -> Elasticity:
        share, step = one.predicted, 1e-5
        slope = (self.power(share + step) - self.power(share - step)) / (2 * step)
        power = self.power(share)
        return Elasticity(
            study=one.study,
            target=one.target,
            cell=one.cell,
            observed=one.observed,
            prediction=self.name,
            predicted=power,
            elasticity=one.elasticity * slope * share / power,
            per_patient=one.per_patient * slope,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStudy:
    """What the next study would see, with and without a random study effect."""

    effects: StudyEffects  # standard deviation between studies, and the effect of each
    varies: tuple[str, ...]  # parameters that shift together from study to study
    prediction: str  # what is predicted
    average: tuple[float, float, float]
    following: tuple[float, float, float]
    """`average` and `following`: 2.5 %, 50 % and 97.5 % quantiles for the average study and for the
    next one."""
    widest: tuple[float, float, float] | None
    """For the next one with the largest standard deviation that the studies do not object to; None
    where there is no such limit."""

    @property
    def words(self) -> str:
        """The two predictions in a sentence."""
        e = self.effects
        low = "no lower limit" if np.isnan(e.lower) else f"at least {e.lower:g}"
        high = "no upper limit" if np.isnan(e.upper) else f"at most {e.upper:g}"
        most = (
            ""
            if self.widest is None
            else f"; {_interval(self.widest)} if they differ by as much as these studies allow"
        )
        return (
            f"Between {e.n_studies} studies {', '.join(self.varies)} differ with a standard "
            f"deviation of {e.sd:g} on the log or logit scale ({low}, {high}). "
            f"{self.prediction}: {_interval(self.average)} in the average study, "
            f"{_interval(self.following)} in the next one{most}."
        )


def _interval(three: tuple[float, float, float]) -> str:
    low, middle, high = three
    return f"{middle:.0%} ({low:.0%} to {high:.0%})"


def predict_next_study(fit: Fit, varies: tuple[str, ...]) -> NextStudy:
    """Return what the next study would see, were some parameters different in every study.

    The spread of the average study is that of the fit's own draws, moved to the optimum
    that the study effects leave; between-study spread is added to them.

    Raises
    ------
    ValueError
        If there are no draws, if fewer than two studies have targets, or a name is unknown.
    """
    if fit.draws is None:
        raise ValueError("there are no draws to shift. Calibrate with n_draws above 0")
    likelihood = fit.likelihood
    model = likelihood.free_model
    effects = fit_study_effects(
        likelihood.studies, model, varies=varies, start=np.array(fit.best.free)
    )
    rng = stream(fit.seed, "calibration", "next study")
    draws = fit.draws.resample(_N_DRAWS, rng=rng) + (effects.free - fit.best.free)
    name, question = next(iter(predictions(fit.model).items()))
    family = Family(model, [question])
    most = replace(effects, sd=effects.upper)
    return NextStudy(
        effects=effects,
        varies=varies,
        prediction=name,
        average=_quantiles(family.answers(draws)),
        following=_quantiles(family.answers(effects.next_study(draws, rng=rng))),
        widest=(
            None
            if np.isnan(effects.upper)
            else _quantiles(family.answers(most.next_study(draws, rng=rng)))
        ),
    )


def _quantiles(answers: FloatArray) -> tuple[float, float, float]:
    low, middle, high = np.quantile(answers[:, 0], [0.025, 0.5, 0.975]).tolist()
    return low, middle, high
