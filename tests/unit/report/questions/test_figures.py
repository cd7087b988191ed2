"""Figures and sentences of planning answers."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import small_trials
from lupusim.planning.assurance.assurance import Nesting, Worthwhile, assurance
from lupusim.planning.assurance.beliefs import Beliefs, ResponseGain
from lupusim.planning.assurance.effect_priors import OrNoEffect
from lupusim.planning.assurance.known_powers import KnownPowers
from lupusim.planning.assurance.power_distribution import PowerDistribution
from lupusim.planning.sample_size.growth import EventsInProportion
from lupusim.planning.sample_size.options import Search
from lupusim.planning.sample_size.search import find_size
from lupusim.planning.sensitivity.one_at_a_time import Measure, sensitivity
from lupusim.planning.sensitivity.sobol import sobol
from lupusim.report.figures import style
from lupusim.report.questions import answers, assured, figures
from lupusim.simulation.tally import Mean
from tolerance import SEED

CURVE = pd.DataFrame(
    {"n_patients": [120, 60, 90], "power": [0.9, 0.6, 0.8], "power_mcse": [0.01, 0.02, 0.01]}
)
RATES = small_trials.rates((0.3, 0.5), n_patients=100)


def build(values):
    return small_trials.rates((values.get("control", 0.3), values.get("new", 0.5)), n_patients=80)


@pytest.fixture(scope="module")
def swings():
    ranges = {"control": (0.25, 0.35), "new": (0.4, 0.6), "unused": (0, 1)}
    return sensitivity(build, ranges, measure=Measure(n_replicates=100, seed=SEED))


@pytest.fixture(scope="module")
def believed():
    nesting = Nesting(worthwhile=Worthwhile(gain=ResponseGain(), at_least=0.1))
    prior = OrNoEffect(probability=0.3)
    scenario = small_trials.scenario(RATES)
    return assurance(scenario, effect_prior=prior, seed=SEED, n_replicates=1000, nesting=nesting)


@pytest.fixture
def drawn(swings, believed):
    return {
        "power": figures.power_curve(CURVE, target=0.8, title="Power"),
        "assurance": figures.assurance_distribution(believed.points[0]),
        "tornado": figures.tornado(swings),
    }


def printed(table) -> str:
    text = io.StringIO()
    Console(width=160, file=text).print(table)
    return text.getvalue()


@pytest.mark.parametrize("name", ["power", "assurance", "tornado"])
@pytest.mark.parametrize("ending", ["svg", "png"])
def test_a_figure_is_written_with_the_same_bytes_every_time(drawn, name, ending, tmp_path):
    first = style.save(drawn[name], tmp_path / f"first.{ending}").read_bytes()
    second = style.save(drawn[name], tmp_path / f"second.{ending}").read_bytes()
    assert first == second
    assert len(first) > 2000


def test_the_same_answer_drawn_again_gives_the_same_bytes(tmp_path):
    files = [
        style.save(figures.power_curve(CURVE, target=0.8), tmp_path / f"{k}.svg") for k in (1, 2)
    ]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_another_ending_is_refused(drawn, tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.png or \.svg"):
        style.save(drawn["power"], tmp_path / "power.docx")


def test_the_power_curve_is_drawn_from_small_to_large_with_its_band(drawn):
    axes = drawn["power"].axes[0]
    assert axes.lines[0].get_xdata().tolist() == [60, 90, 120]
    band = axes.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(0.6 - 1.96 * 0.02, abs=1e-3)
    assert axes.get_xlabel() == "patients"


def test_the_bars_of_the_distribution_hold_all_the_probability(drawn):
    bars = drawn["assurance"].axes[0].patches
    areas = [bar.get_height() * bar.get_width() for bar in bars]
    assert sum(areas) == pytest.approx(0.05)  # heights are probabilities per 0.05 of power
    assert bars[0].get_width() == pytest.approx(0.05)


def test_the_widest_swing_is_on_top(drawn):
    labels = [label.get_text() for label in drawn["tornado"].axes[0].get_yticklabels()]
    assert labels[-1].startswith("new")
    assert labels[0].startswith("unused")


def test_the_size_is_told_in_a_table_and_a_sentence():
    sizing = EventsInProportion(trial=small_trials.survival(0.5))
    size = find_size(sizing, 0.8, search=Search(seed=SEED, precision=0.2))
    table, sentence = printed(answers.size_table(size)), answers.size_sentence(size)
    marked = [line for line in table.splitlines() if "> │" in line]
    assert len(marked) == 1
    assert str(size.n_patients) in marked[0]
    assert "events" in table
    assert sentence.startswith(f"{size.n_patients} patients, with the data cut at {size.size}")
    assert "reach power 0.8" in sentence
    for confirmed, words in (
        (0.8, "months."),
        (0.797, "That is a little below the target, by no more than 2 standard errors."),
        (0.79, "That is below the target: treat the size as too small."),
    ):
        fresh = replace(size, confirmed=Mean(value=confirmed, mcse=0.002))
        assert answers.size_sentence(fresh).endswith(words)


def test_assurance_is_told_beside_power(believed):
    assert "assurance" in printed(assured.assurance_table(believed))
    sentence = assured.assurance_sentence(believed)
    assert sentence.startswith("With 100 patients the trial succeeds in")
    assert "the true effect is worthwhile in 70 of 100 cases" in sentence
    assert "of 100 over all that the prior or the posterior draws allow" in sentence


def test_the_table_of_an_assurance_says_how_the_power_of_the_draws_is_known(believed):
    (point,) = believed.points
    assert "power exact, integrated over the prior" in printed(assured.assurance_table(believed))
    drawn = replace(
        point, distribution=KnownPowers(powers=np.linspace(0.0, 1.0, 200), per_draw=5, seed=SEED)
    )
    for of_each, words in (
        ((None,), "replicates, 5 for each draw, seed"),
        ((0,), "draws, power exact in each, seed"),
        ((40, 40), "draws, power from 40 drawn tables of each, seed"),
        ((0, 40, 30), "draws, power exact or from 30 or 40 drawn tables of each, seed"),
        ((None, 40), "(patients; numbers of them where these say all), seed"),
    ):
        points = tuple(replace(drawn, tables_per_draw=n) for n in of_each)
        for some in (points, (*points, point)):
            shown = _shown(replace(believed, points=some, n_replicates=1000, per_draw=5))
            assert words.removesuffix(", seed") in shown
            assert ("(or exact, integrated over the prior), seed" in shown) == (some != points)


def test_exact_numbers_of_an_assurance_have_no_error_beside_them(believed):
    (point,) = believed.points
    shown = _shown(believed)
    assert "exact, by sums over all tables and an integral over the prior" in shown
    assert f"{point.assurance.value:.4f}" in shown
    assert "(0)" not in shown
    none = PowerDistribution(
        n_rejected=np.repeat([0, 3], 100),
        per_draw=5,
        strengths=np.repeat([0.0, 1.0], 100),
        models_are_certain=True,
    )
    simulated = replace(point, distribution=none, tables_per_draw=None)
    shown = _shown(replace(believed, points=(simulated,), n_replicates=1000, per_draw=5))
    assert "0 (below 0.008)" in shown  # of 500 trials none succeeded


def _shown(result):
    return " ".join(printed(assured.assurance_table(result)).split())


def test_an_assurance_of_four_designs_is_a_table_in_80_columns(believed):
    (point,) = believed.points
    exact = replace(point, power=Mean(value=0.26501, mcse=0.0))
    points = tuple(replace(exact, values={"sample_size": n}) for n in (60, 120, 180, 240))
    text = io.StringIO()
    Console(file=text, width=80).print(assured.assurance_table(replace(believed, points=points)))
    lines = text.getvalue().splitlines()
    assert any(line.count("0.2650") == len(points) for line in lines)
    assert "stated (exact)" in " ".join(text.getvalue().replace("│", " ").split())


def test_where_nothing_is_unsure_assurance_says_so_and_shows_the_power_alone(believed):
    certain = replace(believed, certain=True)
    sentence, table = assured.assurance_sentence(certain), printed(assured.assurance_table(certain))
    assert sentence.startswith("Nothing varies: all is as stated, and with 100 patients the trial")
    assert "--draws" in sentence
    assert "quantile" not in table
    assert "quantile" in printed(assured.assurance_table(believed))


def test_beliefs_know_whether_anything_is_unsure(believed):
    assert Beliefs().are_certain
    assert not Beliefs(effect=OrNoEffect(probability=0.3)).are_certain
    assert assurance(small_trials.scenario(RATES), n_replicates=20, seed=SEED).certain
    assert not believed.certain


def test_the_tornado_is_told_with_what_does_not_show(swings):
    assert "low to high" in printed(answers.tornado_table(swings))
    sentence = answers.tornado_sentence(swings)
    assert sentence.startswith("new matters most: from 0.4 to 0.6, power goes from")
    assert sentence.endswith("No change shows for unused.")


def test_a_tornado_of_nothing_says_so():
    nothing = sensitivity(build, {"unused": (0, 1)}, measure=Measure(n_replicates=20))
    told = answers.tornado_sentence(nothing)
    assert told == "None of these numbers changes power more than chance would."


def test_sobol_indices_are_told():
    found = sobol(
        build, {"control": (0.25, 0.3), "new": (0.4, 0.7)}, measure=Measure(n_replicates=100)
    )
    assert "with interactions" in printed(answers.sobol_table(found))
    assert answers.sobol_sentence(found).startswith("new has ")


def test_a_long_title_lies_within_its_figure():
    figure = figures.power_curve(CURVE, title="A trial of one infusion against placebo, " * 4)
    box = figure.texts[0].get_window_extent()
    assert 0 < box.x0 < box.x1 < figure.bbox.width


def test_costs_are_shown_where_they_are_asked_for_or_stated():
    path = "arms.msc.effects.0.hazard_ratio"
    size = {"n_patients": 356, "n_patients_low": 354, "n_patients_high": 360, "power": 0.9}
    row = {path: 2.3, **size, "power_mcse": 0.002, "duration": 3.0, "duration_mcse": 0.01}
    row |= {"cost": 356.0, "cost_mcse": 0.0}

    def told(*rows):
        text = io.StringIO()
        Console(file=text, width=120).print(answers.frontier_table(rows, target=0.9))
        return text.getvalue()

    assert "cost" not in told(row)
    assert "hazard ratio = 2.3" in told(row)
    assert f"hazard ratio: of effect 1, msc ({path})" in " ".join(told(row).split())
    assert "cost" in told(row, row | {"cost": 4000.0})
    assert "cost" in told(row | {"on_frontier": True})
