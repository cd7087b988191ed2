from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lupusim.calibration.checking.elasticities import elasticities
from lupusim.calibration.estimation.comparison import compare, comparison_words
from lupusim.calibration.estimation.identifiability import collinearity
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.estimation.parameters import (
    FreeModel,
    FreeParameter,
    NormalPrior,
    Transform,
)
from lupusim.calibration.estimation.search import Optimum, starting_points
from lupusim.calibration.estimation.shapes import shapes
from lupusim.calibration.estimation.study_effects import fit_study_effects
from lupusim.calibration.estimation.tables import exact_limits
from lupusim.calibration.fit import Fit, fit_studies
from lupusim.calibration.targets.counts import EverCount, Measure
from lupusim.calibration.targets.questions import InStates
from lupusim.calibration.targets.times import EventRate, SurvivalCurve
from lupusim.common.rng import stream
from lupusim.model import MultiStateModel, Transition
from lupusim.model.hazards import ExponentialHazard
from studies_for_tests import chain_model, free_rates, study
from tolerance import SEED

STATES = ("well", "ill", "death")
MODEL = chain_model(ExponentialHazard(rate=0.3), ExponentialHazard(rate=0.2))
FREE = free_rates(MODEL, middle=0.3)


def left_well(count: float, *, n: float = 200.0, time: float = 2.0) -> EverCount:
    return EverCount(time=time, states=("ill",), count=count, n=n)


def deaths(events: float) -> EventRate:
    return EventRate(origin=("ill",), to=("death",), events=events, person_years=100, until=5.0)


@pytest.fixture(scope="module")
def fit() -> Fit:
    return fit_studies([study(left_well(80), deaths(20))], FREE, seed=SEED)


def test_estimates_are_those_found_by_hand(fit: Fit) -> None:
    rate = -math.log(1 - 80 / 200) / 2
    np.testing.assert_allclose(fit.estimates["estimate"], [rate, 0.2], rtol=1e-4)
    assert fit.negative_log_likelihood == pytest.approx(fit.likelihood.saturated_alone, abs=1e-6)
    assert fit.converged


def test_standard_errors_are_those_of_a_binomial_and_a_poisson_count(fit: Fit) -> None:
    share, rate = 0.4, -math.log(0.6) / 2
    # d log(rate) / d share = 1 / (2 (1 - share) rate); Poisson: 1 / sqrt(events).
    by_hand = math.sqrt(share * 0.6 / 200) / (2 * 0.6 * rate)
    expected = [by_hand, 1 / math.sqrt(20)]
    np.testing.assert_allclose(fit.estimates["standard_error"], expected, rtol=1e-3)


def test_profile_limits_are_where_the_likelihood_has_fallen_by_its_critical_value(
    fit: Fit,
) -> None:
    profile = fit.profiles[1]
    for limit in (profile.lower, profile.upper):
        mean = 100 * limit
        assert 2 * (20 * math.log(20 / mean) - 20 + mean) == pytest.approx(3.841, abs=0.03)


def test_progress_goes_through_the_search_and_then_the_profiles() -> None:
    told: list[tuple[int, int]] = []
    counts = [study(left_well(80), deaths(20))]
    fit_studies(counts, FREE, seed=SEED, n_starts=2, progress=lambda *now: told.append(now))
    walks = [done for done, total in told if total == 8]  # 2 limits of 2 parameters, there and back
    assert told[0] == (1, told[0][1])
    assert walks == sorted(walks)
    assert (walks[0], walks[-1]) == (0, 8)


def test_a_count_of_zero_gives_no_lower_limit_and_says_so() -> None:
    fit = fit_studies([study(left_well(80), deaths(0))], FREE, seed=SEED)
    assert fit.profiles[1].unbounded == ("below",)
    row = fit.estimates.iloc[1]
    assert not row["identified"]
    assert math.isnan(row["lower"])
    assert 100 * row["upper"] == pytest.approx(3.841 / 2, rel=0.02)
    assert "no lower limit" in row["verdict"]


def test_a_parameter_without_any_target_is_not_identified() -> None:
    fit = fit_studies([study(left_well(80))], FREE, seed=SEED)
    row = fit.estimates.iloc[1]
    assert "not identified" in row["verdict"]
    assert math.isnan(row["standard_error"])
    assert math.isinf(fit.identifiability.collinearity)
    assert "ill -> death" in fit.identifiability.weakest
    assert any("1 combinations of 2" in sentence for sentence in fit.statements)


def test_the_collinearity_of_right_angles_is_one() -> None:
    assert collinearity(np.eye(3)) == pytest.approx(1.0)
    # Two unit vectors at an angle a: 1 / sqrt(1 - cos a).
    slanted = np.array([[1.0, math.cos(0.3)], [0.0, math.sin(0.3)]])
    assert collinearity(slanted) == pytest.approx(1 / math.sqrt(1 - math.cos(0.3)))


