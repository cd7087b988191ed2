"""Bounds of several hypotheses in tables, words and pictures: what a protocol would copy."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

import lupusim
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.report.document.protocol import looks_table
from lupusim.report.figures.designs import Scale, bounds_figure, bounds_shown
from lupusim.report.figures.samples import look_paths
from lupusim.report.words.trials import what_it_means
from paragraphs import paragraph_of

SEED = 20260101
TWO_DOSES = """
schema: lupusim/scenario/1
title: two doses
outcomes: {response: {kind: response, at: 24 weeks}}
arms:
  - {name: control, control: true, outcomes: {response: 30 %}}
  - {name: low, outcomes: {response: 45 %}}
  - {name: high, outcomes: {response: 55 %}}
looks:
  - {when: {patients: 60, followed: 24 weeks}, futility: {z: 0}, efficacy: {spending: pocock}}
  - {when: {last_patient: 24 weeks}}
enrollment: 10 per month
analysis: {test: pooled_z, multiplicity: {method: METHOD}, alpha: 0.025, sided: 1}
sample_size: 120
"""


def point_of(tmp_path, method="holm"):
    file = tmp_path / "two.yaml"
    file.write_text(TWO_DOSES.replace("METHOD", method))
    return lupusim.run(lupusim.load_scenario(file), 20, seed=SEED).points[0]


def spent(z, half=0.5):
    """Error of bounds at half and all of the information, by the bivariate normal law."""
    law = multivariate_normal(cov=[[1, np.sqrt(half)], [np.sqrt(half), 1]])
    return 1 - law.cdf(np.array(z))


def test_each_dose_has_its_bounds_at_first_and_once_the_other_is_shown(tmp_path):
    point = point_of(tmp_path)
    found = look_paths(point.trial, seed=SEED, n_trials=40)
    assert [one.hypothesis for one in found] == ["low", "high"]
    for paths in found:
        assert spent(paths.efficacy) == pytest.approx(0.0125, abs=2e-5)
        assert spent(paths.later) == pytest.approx(0.025, abs=2e-5)
        table = looks_table(point, paths)
        columns = dict(zip(table.head, zip(*table.rows, strict=True), strict=True))
        both = ("efficacy at first", "efficacy later")
        assert columns["bound"] == (*both, "futility", *both)
        wanted = [paths.efficacy[0], paths.later[0], 0.0, paths.efficacy[1], paths.later[1]]
        assert columns["z"] == tuple(f"{z:.4f}" for z in wanted)
        assert "spent" not in table.head
        assert "spent" not in table.caption
        assert "once all the other hypotheses are shown" in table.caption


def test_no_picture_gives_up_at_the_last_look(tmp_path):
    for paths in look_paths(point_of(tmp_path).trial, seed=SEED, n_trials=40):
        shown = bounds_shown(paths, Scale.Z)
        (futility,) = shown.lines["futility"]
        assert futility[0] == 0
        assert np.isnan(futility[1])
        assert shown.lines["later"][0] == pytest.approx(paths.later)
        assert norm.sf(paths.later).sum() > norm.sf(paths.efficacy).sum()
        labels = [line.get_label() for line in bounds_figure(paths).axes[0].get_lines()]
        assert "once all others are shown" in labels


def test_what_passes_nothing_on_has_one_bound(tmp_path):
    point = point_of(tmp_path, "bonferroni")
    for paths in look_paths(point.trial, seed=SEED, n_trials=40):
        assert paths.later is None
        assert {row[3] for row in looks_table(point, paths).rows} == {"efficacy", "futility"}


def test_the_second_of_a_sequence_is_tested_once_the_first_is_shown(tmp_path):
    point = point_of(tmp_path, "fixed_sequence")
    first, second = look_paths(point.trial, seed=SEED, n_trials=40)
    assert first.later is None
    assert spent(first.efficacy) == pytest.approx(0.025, abs=2e-5)
    assert np.isposinf(second.efficacy).all()
    kinds = [row[3] for row in looks_table(point, second).rows]
    assert kinds == ["efficacy later", "futility", "efficacy later"]


def test_the_protocol_names_spending_futility_and_whether_it_binds(tmp_path):
    said = paragraph_of(point_of(tmp_path))
    assert "follow Lan and DeMets' Pocock-type spending of its share of the level" in said
    assert "Futility bounds are given: z 0.000; they are non-binding" in said


def test_check_says_the_bounds_of_several_hypotheses_and_whether_they_bind(tmp_path):
    file = tmp_path / "two.yaml"
    file.write_text(TWO_DOSES.replace("METHOD", "holm"))
    said = what_it_means(lupusim.load_scenario(file))
    first, later = (
        GroupSequential(alpha=alpha, efficacy="pocock").bounds(np.array([[0.5, 1.0]]))[0][0]
        for alpha in (0.0125, 0.025)
    )
    for one, two in zip(first, later, strict=True):
        at = f"success above z = {one:.3f} at first and z = {two:.3f} once the others are shown"
        assert at in said
    assert said.count("failure below z = 0.000") == 1
    assert "The bounds for failure are non-binding" in said
    assert "Simulated trials obey the bounds for failure, also those of the type I error." in said
    file.write_text(TWO_DOSES.replace("METHOD", "fixed_sequence").replace("futility: {z: 0}, ", ""))
    said = what_it_means(lupusim.load_scenario(file))
    assert f"z = {later[1]:.3f} (response at 24 weeks, low); z = {later[1]:.3f} once" in said
    assert "obey" not in said
