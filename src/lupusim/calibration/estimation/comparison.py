"""Compare models on the same targets: fit, parsimony, and prediction of studies left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from lupusim.calibration.estimation.identifiability import FLAT, observed_information
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.estimation.search import N_STARTS, climb, search
from lupusim.calibration.estimation.tables import chi_square_tail, conflicts, degrees_of_freedom
from lupusim.calibration.targets.studies import Study
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass

_TELLS_APART = 2.0  # AIC units; less is no evidence (Burnham and Anderson 2002, chapter 2.6)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelScore:
    """How one model does."""

    name: str  # of the model
    n_parameters: int
    n_identified: int
    """`n_parameters` and `n_identified`: free parameters, and combinations of them that the targets
    determine."""
    deviance: float
    """Twice the misfit: 0 where every count is expected; soft targets at their weight."""
    p_value: float  # of the deviance, were all targets hard and independent
    akaike: float
    """Twice minus the log likelihood plus twice the identified parameters, up to a constant that
    depends on the counts alone; smaller is better. With soft targets a pseudo-AIC: good for
    ranking, not for p-values."""
    left_out: dict[str, float]
    """For each study, the deviance of its targets as predicted without it."""
    missed: tuple[str, ...]  # targets that the model does not meet

    @property
    def prediction(self) -> float:
        """Sum of the deviances of studies predicted without themselves; smaller is better."""
        return sum(self.left_out.values())


def compare(
    studies: Sequence[Study],
    free_models: Mapping[str, FreeModel],
    *,
    seed: int,
    n_starts: int = N_STARTS,
) -> tuple[ModelScore, ...]:
    """Return the score of every model, best AIC first.

    Parameters
    ----------
    studies : sequence of Study
        The evidence.
    free_models : mapping of str to FreeModel
        All with the same target set.
    seed : int
        Names the starting points.
    n_starts : int
        Starting points for each model.

    Raises
    ------
    ValueError
        If the models are not fitted to the same targets.
    """
    if len({free_model.target_set for free_model in free_models.values()}) > 1:
        raise ValueError("the models have different target sets. Compare them on one")
    scores = [
        _score(name, Likelihood(free_model, studies), seed=seed, n_starts=n_starts)
        for name, free_model in free_models.items()
    ]
    return tuple(sorted(scores, key=lambda score: score.akaike))


def _score(name: str, likelihood: Likelihood, *, seed: int, n_starts: int) -> ModelScore:
    best = search(likelihood, seed=seed, n_starts=n_starts)[0]
    deviance = 2 * float(likelihood.misfit(best.free[None])[0])
    eigenvalues = np.linalg.eigvalsh(observed_information(likelihood, best.free))
    known = int((eigenvalues > FLAT).sum())
    cells = sum(degrees_of_freedom(target.measure) for _, target in likelihood.targets)
    model = likelihood.free_model.model_at(best.free)
    return ModelScore(
        name=name,
        n_parameters=best.free.size,
        n_identified=known,
        deviance=deviance,
        p_value=chi_square_tail(deviance, max(cells - known, 1)),
        akaike=2 * (best.negative_log_likelihood - likelihood.saturated_alone + known),
        left_out=leave_one_out(likelihood, best.free),
        missed=tuple(str(conflict) for conflict in conflicts(likelihood, model)),
    )


def leave_one_out(likelihood: Likelihood, best: FloatArray) -> dict[str, float]:
    """Return, for each study, the deviance of its targets as predicted by the others.

    Parameters
    ----------
    likelihood : Likelihood
        Of all studies.
    best : (n_parameters,) array
        Its optimum, from which the refits start.
    """
    deviances = {}
    for left in dict.fromkeys(study.name for study, _ in likelihood.targets):
        others = {study.name for study, _ in likelihood.targets} - {left}
        if not others:
            continue
        without, _ = climb(_of_studies(likelihood, others), best)
        held_out = _of_studies(likelihood, {left})
        deviances[left] = 2 * float(held_out.misfit(without[None])[0])
    return deviances


def _of_studies(likelihood: Likelihood, names: Collection[str]) -> Likelihood:
    """Return the likelihood of some of its studies."""
    studies = [study for study in likelihood.studies if study.name in names]
    return Likelihood(likelihood.free_model, studies)


def comparison_words(scores: Sequence[ModelScore]) -> tuple[str, ...]:
    """Return which models the targets can tell apart, and which they can't."""
    best = scores[0]
    sentences = []
    for score in scores[1:]:
        gap = score.akaike - best.akaike
        if gap < _TELLS_APART:
            sentences.append(
                f"{best.name} and {score.name} can't be told apart by these targets "
                f"(AIC differs by {gap:.1f})."
            )
        else:
            sentences.append(f"{score.name} fits worse than {best.name} (AIC higher by {gap:.1f}).")
    return tuple(sentences)