def test_starting_points_lie_inside_the_bounds_and_repeat() -> None:
    likelihood = Likelihood(FREE, [study(left_well(80))])
    points = starting_points(likelihood, n_starts=24, seed=3)
    assert points.shape == (24, 2)
    low, high = FREE.bounds.T
    assert ((points > low) & (points < high)).all()
    np.testing.assert_array_equal(points, starting_points(likelihood, n_starts=24, seed=3))


@pytest.mark.parametrize("mean", [3.0, 6.0])
def test_a_prior_on_another_scale_does_not_keep_the_search_from_the_counts(mean: float) -> None:
    """At 20 deaths a year nobody of 68 would be alive at five, nor at any rate near it."""
    model = chain_model(ExponentialHazard(rate=0.02), states=("alive", "death"))
    (free,) = free_rates(model).parameters
    far = replace(free, prior=NormalPrior(mean=mean, sd=0.5))
    seen = SurvivalCurve(states=("death",), times=(5.0,), survival=(68 / 81,), at_risk=(81,))
    fit = fit_studies(
        [study(seen, n_patients=81)], FreeModel(model=model, parameters=(far,)), seed=SEED
    )
    (row,) = fit.estimate_rows()
    assert row["estimate"] == pytest.approx(-math.log(68 / 81) / 5, rel=1e-3)
    assert row["identified"]
    assert row["upper"] == pytest.approx(0.0576, abs=1e-4)


def test_exact_limits_are_those_printed() -> None:
    # Clopper-Pearson limits of 13/81, 6/81: printed as 8.8-25.9 and 2.8-15.4 %.
    for count, low, high in ((13, 8.8, 25.9), (6, 2.8, 15.4)):
        limits = np.array(exact_limits(count, 81, is_poisson=False)) / 81 * 100
        np.testing.assert_allclose(limits, [low, high], atol=0.05)


def test_exact_limits_of_no_event_start_at_zero() -> None:
    low, high = exact_limits(0, 10, is_poisson=True)
    assert low == 0
    assert high == pytest.approx(-math.log(0.025))


def test_draws_agree_with_the_fit_where_the_prior_is_wide(fit: Fit) -> None:
    wide = free_rates(MODEL, middle=0.3, sd=20.0)
    sampled = fit_studies(fit.likelihood.studies, wide, seed=SEED).sampled(2000)
    assert sampled.draws is not None
    assert sampled.draws.converged
    errors = fit.estimates["standard_error"].to_numpy()
    np.testing.assert_allclose(sampled.draws.standard_deviation(), errors, rtol=0.1)


def test_an_unconverged_fit_keeps_its_numbers_and_is_not_packaged(fit: Fit, tmp_path: Path) -> None:
    stuck = Optimum(free=fit.best.free, negative_log_likelihood=1.0, n_starts=1, converged=False)
    broken = replace(fit, optima=(stuck,))
    assert any("did not converge" in sentence for sentence in broken.statements)
    with pytest.raises(ValueError, match="has not converged"):
        broken.save(tmp_path / "model.yaml")


def test_a_fit_that_knows_no_file_format_says_so(fit: Fit, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="knows no file format"):
        fit.save(tmp_path / "model.yaml")


def test_the_summary_is_plain_data(fit: Fit) -> None:
    import json

    summary = json.loads(json.dumps(fit.summary(), allow_nan=False))
    assert {"model", "negative_log_likelihood", "estimates", "targets"} <= set(summary)
    assert set(summary["estimates"][0]) >= {
        "parameter",
        "estimate",
        "lower",
        "upper",
        "identified",
    }
    assert set(summary["targets"][0]) >= {"target", "observed", "expected", "lower", "upper"}


def test_a_count_moves_what_it_determines_and_nothing_else(fit: Fit) -> None:
    found = elasticities(fit.likelihood, fit.best.free, {"well": InStates(("well",), 2.0)})
    by_target = {e.target: e.elasticity for e in found}
    # Well at 2 years is 1 - count / n: its elasticity is -count / (n - count).
    assert by_target["target 0"] == pytest.approx(-80 / 120, rel=1e-3)
    assert by_target["target 1"] == pytest.approx(0, abs=1e-4)


def early_studies() -> list[Measure]:
    """Half leave at once, nobody later: only responders look like that."""
    return [
        left_well(count, time=time) for time, count in ((0.25, 90), (1, 100), (3, 100), (6, 101))
    ]


