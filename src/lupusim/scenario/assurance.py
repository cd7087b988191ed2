"""Assurance from whatever a calibration left behind: draws, a fit's draws, or a file of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lupusim.calibration.posterior.draws import Draws
from lupusim.planning.assurance.assurance import Nesting
from lupusim.planning.assurance.assurance import assurance as average
from lupusim.planning.assurance.beliefs import TrialDraws
from lupusim.planning.assurance.effect_priors import EffectPrior
from lupusim.planning.assurance.results import Assurance
from lupusim.scenario.files.draws import load_model_draws
from lupusim.scenario.files.what_if import model_draws
from lupusim.trial.scenario import Scenario

AnyDraws = TrialDraws | Draws | str | Path


def assurance(
    scenario: Scenario,
    draws: AnyDraws | Sequence[AnyDraws] = (),
    effect_prior: EffectPrior | None = None,
    *,
    seed: int | None = None,
    n_replicates: int = 20_000,
    nesting: Nesting | None = None,
) -> Assurance:
    """Return the power of a scenario's designs, averaged over what one does not know.

    Parameters
    ----------
    scenario : Scenario
        Whose trials to simulate.
    draws : draws, or a sequence of them
        ``fit.draws`` of a calibration, the name or file of a calibrated model that has draws,
        or anything that makes trials of draws; one for each uncertain model.
    effect_prior : EffectPrior or None
        Default: the stated effect is certain.
    seed : int or None
        Default is the scenario's own.
    n_replicates : int
        Simulated trials of each design over all draws; as many again under the stated truth.
    nesting : Nesting or None
        Replicates for each draw, and what makes an effect worthwhile.

    Returns
    -------
    Assurance
        See :func:`lupusim.planning.assurance.assurance.assurance`.

    Raises
    ------
    ValueError
        If draws belong to no model, or a number is out of range.

    Examples
    --------
    >>> import lupusim
    >>> answer = lupusim.assurance("two_rates", seed=1, n_replicates=400)
    >>> len(answer.table)
    3
    """
    seed = scenario.seed if seed is None else seed
    several = draws if isinstance(draws, Sequence) and not isinstance(draws, str) else [draws]
    known = [_as_trial_draws(one, seed) for one in several]
    return average(
        scenario, known, effect_prior, seed=seed, n_replicates=n_replicates, nesting=nesting
    )


def _as_trial_draws(draws: AnyDraws, seed: int) -> TrialDraws:
    if isinstance(draws, str | Path):
        return load_model_draws(draws)
    if isinstance(draws, Draws):
        if draws.free_model is None:
            raise ValueError("these draws belong to no model: use those of a calibration's fit")
        return model_draws(draws.free_model, draws, seed=seed)
    return draws
