"""Rules and allocations of one's own are read field by field, and take part in a run."""

from dataclasses import dataclass

import numpy as np
import pytest

from lupusim.planning.runs.run import run
from lupusim.report.run.looks import adaptation_rows
from lupusim.scenario import scenario_from_mapping
from lupusim.simulation.adaptation.base import Conducted, OnceFollowed
from lupusim.simulation.looks.shared import fixed_look
from lupusim.simulation.totals import with_totals
from lupusim.trial.adaptation import ADAPTATIONS, Row
from lupusim.trial.allocation import ALLOCATIONS, Unblocked
from scenario_contents import content, problems


@dataclass(frozen=True, slots=True, kw_only=True)
class StricterAlpha(OnceFollowed):
    """Claim at a part of the level alone: a rule of a user's own."""

    part: float
    times: int = 1
    loud: bool = False

    def conduct(self, trial, block, patients):
        """Return how trials go that are judged more strictly."""
        del block
        found, verdict = fixed_look(trial, patients.generated)
        level = trial.analysis.alpha * self.part**self.times
        found["reject"] = (verdict.p_value <= level).astype(float)
        found["loud"] = np.full(len(found["reject"]), float(self.loud))
        return Conducted(with_totals(trial, patients.generated, found), patients.generated)

    def rows(self, trial):
        """Yield whether it is loud."""
        del trial
        yield Row(words="loud", quantity="loud")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternating(Unblocked):
    """The arms in turn, from a first one on."""

    first: int = 0

    def assign(self, ratio, stratum, *, rng):
        """Return the arm of each patient, shape (n_replicates, n_patients)."""
        del rng
        place = np.arange(stratum.shape[1]) + self.first
        return np.broadcast_to(place % len(ratio), stratum.shape).astype(np.int8)


@pytest.fixture(autouse=True)
def of_ones_own(monkeypatch):
    list(ADAPTATIONS), list(ALLOCATIONS)  # what other packages offer is loaded before
    monkeypatch.setitem(ADAPTATIONS._found, "stricter_alpha", StricterAlpha)
    monkeypatch.setitem(ALLOCATIONS._found, "alternating", Alternating)


def test_a_rule_of_ones_own_is_read_and_conducted():
    adaptation = {"kind": "stricter_alpha", "part": 0.5, "times": 40, "loud": True}
    scenario = scenario_from_mapping(content(adaptation=adaptation))
    assert scenario.points[0].trial.adaptation == StricterAlpha(part=0.5, times=40, loud=True)
    (point,) = run(scenario, 50).points
    assert point.power.value == 0
    assert next(iter(adaptation_rows(point)))[0] == "loud"
    assert list(problems(adaptation={"kind": "stricter_alpha"})) == ["adaptation.part"]
    assert "adaptation.loud" in problems(adaptation={**adaptation, "loud": 3})


def test_an_allocation_of_ones_own_is_read_and_used():
    changed = content(allocation={"method": "alternating", "first": 1})
    trial = scenario_from_mapping(changed).points[0].trial
    assert trial.allocation == Alternating(first=1)
    arm = trial.allocation.assign((1, 1), np.zeros((2, 4), dtype=int), rng=None)
    assert arm.tolist() == [[1, 0, 1, 0]] * 2
    assert trial.allocation.among((1, 1), (1, 1, 1)) is trial.allocation
    assert trial.allocation.block_size is None
