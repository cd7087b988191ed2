"""Calibration against published cases, and the packaged models against their evidence.

SAT0244: Wang and Sun, Annals of the Rheumatic Diseases 2017;76(Suppl 2):866. Siblings: see
the citations in the packaged evidence files.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from lupusim.calibration.estimation.identifiability import Verdict
from lupusim.calibration.estimation.tables import exact_limits
from lupusim.calibration.fit import Fit, fit_studies
from lupusim.calibration.targets.counts import OccupancyCounts
from lupusim.calibration.targets.times import SurvivalCurve
from lupusim.engines.exact import ever, ever_after, solve
from lupusim.model.hazards import ExponentialHazard
from lupusim.scenario.calibrate import calibrate
from lupusim.scenario.files.model import load_model
from studies_for_tests import chain_model, free_rates, study
from tolerance import SEED

REMISSION = ("partial_remission", "complete_remission")


@pytest.fixture(scope="module")
def sat0244() -> Fit:
    return calibrate("SAT0244", model="markov-sat0244", seed=SEED)


def test_sat0244_reaches_the_saturated_likelihood(sat0244: Fit) -> None:
    # -sum n log(n / 81) of 31, 6, 22, 9, 13, by hand.
    assert sat0244.negative_log_likelihood == pytest.approx(117.62392, abs=1e-5)
    assert sat0244.likelihood.saturated_alone == pytest.approx(117.62392, abs=1e-5)
    assert sat0244.converged


def test_sat0244_says_what_the_abstract_does_not_identify(sat0244: Fit) -> None:
    verdicts = dict(
        zip(sat0244.identifiability.names, sat0244.identifiability.verdicts, strict=True)
    )
    for name in (
        "partial remission to relapse",
        "complete remission to relapse",
        "active to death",
        "partial remission to death",
        "complete remission to death",
        "relapse to death",
    ):
        assert verdicts[name] is Verdict.FLAT
    assert sat0244.identifiability.rank == 4
    table = sat0244.estimates
    assert table.loc[~table["identified"], ["lower", "upper", "standard_error"]].isna().all().all()
    assert any("not identified" in sentence for sentence in sat0244.statements)
    silent = [e for e in sat0244.summary()["estimates"] if not e["identified"]]
    assert all(e["lower"] is None and e["upper"] is None for e in silent)


def test_the_shipped_constant_hazards_return_the_counts_of_sat0244() -> None:
    model = load_model("markov-sat0244")
    shares = solve(model, [5.0]).probabilities[0]
    counts = dict(zip(model.states, (81 * shares).tolist(), strict=True))
    published = {
        "active": 31,
        "partial_remission": 6,
        "complete_remission": 22,
        "relapse": 9,
        "death": 13,
    }
    assert counts == pytest.approx(published, abs=1e-3)


def test_constant_hazards_miss_the_first_year() -> None:
    # Ever in remission by 1 year: about 13 % by constant hazards, 24 of 40 in Wang 2014.
    share = ever(load_model("markov-sat0244"), REMISSION, [1.0])[0]
    assert share < 0.16
    assert 40 * share < exact_limits(24, 40, is_poisson=False)[0]


@pytest.mark.parametrize("name", ["msc-durable", "msc-fading", "msc-central"])
def test_stem_cell_models_agree_with_sat0244_at_five_years(name: str) -> None:
    model = load_model(name)
    p = dict(zip(model.states, solve(model, [5.0]).probabilities[0].tolist(), strict=True))
    p["active or relapse"] = p["active"] + p["relapse"]
    for state, count in {
        "complete_remission": 22,
        "partial_remission": 6,
        "active or relapse": 40,
        "death": 13,
    }.items():
        low, high = exact_limits(count, 81, is_poisson=False)
        assert low <= 81 * p[state] <= high, state


@pytest.mark.parametrize("name", ["msc-durable", "msc-fading", "msc-central"])
def test_stem_cell_models_agree_with_the_siblings_at_one_year(name: str) -> None:
    model = load_model(name)
    complete = solve(model, [1.0]).probabilities[0][model.index("complete_remission")]
    for count, n in ((23, 83), (16, 69)):
        low, high = exact_limits(count, n, is_poisson=False)
        assert low <= n * complete <= high
    response = ever(model, REMISSION, [1.0])[0]
    # Wang 2014: 24 of 40; Gu 2014: 49 of 81, renal; the wider of the two.
    low, high = exact_limits(24, 40, is_poisson=False)
    assert low <= 40 * response <= high


def test_fading_remissions_relapse_as_the_siblings_do_and_durable_ones_less() -> None:
    relapse = {
        name: ever_after(load_model(name), REMISSION, "relapse", [1.0])[0]
        for name in ("msc-durable", "msc-fading")
    }
    assert 11 / 49 - 0.03 <= relapse["msc-fading"] <= 7 / 24 + 0.03
    for count, n in ((7, 24), (11, 49)):
        low, high = exact_limits(count, n, is_poisson=False)
        assert low <= n * relapse["msc-fading"] <= high
    assert relapse["msc-durable"] < 0.10


def test_the_central_model_meets_sat0244_and_its_siblings() -> None:
    """Ever in remission 37 of 81, relapsed 9 of 37 by 5 years, 7 of 24 and 11 of 49 by one."""
    model = load_model("msc-central")
    shares = {
        (37, 81): ever(model, REMISSION, [5.0])[0],
        (9, 37): ever_after(model, REMISSION, "relapse", [5.0])[0],
        (7, 24): ever_after(model, REMISSION, "relapse", [1.0])[0],
        (11, 49): ever_after(model, REMISSION, "relapse", [1.0])[0],
        (16, 69): ever(model, "complete_remission", [1.0])[0],
    }
    for (count, n), share in shares.items():
        low, high = exact_limits(count, n, is_poisson=False)
        assert low <= n * share <= high, count


def test_standard_care_agrees_with_placebo_arms() -> None:
    model = load_model("standard-care")
    at_year = solve(model, [52 / 52.1775]).probabilities[0]
    remission = sum(at_year[model.index(state)] for state in REMISSION)
    # LLDAS at week 52, TULIP placebo: 72 of 366. DORIS, BLISS, all arms: 142 of 1684.
    assert 366 * remission == pytest.approx(72, abs=1)
    assert 1684 * at_year[model.index("complete_remission")] == pytest.approx(142, abs=5)


@pytest.mark.slow
def test_packaged_models_are_what_their_script_makes() -> None:
    folder = Path(__file__).parents[2] / "scripts"
    sys.path.insert(0, str(folder))
    import build_models

    from lupusim.scenario.calibrate import rounded_model
    from lupusim.scenario.files.model_writer import model_to_mapping

    for make in build_models.TEMPLATES:
        fit = build_models.calibrated(make())
        packaged = model_to_mapping(load_model(fit.model.name))
        assert _close(model_to_mapping(rounded_model(fit.model)), packaged), fit.model.name


def _close(made: object, packaged: object) -> bool:
    """Compare plain data; numbers to the digits that another machine's rounding leaves."""
    if isinstance(made, dict) and isinstance(packaged, dict):
        return made.keys() == packaged.keys() and all(_close(made[k], packaged[k]) for k in made)
    if isinstance(made, list) and isinstance(packaged, list):
        return len(made) == len(packaged) and all(map(_close, made, packaged))
    if isinstance(made, float) and isinstance(packaged, float):
        return math.isclose(made, packaged, rel_tol=2e-3, abs_tol=1e-6)
    return made == packaged


