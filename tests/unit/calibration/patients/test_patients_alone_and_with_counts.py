from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import expm

from lupusim.calibration.fit import fit_studies
from lupusim.calibration.patients.contributions import PanelLikelihood, StayLikelihood
from lupusim.calibration.patients.histories import CENSORED, Panel, Stays
from lupusim.calibration.targets.times import EventRate
from lupusim.errors import EvidenceError
from lupusim.model import Clock, LatentClass, MultiStateModel, Transition
from lupusim.model.hazards import ExponentialHazard, PiecewiseExponentialHazard, WeibullHazard
from lupusim.report.calibration.page import questions
from lupusim.report.calibration.tables import likelihood_in_words
from lupusim.scenario.files.patients import load_patients
from studies_for_tests import chain_model, free_rates, study
from tolerance import SEED

MODEL = chain_model(ExponentialHazard(rate=0.3), ExponentialHazard(rate=0.2))
FREE = free_rates(MODEL, middle=0.3)


def stays(*rows: tuple[int, int, int, float, float, float]) -> Stays:
    patient, state, to, entered, begin, end = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    return Stays(patient=patient, state=state, to=to, entered=entered, begin=begin, end=end)


def test_patients_and_published_rates_add_up() -> None:
    """Exponential: events over years, of both together."""
    seen = stays(
        (0, 0, 1, 0.0, 0.0, 2.0), (0, 1, 2, 2.0, 2.0, 5.0), (1, 0, CENSORED, 0.0, 0.0, 8.0)
    )
    rate = EventRate(origin=("ill",), to=("death",), events=5, person_years=20, until=3.0)
    fit = fit_studies(
        [study(rate)], FREE, seed=SEED, n_starts=2, patients=[StayLikelihood(FREE, seen)]
    )
    np.testing.assert_allclose(fit.estimates["estimate"], [1 / 10, 6 / 23], rtol=1e-4)
    assert fit.summary()["evidence"] == ["a study", "2 patients"]


def test_a_stay_runs_on_its_own_clock_and_from_when_it_was_watched() -> None:
    def way(clock: Clock) -> MultiStateModel:
        return MultiStateModel(
            name="clock",
            states=("well", "ill", "death"),
            transitions=(
                Transition(from_state="well", to_state="ill", hazard=ExponentialHazard(rate=0.3)),
                Transition(
                    from_state="ill",
                    to_state="death",
                    hazard=WeibullHazard(shape=2.0, scale=3.0),
                    clock=clock,
                ),
            ),
        )

    seen = stays((0, 1, 2, 1.0, 2.0, 4.0))
    for clock, begin, end in ((Clock.RESET, 1.0, 3.0), (Clock.FORWARD, 2.0, 4.0)):
        free = free_rates(way(clock))
        ours = StayLikelihood(free, seen).contributions(np.log([[0.3]]))[0, 0]
        by_hand = math.log(2 / 3 * (end / 3)) - (end / 3) ** 2 + (begin / 3) ** 2
        assert ours == pytest.approx(by_hand)


def test_a_hidden_class_mixes_whole_histories() -> None:
    model = MultiStateModel(
        name="classes",
        states=MODEL.states,
        transitions=MODEL.transitions,
        classes=(
            LatentClass(name="quick", probability=0.3, hazard_ratios={("well", "ill"): 3.0}),
            LatentClass(name="never", probability=0.7, hazard_ratios={("well", "ill"): 0.0}),
        ),
    )
    seen = stays(
        (0, 0, 1, 0.0, 0.0, 2.0), (0, 1, CENSORED, 2.0, 2.0, 3.0), (1, 0, CENSORED, 0.0, 0.0, 4.0)
    )
    ours = StayLikelihood(free_rates(model), seen).contributions(np.log([[0.3, 0.2]]))[0]
    first = 0.3 * 0.9 * math.exp(-0.9 * 2) * math.exp(-0.2)
    second = 0.3 * math.exp(-0.9 * 4) + 0.7
    np.testing.assert_allclose(np.exp(ours), [first, second])


