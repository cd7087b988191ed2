"""An arm whose patients come from outside: what is said of it, and what can't stand beside it."""

from __future__ import annotations

import re

import pytest

import lupusim
from lupusim.report.words.trials import what_it_means
from paragraphs import paragraph_of

TEXT = """schema: lupusim/scenario/1
title: against a registry
outcomes: {response: {kind: response, at: 24 weeks}}
arms:
  - {name: registry, control: true, external: true, outcomes: {response: 30 %}}
  - {name: cells, outcomes: {response: 55 %}}
enrollment: 10 per month
analysis: {test: pooled_z, alpha: 0.025, sided: 1}
sample_size: 120
simulation: {replicates: 50, seed: 1}
"""


def scenario_of(tmp_path, text):
    file = tmp_path / "registry.yaml"
    file.write_text(text)
    return lupusim.load_scenario(file)


def test_nobody_is_said_to_be_randomized_to_it(tmp_path):
    stated = scenario_of(tmp_path, TEXT)
    found = lupusim.run(stated, n_replicates=50, seed=1)
    said = paragraph_of(found.points[0])
    assert "compared, 1:1 (60 to registry, 60 to cells). Nobody is randomized: the patients" in said
    assert "will be randomized" not in said
    assert "nobody is randomized to registry" in what_it_means(stated)


def test_of_three_arms_two_are_randomized(tmp_path):
    text = TEXT.replace("enrollment:", "  - {name: dose, outcomes: {response: 50 %}}\nenrollment:")
    text = text.replace("sided: 1", "sided: 1, multiplicity: {method: dunnett}")
    found = lupusim.run(scenario_of(tmp_path, text), n_replicates=50, seed=1)
    said = paragraph_of(found.points[0])
    assert "will be randomized 1:1:1" in said
    assert "Nobody is randomized to registry" in said


def test_it_moves_no_number(tmp_path):
    stated = scenario_of(tmp_path, TEXT)
    plain = scenario_of(tmp_path, TEXT.replace("external: true, ", ""))
    one, other = (lupusim.run(s, n_replicates=50, seed=1) for s in (stated, plain))
    same = one.operating_characteristics == other.operating_characteristics
    assert bool((same | one.operating_characteristics.isna()).all().all())


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("name: cells,", "name: cells, external: true,", "no other arm is compared with it"),
        (
            "enrollment: 10 per month",
            "population: {strata: {sex: {f: 0.9, m: 0.1}}}\n"
            "allocation: {method: permuted_block, block_size: 4, stratify_by: [sex]}\n"
            "enrollment: 10 per month",
            "randomization is stratified",
        ),
        ("name: cells,", "name: cells, joins: 6 months,", "arms join or leave"),
        (
            "analysis: {test: pooled_z, alpha: 0.025, sided: 1}",
            "adaptation: {kind: bayesian_response, success: 0.98}",
            "the adaptation changes who is",
        ),
    ],
)
def test_what_goes_by_randomization_is_refused(tmp_path, old, new, fault):
    with pytest.raises(lupusim.errors.ScenarioError, match=re.escape(fault)):
        scenario_of(tmp_path, TEXT.replace(old, new))