# Alarid-Escudero et al. 2018, Medical Decision Making 38:810-821: three states, two rates,
# relative survival as the target. Survival of two steps in a row does not change when the
# rates change places, so there are two equally good answers; a target on the ratio of the
# two living states removes one. Here in continuous time, with the counts that are expected.
SLOW, FAST, N = 0.05, 0.10, 200.0
TIMES = (5.0, 10.0, 20.0, 40.0)


def alive(time: float) -> float:
    return (FAST * math.exp(-SLOW * time) - SLOW * math.exp(-FAST * time)) / (FAST - SLOW)


def three_states(*, with_ratio: bool = False) -> Fit:
    free_model = free_rates(
        chain_model(ExponentialHazard(rate=0.07), ExponentialHazard(rate=0.07)), middle=0.07
    )
    shares = tuple(map(alive, TIMES))
    at_risk = tuple(N * share for share in (1.0, *shares[:-1]))
    measures = [
        SurvivalCurve(states=("death",), times=TIMES, survival=shares, at_risk=at_risk),
    ]
    if with_ratio:
        well = N * math.exp(-SLOW * 10)
        ratio = OccupancyCounts(
            time=10.0, counts={("well",): well}, n=N * alive(10), outside=("death",)
        )
        return fit_studies([study(*measures, ratio)], free_model, seed=SEED)
    return fit_studies([study(*measures)], free_model, seed=SEED)


def test_two_equal_optima_are_found_though_the_information_is_regular() -> None:
    fit = three_states()
    assert len(fit.optima) == 2
    heights = [optimum.negative_log_likelihood for optimum in fit.optima]
    assert heights[0] == pytest.approx(heights[1], abs=1e-4)
    rates = sorted(np.exp(optimum.free).round(4).tolist() for optimum in fit.optima)
    np.testing.assert_allclose(rates, [[SLOW, FAST], [FAST, SLOW]], atol=2e-3)
    # The local checks see nothing: the usual threshold of the index is 15 to 20.
    assert fit.identifiability.eigenvalues[0] > 1
    assert fit.identifiability.collinearity < 15
    assert fit.identifiability.verdicts == (Verdict.SEVERAL, Verdict.SEVERAL)
    assert not fit.estimates["identified"].any()
    assert fit.estimates["lower"].isna().all()


def test_the_ratio_of_the_living_states_removes_the_second_optimum() -> None:
    fit = three_states(with_ratio=True)
    np.testing.assert_allclose(np.exp(fit.best.free), [SLOW, FAST], rtol=1e-3)
    assert set(fit.identifiability.verdicts) == {Verdict.IDENTIFIED}
