"""What people read of a calibration: tables, sentences, the page with its seven headings."""

from __future__ import annotations

import io
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from lupusim.calibration.checking.outlook import (
    PlannedTrial,
    find_elasticities,
    first_share,
    predict_next_study,
    predictions,
    remission_edges,
)
from lupusim.calibration.checking.posterior_checks import check_priors, check_targets, check_words
from lupusim.calibration.checking.sampler_check import critical_z, sampler_words
from lupusim.calibration.checking.simulation_based import RankTest
from lupusim.calibration.estimation.comparison import ModelScore
from lupusim.calibration.fit import Fit, fit_studies
from lupusim.calibration.posterior.sampler_comparison import PROBABILITIES, SecondOpinion
from lupusim.calibration.targets.counts import EverCount, OccupancyCounts
from lupusim.calibration.targets.studies import Role, Study, Target
from lupusim.model.hazards import ExponentialHazard
from lupusim.report.calibration.answers import Answers, largest, shapes_in_words
from lupusim.report.calibration.figures import occupancy
from lupusim.report.calibration.page import page
from lupusim.report.calibration.tables import calibration_report
from studies_for_tests import chain_model, free_rates
from tolerance import SEED

MODEL = chain_model(ExponentialHazard(rate=0.3), ExponentialHazard(rate=0.3))
FREE = free_rates(MODEL, middle=0.3)


def one_study(name: str, well: float, held_out: float = 40) -> Study:
    held = EverCount(time=1.0, states=("ill",), count=held_out, n=200)
    seen = OccupancyCounts(time=2.0, counts={("well",): well, ("ill",): 60.0}, n=200)
    return Study(
        name=name,
        citation="none",
        n_patients=200,
        targets=(
            Target(name="state", measure=seen),
            Target(name="early", measure=held, role=Role.CHECK),
        ),
    )


@cache
def fitted() -> Fit:
    studies = [one_study("first", 110), one_study("second", 114, held_out=120)]
    return fit_studies(studies, FREE, seed=SEED, n_starts=4).sampled(2000)


def test_occupancy_is_drawn_stacked_and_beside_what_was_counted():
    fit = fitted()
    stacked, apart = occupancy(fit).axes
    n_states = len(fit.model.states)
    assert len(stacked.collections) == n_states + n_states - 1  # areas, a band about each border
    tops = [area.get_paths()[0].vertices[:, 1].max() for area in stacked.collections[:n_states]]
    np.testing.assert_allclose(tops, 1, atol=1e-9)  # all start well; whoever is there is counted
    well = next(line for line in apart.lines if line.get_label() == "well")
    rate = sum(t.hazard.rate for t in fit.model.transitions if t.from_state == "well")
    years = np.asarray(well.get_xdata(), dtype=float)
    np.testing.assert_allclose(well.get_ydata(), np.exp(-rate * years), atol=1e-6)
    counted = sorted(float(points.lines[0].get_ydata()[0]) for points in apart.containers)
    assert counted == [0.3, 0.3, 0.55, 0.57]  # 60, 60, 110 and 114 of 200


def score(name: str, akaike: float, left_out: float) -> ModelScore:
    return ModelScore(
        name=name,
        n_parameters=2,
        n_identified=2,
        deviance=1.0,
        p_value=0.5,
        akaike=akaike,
        left_out={"first": left_out},
        missed=(),
    )


@cache
def answers() -> Answers:
    fit = fitted()
    assert fit.draws is not None
    quantiles = tuple(map(tuple, fit.draws.quantile(np.array(PROBABILITIES)).tolist()))
    opinion = SecondOpinion(
        draws=fit.draws,
        names=FREE.names,
        first=quantiles,
        second=quantiles,
        gap=0.1,
        z=1.0,
        n_walkers=64,
    )
    found = find_elasticities(fit)
    trial = PlannedTrial(n_per_arm=50, control=0.1)
    return Answers(
        targets=check_targets(fit),
        priors=check_priors(fit),
        scores=(score("classes", 10.0, 5.0), score("weibull", 11.0, 4.0)),
        elasticities=(*trial.elasticities(found), *found),
        opinion=opinion,
        ranks=RankTest(ranks=np.tile(np.arange(100)[:, None], 2), n_unconverged=0),
        next_study=predict_next_study(fit, (FREE.names[0],)),
        names=FREE.names,
    )


def test_a_held_out_target_that_does_not_fit_surprises_and_others_do_not() -> None:
    odd = [one for one in check_targets(fitted()) if one.check.mid_p_value < 0.05]
    assert [(one.study, one.target, one.is_held_out) for one in odd] == [("second", "early", True)]
    assert (
        "1 of 6 published numbers (2 of them held out)" in check_words(check_targets(fitted()))[0]
    )
    assert "held out" in check_words(check_targets(fitted()))[0]


def test_plenty_of_patients_make_the_targets_decide() -> None:
    for one in check_priors(fitted()):
        assert one.contraction > 0.9
        assert one.words == "the targets decide"
        assert one.prior[0] < one.posterior[0] < one.posterior[1] < one.posterior[2] < one.prior[2]


