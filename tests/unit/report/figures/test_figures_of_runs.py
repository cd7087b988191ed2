"""What the pictures of runs, designs and trials show: their numbers, not their pixels."""

from __future__ import annotations

import importlib.util
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm

import lupusim
from lupusim.analysis import kaplan_meier
from lupusim.analysis.group_sequential import bounds
from lupusim.planning.theory.power import known_power
from lupusim.report.figures import designs, patients, runs, samples, style
from lupusim.simulation.patient_level.tables import simulate_trial
from tolerance import SEED


@pytest.fixture(scope="module")
def looks():
    return lupusim.load_scenario("survival_three_looks")


@pytest.fixture(scope="module")
def sizes():
    return lupusim.run(lupusim.load_scenario("phase2_remission_52w"), 60, seed=SEED)


def test_bounds_on_three_scales_are_those_of_the_design(looks):
    (paths,) = samples.look_paths(looks.points[0].trial, seed=SEED, n_trials=60)
    plan = bounds([67 / 200, 134 / 200, 1.0], alpha=0.025, spending="obrien_fleming")
    z = designs.bounds_shown(paths, designs.Scale.Z)
    assert z.lines["efficacy"][0] == pytest.approx(plan.efficacy)
    p = designs.bounds_shown(paths, designs.Scale.P_VALUE)
    assert p.lines["efficacy"][0] == pytest.approx(norm.sf(plan.efficacy))
    effect = designs.bounds_shown(paths, designs.Scale.EFFECT)
    assert effect.label == "hazard ratio"
    # the variance of a log hazard ratio is about four over the events (1:1, Schoenfeld 1981)
    about = np.exp(-plan.efficacy * 2 / np.sqrt([67, 134, 200]))
    assert effect.lines["efficacy"][0] == pytest.approx(about, rel=0.02)


def test_paths_end_where_a_bound_is_crossed(looks):
    (paths,) = samples.look_paths(looks.points[0].trial, seed=SEED, n_trials=60)
    for path in paths.z:
        held = np.flatnonzero(np.isfinite(path))
        crossed = path >= paths.efficacy
        assert not crossed[held[:-1]].any()
        assert held[-1] == 2 or crossed[held[-1]]


def test_two_sided_bounds_have_two_sides_and_one_p_value():
    known = {"information": np.array([0.5, 1.0]), "standard_error": np.array([0.2, 0.1])}
    path = np.array([[1.0, -2.5]])
    paths = samples.LookPaths(
        hypothesis="new",
        effect="risk difference",
        sided=2,
        sign=1,
        null_value=0.1,
        efficacy=np.array([2.9, 2.0]),
        futility=np.full(2, -np.inf),
        fraction=np.array([[0.5, 1.0]]),
        z=path,
        estimate=np.array([[0.3, -0.15]]),
        **known,
    )
    shown = designs.bounds_shown(paths, designs.Scale.Z)
    assert [line.tolist() for line in shown.lines["efficacy"]] == [[2.9, 2.0], [-2.9, -2.0]]
    p = designs.bounds_shown(paths, designs.Scale.P_VALUE)
    assert len(p.lines["efficacy"]) == 1
    assert p.lines["efficacy"][0] == pytest.approx(2 * norm.sf([2.9, 2.0]))
    assert p.paths[0] == pytest.approx(2 * norm.sf(np.abs(path[0])))
    effect = designs.bounds_shown(paths, designs.Scale.EFFECT)
    assert effect.lines["efficacy"][0] == pytest.approx([0.1 + 0.58, 0.1 + 0.2])


def test_a_trial_without_known_bounds_has_no_paths():
    trial = lupusim.load_scenario("cohort_5y").points[0].trial
    assert samples.look_paths(trial, seed=SEED) == ()


def test_patients_and_events_over_calendar_time_end_as_planned(looks):
    found = samples.calendar_of(looks.points[0].trial, seed=SEED, n_trials=30)
    assert (found.enrolled[:, -1] == 300).all()
    assert (np.diff(found.enrolled, axis=1) >= 0).all()
    together = sum(found.events.values())
    assert together.max() == 200  # none after the data are cut at 200 events
    at_first = found.looks[:, 0]
    seen = [np.interp(t, found.time, row) for t, row in zip(at_first, together, strict=True)]
    assert np.abs(np.array(seen) - 67).max() < 6  # between two points of the grid


def test_stops_add_up_to_one_and_their_limits_hold_the_sum(looks):
    (point,) = lupusim.run(looks, 100, seed=SEED).points
    found = runs.stops(point.tally, 3)
    assert sum(stop.share for stop in found) == pytest.approx(1)
    successes = sum(s.share for s in found if s.name.endswith(("efficacy", "success")))
    assert successes == pytest.approx(point.plain.power.value)
    for stop, so_far in zip(found, np.cumsum([s.share for s in found]), strict=True):
        assert stop.together.lower - 1e-12 <= so_far <= stop.together.upper + 1e-12


