"""Laws of patients whose treatment begins anew, against integrals and laws without treatment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from lupusim.engines.exact.accumulation import accumulate
from lupusim.engines.exact.law import laws
from lupusim.engines.exact.restarts import laws_by_course
from lupusim.errors import NoExactSolutionError
from lupusim.model import (
    Clock,
    LatentClass,
    MultiStateModel,
    PiecewiseRatio,
    Start,
    Transition,
)
from lupusim.model.hazards import (
    ExponentialHazard,
    PiecewiseExponentialHazard,
    WeibullHazard,
)

STATES = ("ill", "worse", "well")
UNTIL = 2.0


PLAIN = PiecewiseRatio()


def way(begin, end, rate, ratio=PLAIN, **more):
    hazard = rate if hasattr(rate, "cumulative") else ExponentialHazard(rate=rate)
    return Transition(from_state=begin, to_state=end, hazard=hazard, ratio=ratio, **more)


def model(*transitions, **more):
    return MultiStateModel(name="restarts", states=STATES, transitions=transitions, **more)


def years(law, tolerance=1e-7):
    n = len(STATES)
    return accumulate(law, UNTIL, tolerance=tolerance).time.reshape(-1, n).sum(axis=0)


SECOND = PiecewiseRatio(breaks=(0.3,), ratios=(5.0, 0.5))
LATER = model(way("ill", "worse", 0.8), way("worse", "well", 1.0, SECOND))
SWITCHED = model(
    way("ill", "worse", 0.8),
    way("worse", "well", 1.0),
    restarts=("worse",),
    afterwards=LATER,
)


def test_an_effect_runs_from_the_switch():
    ((share, law),) = laws_by_course(SWITCHED)

    def well(time):
        def came(begun):
            waited = time - begun
            grown = 5.0 * min(waited, 0.3) + 0.5 * max(waited - 0.3, 0.0)
            return 0.8 * np.exp(-0.8 * begun) * -np.expm1(-grown)

        return quad(came, 0, time, points=[max(time - 0.3, 0.0)])[0]

    assert share == 1
    assert all(arc.renews for arc in law.arcs)  # quick
    expected = quad(well, 0, UNTIL, points=[0.3])[0]
    assert years(law)[2] == pytest.approx(expected, abs=1e-6)
    assert years(law)[0] == pytest.approx(-np.expm1(-0.8 * UNTIL) / 0.8, abs=1e-6)


def test_a_course_that_follows_itself_is_a_hazard_on_the_time_in_the_state():
    rest = way("ill", "well", 0.2)
    again = model(
        way("ill", "worse", 1.5), way("worse", "ill", 1.0, SECOND), rest, restarts=("worse",)
    )
    steps = PiecewiseExponentialHazard(breaks=(0.3,), rates=(5.0, 0.5))
    plain = model(way("ill", "worse", 1.5), way("worse", "ill", steps, clock=Clock.RESET), rest)
    ((_, law),), ((_, known),) = laws_by_course(again), laws(plain, None)
    np.testing.assert_allclose(years(law), years(known), atol=1e-6)


@pytest.mark.parametrize("study_time", [False, True])
def test_nobody_meets_an_effect_that_is_over_before_a_state_is_entered(study_time):
    clock = Clock.FORWARD if study_time else Clock.RESET
    late = PiecewiseExponentialHazard(breaks=(0.5,), rates=(0.0, 2.0))
    early = PiecewiseRatio(breaks=(0.4,), ratios=(9.0, 2.0))
    ways = [way("ill", "worse", late, clock=clock), way("worse", "well", 1.0, early)]
    ((_, law),), ((_, known),) = laws_by_course(model(*ways)), laws(model(*ways), None)
    assert all(arc.renews for arc in law.arcs)
    np.testing.assert_allclose(years(law), years(known), atol=1e-6)


@pytest.mark.parametrize("spent", [0.0, 0.3])
def test_who_was_ill_before_or_has_a_hazard_of_any_form_keeps_his_clock(spent):
    weibull = WeibullHazard(shape=1.4, scale=1.0)
    late = PiecewiseExponentialHazard(breaks=(0.5,), rates=(0.0, 2.0))
    starts = (Start(state="ill", time_in_state=spent),)
    changing = PiecewiseRatio(breaks=(0.4,), ratios=(2.0, 1.0))
    ways = [
        way("ill", "worse", late, clock=Clock.RESET),
        way("ill", "well", weibull, changing),
        way("worse", "well", 1.0, changing),
    ]
    one = model(*ways, starts=starts)
    ((_, law),), ((_, known),) = laws_by_course(one), laws(one, None)
    np.testing.assert_allclose(years(law, 1e-4), years(known, 1e-4), atol=1e-4)


def test_classes_keep_their_ratios_in_every_course():
    classes = tuple(
        LatentClass(name=name, probability=p, hazard_ratios={("worse", "well"): ratio})
        for name, p, ratio in (("slow", 0.25, 1.0), ("fast", 0.75, 3.0))
    )
    later = replace(LATER, classes=classes)
    both = list(laws_by_course(replace(SWITCHED, classes=classes, afterwards=later)))
    assert [share for share, _ in both] == [0.25, 0.75]
    ((_, slow),) = laws_by_course(SWITCHED)
    np.testing.assert_allclose(years(both[0][1]), years(slow))
    assert years(both[1][1])[2] > years(slow)[2] + 0.1


def test_an_effect_on_another_state_is_not_known_from_the_time_in_it():
    later = model(*LATER.transitions, way("well", "ill", 1.0, SECOND))
    first = (*SWITCHED.transitions, way("well", "ill", 1.0))
    with pytest.raises(NoExactSolutionError, match="since a restart"):
        list(laws_by_course(replace(SWITCHED, transitions=first, afterwards=later)))