def test_a_parameter_that_no_target_speaks_of_is_the_priors() -> None:
    seen = EverCount(time=1.0, states=("ill",), count=40, n=200)
    study = Study(
        name="s", citation="none", n_patients=200, targets=(Target(name="ever ill", measure=seen),)
    )
    fit = fit_studies([study], FREE, seed=SEED, n_starts=4).sampled(2000)
    known, unknown = check_priors(fit)
    assert known.words == "the targets decide"
    assert unknown.words == "the prior decides"
    assert abs(unknown.contraction) < 0.2


def test_without_draws_there_is_nothing_to_check() -> None:
    fit = fit_studies([one_study("first", 110)], FREE, seed=SEED, n_starts=4)
    for check in (check_targets, check_priors):
        with pytest.raises(ValueError, match="n_draws above 0"):
            check(fit)
    with pytest.raises(ValueError, match="n_draws above 0"):
        predict_next_study(fit, (FREE.names[0],))


def test_the_way_out_of_the_start_is_what_changes_shape() -> None:
    assert remission_edges(MODEL) == (("well", "ill"),)
    assert list(predictions(MODEL)) == [
        "ill at week 52",
        "well at 5 years",
        "ill at 5 years",
        "death at 5 years",
    ]
    # Of two hazards of 0.3 the time in the middle is t exp(-0.3 t) 0.3, t of 52 weeks.
    time = 52 / 52.1775
    assert first_share(MODEL) == pytest.approx(0.3 * time * np.exp(-0.3 * time), abs=1e-9)


def test_elasticities_of_power_follow_those_of_the_share_by_the_chain_rule() -> None:
    trial = PlannedTrial(n_per_arm=50, control=0.1)
    found = [one for one in find_elasticities(fitted()) if one.prediction.endswith("week 52")]
    of_power = trial.elasticities(tuple(found))
    assert len(of_power) == len(found) > 0
    for one, power in zip(found, of_power, strict=True):
        moved = trial.power(one.predicted * (1 + 1e-4 * one.elasticity))
        change = (moved / trial.power(one.predicted) - 1) / 1e-4
        assert power.elasticity == pytest.approx(change, rel=1e-2, abs=1e-6)


def test_power_is_what_the_formula_of_the_sample_size_was_solved_for() -> None:
    # n = (z_alpha + z_beta)^2 (p q + p0 q0) / (p - p0)^2, z of 0.975 and 0.8 from R's qnorm.
    n = (1.959964 + 0.8416212) ** 2 * (0.65 * 0.35 + 0.85 * 0.15) / 0.2**2
    trial = PlannedTrial(n_per_arm=round(n), control=0.65)
    assert trial.power(0.85) == pytest.approx(0.8, abs=0.005)
    assert trial.power(0.65) == pytest.approx(0.025)


def test_shapes_that_cannot_be_told_apart_are_named_with_the_best_predictor() -> None:
    words = shapes_in_words(answers().scores)
    assert "classes and weibull can't be told apart by these targets (AIC differs by 1.0)" in words
    assert "Studies left out are predicted best by weibull" in words


def test_ranks_that_are_not_even_are_called_so() -> None:
    even = RankTest(ranks=np.arange(100)[:, None], n_unconverged=0)
    low = RankTest(ranks=np.arange(100)[:, None] // 4, n_unconverged=3)
    assert "recovers known parameters" in sampler_words(even)
    assert "NOT uniform" in sampler_words(low)
    assert "3 rounds had draws that did not converge" in sampler_words(low)
    assert critical_z(1, level=0.05) == pytest.approx(1.959964, abs=1e-6)


def test_the_next_study_is_less_certain_than_the_average_one() -> None:
    found = answers().next_study
    assert found is not None
    assert found.following[2] - found.following[0] >= 0.98 * (found.average[2] - found.average[0])
    if found.widest is not None:
        assert found.widest[2] - found.widest[0] > found.average[2] - found.average[0]
    assert "in the next one" in found.words


def test_the_terminal_shows_every_answer_in_short() -> None:
    text = io.StringIO()
    Console(file=text, width=160).print(calibration_report(fitted(), answers()))
    said = text.getvalue()
    for title in ("Prior beside posterior", "Shapes of the way", "What moves", "Two samplers"):
        assert title in said
    assert "the two samplers agree" in " ".join(said.split())


def test_the_page_keeps_its_seven_headings_and_loads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(page(fitted(), answers()), encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    assert text.count("<h2 id=") == 7
    assert "default-src 'none'" in text
    assert text.count("<figure>") == 6
    assert set(re.findall(r'src="([^,"]*)', text)) == {"data:image/svg+xml;base64"}
    assert "<link" not in text
    assert "Ranks of known parameters among the draws" in text


def test_plain_data_hold_what_was_asked_and_nothing_else() -> None:
    assert Answers().summary() == {}
    found = answers().summary()
    assert {"predictive_checks", "priors", "shapes", "elasticities", "ranks"} <= set(found)
    assert found["shapes"][0]["shape"] == "classes"
    assert len(largest(answers().elasticities, 1)) == len(predictions(MODEL)) + 1