def test_responders_are_told_from_constant_hazards_but_not_from_pieces() -> None:
    candidates = shapes(FREE, [("well", "ill")])
    assert set(candidates) == {"constant", "weibull", "classes", "piecewise"}
    assert len(candidates["piecewise"].parameters) == len(FREE.parameters) + 2
    some = {name: candidates[name] for name in ("constant", "classes")}
    scores = compare([study(*early_studies(), deaths(20))], some, seed=SEED, n_starts=4)
    assert [score.name for score in scores] == ["classes", "constant"]
    assert scores[1].akaike - scores[0].akaike > 10
    assert "fits worse" in comparison_words(scores)[0]
    assert scores[1].missed


def test_leaving_out_the_only_study_predicts_nothing() -> None:
    scores = compare([study(left_well(80))], {"one": FREE}, seed=SEED, n_starts=4)
    assert scores[0].left_out == {}


def test_an_edge_that_the_model_lacks_has_no_shape() -> None:
    with pytest.raises(ValueError, match="no transitions"):
        shapes(FREE, [("ill", "well")])


def several(counts: list[float]) -> list[object]:
    return [
        replace(study(left_well(count), deaths(20)), name=f"study {k}")
        for k, count in enumerate(counts)
    ]


@pytest.mark.parametrize(
    ("counts", "is_large"), [([80, 81, 79, 80], False), ([30, 80, 130, 170], True)]
)
def test_the_spread_between_studies_is_found(counts: list[float], is_large: bool) -> None:
    start = np.log([0.25, 0.2])
    effects = fit_study_effects(several(counts), FREE, varies=["well -> ill"], start=start)  # type: ignore[arg-type]
    assert (effects.sd > 0.3) is is_large
    assert list(effects.effects.values()) == sorted(effects.effects.values()) or not is_large
    values = np.tile(effects.free, (4000, 1))
    spread = effects.next_study(values, rng=stream(SEED, "next study")).std(axis=0)
    np.testing.assert_allclose(spread, [effects.sd, 0.0], rtol=0.1, atol=1e-9)


def test_a_study_effect_needs_two_studies_and_a_known_parameter() -> None:
    start = np.log([0.25, 0.2])
    with pytest.raises(ValueError, match="two studies"):
        fit_study_effects([study(left_well(80))], FREE, varies=["well -> ill"], start=start)
    with pytest.raises(ValueError, match="Did you mean 'well -> ill'"):
        fit_study_effects(several([80, 81]), FREE, varies=["wel -> ill"], start=start)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="above 0"):
        fit_study_effects(several([80, 81]), FREE, varies=["well -> ill"], start=start, sd=-1.0)  # type: ignore[arg-type]


def parameter(**places: float) -> FreeParameter:
    prior = NormalPrior(mean=0.0, sd=1.0)
    named = {key.replace("__", " -> "): factor for key, factor in places.items()}
    return FreeParameter(name="p", places=named, transform=Transform.LOG, prior=prior)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("well -> il.rate", "Did you mean 'well -> ill'"),
        ("well -> ill.scale", "has no 'scale'"),
        ("well -> ill.rate.1", "does not name one number"),
        ("classes.responder.probability", "no class 'responder'"),
    ],
)
def test_a_place_that_the_model_lacks_is_named(place: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        FreeModel(model=MODEL, parameters=(parameter(**{place: 1.0}),))


def test_names_in_a_place_may_hold_dots() -> None:
    ill, cured = "grade 1.5", "grade 1.5.rate"
    ways = tuple(
        Transition(from_state=begin, to_state=end, hazard=ExponentialHazard(rate=1.0))
        for begin, end in ((ill, cured), (ill, "death"))
    )
    free = parameter(**{f"{ill} -> {cured}.rate": 1.0}), parameter(**{f"{ill} -> death.rate": 1.0})
    model = MultiStateModel(name="m", states=(ill, cured, "death"), transitions=ways)
    made = FreeModel(model=model, parameters=free).model_at(np.log([2.0, 3.0]))
    assert [t.hazard.rate for t in made.transitions] == pytest.approx([2.0, 3.0])  # type: ignore[attr-defined]


def test_two_parameters_cannot_stand_at_one_place() -> None:
    twice = parameter(**{"well -> ill.rate": 1.0})
    with pytest.raises(ValueError, match="stands there already"):
        FreeModel(model=MODEL, parameters=(twice, twice))


def test_a_tied_parameter_is_multiplied_at_each_place() -> None:
    tied = parameter(**{"well -> ill.rate": 1.0, "ill -> death.rate": 0.34})
    model = FreeModel(model=MODEL, parameters=(tied,)).model_at(np.log([2.0]))
    assert [t.hazard.rate for t in model.transitions] == pytest.approx([2.0, 0.68])  # type: ignore[attr-defined]