def test_a_panel_whose_rates_change_is_a_product_of_exponentials() -> None:
    model = MultiStateModel(
        name="pieces",
        states=("a", "b"),
        transitions=(
            Transition(
                from_state="a",
                to_state="b",
                hazard=PiecewiseExponentialHazard(breaks=(1.0,), rates=(0.9, 0.2)),
                clock=Clock.FORWARD,
            ),
            Transition(from_state="b", to_state="a", hazard=ExponentialHazard(rate=0.5)),
        ),
    )
    zero = np.zeros(1, dtype=int)
    panel = Panel(
        patient=zero, state=zero, next_state=zero + 1, begin=np.array([0.4]), end=np.array([2.0])
    )
    ours = PanelLikelihood(free_rates(model), panel).contributions(np.log([[0.5]]))[0, 0]
    early, late = (np.array([[-r, r], [0.5, -0.5]]) for r in (0.9, 0.2))
    assert math.exp(ours) == pytest.approx((expm(early * 0.6) @ expm(late * 1.0))[0, 1])


def test_matrix_exponentials_refuse_a_semi_markov_model() -> None:
    model = chain_model(WeibullHazard(shape=2.0, scale=1.0), ExponentialHazard(rate=0.2))
    zero = np.zeros(1, dtype=int)
    panel = Panel(patient=zero, state=zero, next_state=zero, begin=np.zeros(1), end=np.ones(1))
    with pytest.raises(ValueError, match="Use SemiMarkovPanelLikelihood"):
        PanelLikelihood(free_rates(model), panel)


def test_a_move_that_the_model_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="patients moved ill -> well"):
        StayLikelihood(FREE, stays((0, 1, 0, 0.0, 0.0, 1.0)))
    with pytest.raises(ValueError, match="Its end must be later"):
        stays((0, 1, 2, 0.0, 1.0, 1.0))


TABLES = {
    "id,from,to,entry,exit,status\n1,well,ill,0,2,1\n1,ill,,2,3,0\n": None,
    "id,from,to,entry,exit,status\n1,wel,ill,0,2,1\n": r"line 2.*Did you mean 'well'",
    "id,from,to,entry,exit,status\n1,well,ill,0,2,7\n": r"status is 7",
    "id,from,to,entry,exit,status\n1,well,ill,0,x,1\n": r"line 2.*exit is 'x'",
    "id,from,to,entry,exit,status\n1,well,ill,2,2,1\n": "Its end must be later",
    "id,from,to,entry,exit,status\n1,well,ill,3,2,1\n": "line 2: exit is 2, and entry 3",
    "id,from,to,entry,exit,status\n1,well,,0,,0\n": "line 2: exit is empty",
    "id,from,to,entry,exit,status\n1,well,,0,inf,0\n": "line 2: exit is 'inf'. Give a number",
    "id,from,to,entry,exit,status\n1,well,,-1,2,0\n": "line 2: entry is -1. Count times from 0",
    "id,from,to,entry,exit,status\n1,well,ill,2020-01-01,2021-01-01,1\n": "not a date",
    "id,from,to,entry,exit,status\n1,well,,0,2,1\n": "line 2: to is empty. Name a state",
    "id,from,to,entry,exit,status\n1,well,ill,0,2,1\n1,well,ill,0,2,1\n": "line 3.*there twice",
    "id,from,to,entry,exit,status\n1,well,ill,0,2,1\n1,well,death,0,2,1\n": "line 3.*ends twice",
    "id,from,to,entry,exit,status\n1,well,ill,0,2,1\n1,ill,,1,3,0\n": "line 3.*before.*ends at 2",
    "id,from,to,entry,exit,status\n1,well,ill,0,2,1\n1,ill,,2.5,3,0\n": "line 3.*begins at 2.5",
    "id,from,to,entry,exit,status\n1,well,ill,0,2,1\n1,well,,2,3,0\n": "line 3.*leaves them in",
    "id,from,to,entry,exit,status\n1,ill,well,0,2,1\n": "line 2: patients moved ill -> well",
    "id;from;to;entry;exit;status\n1;well;ill;0;2;1\n": "Separate columns by commas",
    "id,time,state\n1,0,well\n1,1,ill\n1,1,well\n": "line 4: patient 1 is seen at 1 in line 3, too",
    "id,time,state\n1,0,ill\n1,1,well\n": r"line 3.*'well' after 'ill' \(line 2\)",
    "id,time,state\n1,0,well\n1,1,death\n1,2,well\n": "line 4.*no way there",
    "id,time,state\n1,0,well\n1,1,\n": "line 3: state is empty",
    "id,time,state\n1,0,well\n2,0,well\n": "no patient is seen twice",
    "id,time\n1,0\n": "Give id, from, to, entry, exit, status; or, for a panel, id, time, state",
    "id,time,state\n": "no rows",
}