def test_dots_are_the_results_of_the_run(sizes):
    found = runs.dots(runs.named(sizes))
    assert list(found) == ["power", "type I error", "patients", "months"]
    assert [d.value for d in found["power"]] == [p.power.value for p in sizes.points]
    assert [d.value for d in found["patients"]] == [60, 120, 180, 240]
    duration = sizes.points[0].tally.mean("duration")
    assert found["months"][0].upper == pytest.approx(
        12 * (duration.value + 1.959964 * duration.mcse)
    )


def test_designs_that_differ_in_two_alike_numbers_are_named_in_words_that_fit_their_rows():
    result = lupusim.run(lupusim.load_scenario("null_and_drift"), 6, seed=SEED)
    names = [name for name, _ in runs.named(result)]
    assert names[0] == "hazard ratio, population = 0.57; hazard ratio, msc = 1.0"
    assert runs.what_names_mean(result)[1] == (
        "hazard ratio, msc: hazard ratio on active to response, msc "
        "(arms.msc.effects.0.hazard_ratio)"
    )
    of_runs = runs.named_of_runs([("drift", result)])
    assert [name for name, _ in of_runs] == [f"drift: {name}" for name in names]
    panel = runs.characteristics_figure(of_runs).axes[0]
    shown = [label.get_text() for label in panel.get_yticklabels()]
    words = [" ".join(text.replace("\N{NO-BREAK SPACE}", " ").split()) for text in shown]
    assert words == [name for name, _ in of_runs]  # no word is broken, none left out
    boxes = [label.get_window_extent() for label in panel.get_yticklabels()]
    assert all(upper.y0 > lower.y1 for upper, lower in pairwise(boxes))


def test_power_is_drawn_over_the_number_that_varies(sizes):
    name, values = runs.power_over(sizes)
    assert name == "sample_size"
    assert values.tolist() == [60, 120, 180, 240]
    (axes,) = runs.power_figure(sizes, target=0.8).axes
    power = axes.get_lines()[0]
    assert power.get_xdata().tolist() == [60, 120, 180, 240]
    assert list(power.get_ydata()) == [p.power.value for p in sizes.points]
    assert "patients" in axes.get_xlabel()
    (marks,) = [line for line in axes.get_lines() if line.get_label() == "power, exact"]
    assert list(marks.get_ydata()) == [known_power(p.trial).value for p in sizes.points]


def test_no_power_is_marked_as_known_where_it_is_simulated_alone():
    varied = lupusim.load_scenario("score_change")
    (axes,) = runs.power_figure(lupusim.run(varied, 6, seed=SEED)).axes
    assert [line.get_label() for line in axes.get_lines()] == ["power", "type I error"]


def test_curves_are_those_of_the_analysis(looks):
    trial = simulate_trial(looks, engine="vector", seed=SEED)
    table = trial.endpoints["survival"]
    for curve in patients.curves(table):
        those = table[table["arm"] == curve.arm]
        wanted = kaplan_meier(those["time"], those["event"], [1.0])
        at = np.searchsorted(curve.time, 1.0, side="right") - 1
        assert curve.value[at] == pytest.approx(wanted.survival[0])
        late = those["time"] >= patients.counted_at(table)[2]
        assert curve.at_risk[2] == late.sum()


def test_curves_of_competing_events_are_incidences():
    table = simulate_trial(
        lupusim.load_scenario("survival_three_looks"), engine="vector", seed=SEED
    ).endpoints["survival"]
    rivals = table.assign(competing=table["event"] & (table.index % 2 == 0))
    rivals["event"] = table["event"] & (table.index % 2 == 1)
    with_rivals = {curve.arm: curve for curve in patients.curves(rivals)}
    for curve in patients.curves(table):
        last = with_rivals[curve.arm].value
        assert (np.diff(last) >= 0).all()
        assert last[-1] < 1 - curve.value[-1]


def test_stays_fill_the_time_that_a_patient_was_seen():
    scenario = lupusim.load_scenario("phase2_remission_52w")
    trial = simulate_trial(scenario, engine="vector", seed=SEED)
    start = {arm.name: "active" for arm in scenario.points[0].trial.arms}
    found = patients.stays(trial, start)
    total = (found["end"] - found["begin"]).groupby(found["patient"]).sum()
    seen = trial.patients.set_index("patient")["seen_until"]
    assert total.to_numpy() == pytest.approx(seen[total.index].to_numpy())
    chosen = patients.lanes(trial, 10)
    assert chosen["arm"].value_counts().to_dict() == {"msc": 5, "placebo": 5}


@pytest.mark.parametrize("name", ["survival_three_looks", "phase2_remission_52w"])
def test_every_axis_is_labeled_and_svg_names_no_address(name):
    result = lupusim.run(lupusim.load_scenario(name), 20, seed=SEED)
    figure = runs.run_figure(result)
    assert all(axes.get_ylabel() for axes in figure.axes)
    assert figure.axes[-1].get_xlabel()
    svg = style.as_svg(figure)
    assert svg == style.as_svg(figure)
    without_names = svg.replace(b'xmlns="http://www.w3.org/2000/svg"', b"")
    assert b"http" not in without_names.replace(b'xmlns:xlink="http://www.w3.org/1999/xlink"', b"")


def test_a_missing_extra_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(style.MissingExtraError, match=r'pip install "lupusim\[report\]"'):
        style.need_plotting()