@pytest.mark.parametrize(("text", "words"), TABLES.items())
def test_a_table_is_read_or_refused_with_its_line(
    text: str, words: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "patients.csv"
    path.write_text(text, encoding="utf-8")
    if words is None:
        seen = load_patients(path, MODEL, unit="months")
        assert isinstance(seen, Stays)
        assert seen.to.tolist() == [1, CENSORED]
        np.testing.assert_allclose(seen.end, [2 / 12, 3 / 12])
        return
    with pytest.raises(EvidenceError, match=words):
        load_patients(path, MODEL)


COVARIATES = {
    "": "line 3: age is empty",
    "old": "line 3: age is 'old'. Give a number: 0 and 1 for two groups",
    "0.51": "age runs from 0.5 to 0.51 only. Count it in smaller units",
    "1957": "line 3: age is 1957, and the model's hazards are those at 0. Subtract its mean",
}


@pytest.mark.parametrize(("value", "words"), COVARIATES.items())
def test_a_covariate_that_is_no_number_near_zero_is_refused(
    value: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "patients.csv"
    head = "id,from,to,entry,exit,status,age\n1,well,ill,0,2,1,0.5\n"
    path.write_text(f"{head}2,well,,0,3,0,{value}\n", encoding="utf-8")
    with pytest.raises(EvidenceError, match=words):
        load_patients(path, replace(MODEL, covariates={"age": {("well", "ill"): 0.0}}))


def test_patients_are_told_apart_by_the_letters_of_their_names(tmp_path: Path) -> None:
    path = tmp_path / "patients.csv"
    path.write_text("id,time,state\n001,0,well\n001,1,ill\n1,0,well\n1,1,well\n", encoding="utf-8")
    seen = load_patients(path, MODEL)
    assert seen.n_patients == 2


def test_rows_of_mstate_and_of_changing_covariates_are_one_stay(tmp_path: Path) -> None:
    path = tmp_path / "patients.csv"
    path.write_text(
        "id,from,to,entry,exit,status\n"
        "1,1,2,0,1,0\n1,1,2,1,2,0\n1,1,3,1,2,0\n2,1,3,0,2,0\n2,1,2,0,2,1\n",
        encoding="utf-8",
    )
    seen = load_patients(path, MODEL)
    assert isinstance(seen, Stays)
    assert seen.entered.tolist() == [0, 0, 0]
    assert seen.to.tolist() == [CENSORED, CENSORED, 1]


def test_where_patients_alone_are_fitted_nothing_is_said_of_targets_or_counts() -> None:
    seen = stays((0, 0, 1, 0.0, 0.0, 2.0), (1, 0, CENSORED, 0.0, 0.0, 8.0))
    fit = fit_studies([], FREE, seed=SEED, n_starts=2, patients=[StayLikelihood(FREE, seen)])
    said = [word for one in questions(fit)[:3] for word in (one.title, *one.words)]
    said += [*fit.statements, *fit.estimates["verdict"], likelihood_in_words(fit)]
    text = " ".join(said)
    assert "2 single patients" in text
    assert "every single patient's course" in text
    assert not [word for word in ("targets", "multinomial", "every count") if word in text]
    rate = EventRate(origin=("ill",), to=("death",), events=5, person_years=20, until=3.0)
    counted = fit_studies([study(rate)], FREE, seed=SEED, n_starts=2)
    assert "more than if every count" in likelihood_in_words(counted)
