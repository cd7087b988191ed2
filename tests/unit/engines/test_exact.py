"""The exact engine's interface: inputs, classes, covariates, starts, refusals."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from lupusim.engines import exact
from lupusim.engines.exact import ever, ever_after, occupancy, solve, time_in_state
from lupusim.engines.exact.renewal import RenewalGrid
from lupusim.errors import NoExactSolutionError
from lupusim.model import (
    Clock,
    LatentClass,
    MultiStateModel,
    PiecewiseRatio,
    Start,
    Transition,
    TreatmentEffect,
)
from lupusim.model.hazards import ExponentialHazard, PiecewiseExponentialHazard, WeibullHazard

REMIT = ("active", "remission")
FLARE = ("remission", "active")
DIE = ("active", "death")


def example(**changes: object) -> MultiStateModel:
    def way(edge: tuple[str, str], shape: float, scale: float) -> Transition:
        hazard = WeibullHazard(shape=shape, scale=scale)
        return Transition(from_state=edge[0], to_state=edge[1], hazard=hazard)

    model = MultiStateModel(
        name="example",
        states=("active", "remission", "death"),
        transitions=(way(REMIT, 0.8, 1.5), way(FLARE, 1.2, 2.0), way(DIE, 1.4, 9.0)),
        covariates={"age": {DIE: 0.5}},
    )
    return replace(model, **changes)  # type: ignore[arg-type]


def scaled(model: MultiStateModel, **ratios: float) -> MultiStateModel:
    edges = {"remit": REMIT, "flare": FLARE, "die": DIE}
    by_edge = {edges[name]: ratio for name, ratio in ratios.items()}
    return replace(
        model,
        transitions=tuple(
            replace(
                t,
                ratio=PiecewiseRatio(ratios=(by_edge.get((t.from_state, t.to_state), 1.0),)),
            )
            for t in model.transitions
        ),
    )


def one_stay(*, time_in_state: float) -> MultiStateModel:
    return MultiStateModel(
        name="one stay",
        states=("remission", "active"),
        transitions=(example().transitions[1],),
        starts=(Start(state="remission", time_in_state=time_in_state),),
    )


def test_times_may_come_in_any_order_twice_and_include_zero() -> None:
    solution = solve(example(), [5.0, 0.0, 1.0, 5.0])
    np.testing.assert_array_equal(solution.probabilities[0], solution.probabilities[3])
    np.testing.assert_array_equal(solution.probabilities[1], [1, 0, 0])
    again = solve(example(), [1.0, 5.0])
    np.testing.assert_allclose(solution.probabilities[[2, 0]], again.probabilities, atol=2e-6)


def test_times_off_the_grid_agree_with_a_grid_of_their_own() -> None:
    times = np.array([0.0123, 0.371, 1.0, math.e, math.pi, 7.77])
    together = solve(example(), times)
    alone = [solve(example(), [time]).probabilities[0] for time in times]
    assert together.error_bound <= 1e-6
    np.testing.assert_allclose(together.probabilities, alone, atol=2e-6)


def test_a_model_without_live_transitions_stays_where_it_starts() -> None:
    solution = solve(scaled(example(), remit=0, flare=0, die=0), [1.0, 2.0])
    np.testing.assert_array_equal(solution.probabilities, [[1, 0, 0], [1, 0, 0]])
    assert (solution.method, solution.error_bound, solution.n_steps) == ("nobody moves", 0.0, 0)


def test_latent_classes_mix_the_probabilities_of_each() -> None:
    classes = (
        LatentClass(name="responder", probability=0.3),
        LatentClass(name="other", probability=0.7, hazard_ratios={REMIT: 0.0, DIE: 2.0}),
    )
    mixed = solve(example(classes=classes), [1.0, 5.0]).probabilities
    parts = 0.3 * solve(example(), [1.0, 5.0]).probabilities
    parts = parts + 0.7 * solve(scaled(example(), remit=0.0, die=2.0), [1.0, 5.0]).probabilities
    np.testing.assert_allclose(mixed, parts, atol=2e-6)


def test_classes_mix_joint_probabilities_not_conditional_ones() -> None:
    classes = (
        LatentClass(name="responder", probability=0.3),
        LatentClass(name="other", probability=0.7, hazard_ratios={REMIT: 0.2, FLARE: 3.0}),
    )
    both = scaled(example(), remit=0.2, flare=3.0)
    first = [ever(m, "remission", [5.0])[0] for m in (example(), both)]
    after = [ever_after(m, "remission", "active", [5.0])[0] for m in (example(), both)]
    expected = np.dot([0.3 * first[0], 0.7 * first[1]], after) / np.dot([0.3, 0.7], first)
    mixed = ever_after(example(classes=classes), "remission", "active", [5.0])
    np.testing.assert_allclose(mixed, [expected], atol=3e-6)


def test_a_covariate_multiplies_its_hazard() -> None:
    older = solve(example(), [5.0], covariates={"age": 2.0}).probabilities
    twice = solve(scaled(example(), die=math.e), [5.0]).probabilities
    np.testing.assert_allclose(older, twice, atol=1e-9)
    with pytest.raises(ValueError, match="covariates \\['sex'\\] are unknown"):
        solve(example(), [5.0], covariates={"sex": 1.0})


def test_several_starts_mix_and_time_spent_conditions_the_first_stay() -> None:
    starts = (
        Start(state="active", probability=0.25),
        Start(state="remission", probability=0.75, time_in_state=1.5),
    )
    mixed = solve(example(starts=starts), [2.0]).probabilities
    one = solve(example(), [2.0]).probabilities
    other = solve(
        example(starts=(Start(state="remission", time_in_state=1.5),)), [2.0]
    ).probabilities
    np.testing.assert_allclose(mixed, 0.25 * one + 0.75 * other, atol=2e-6)
    alone = one_stay(time_in_state=1.5)
    stays = math.exp((1.5 / 2) ** 1.2 - (3.5 / 2) ** 1.2)
    np.testing.assert_allclose(solve(alone, [2.0]).probabilities, [[stays, 1 - stays]], atol=1e-6)


def test_an_effect_that_never_changes_is_the_same_on_either_road() -> None:
    """A ratio with a break that changes next to nothing is solved by marching."""
    once = solve(scaled(example(), remit=2.0), [0.5, 1.0]).probabilities
    ratio = PiecewiseRatio(breaks=(0.4,), ratios=(2.0, 2.0 + 1e-12))
    first, *rest = example().transitions
    marched = solve(
        example(transitions=(replace(first, ratio=ratio), *rest)), [0.5, 1.0], tolerance=1e-5
    )
    assert marched.method == "nonhomogeneous renewal equations"
    np.testing.assert_allclose(marched.probabilities, once, atol=1e-5)


def test_a_treatment_that_delays_nothing_but_remission_raises_remission() -> None:
    effect = TreatmentEffect(on=(REMIT,), hazard_ratio=2.0, onset=0.1, lasts=1.0, half_life=0.5)
    treated = solve(example().treated([effect]), [1.0], tolerance=1e-4).probabilities[0]
    assert treated[1] > solve(example(), [1.0]).probabilities[0, 1] + 0.05


def test_a_first_passage_counts_those_who_start_there() -> None:
    starts = (Start(state="active", probability=0.6), Start(state="remission", probability=0.4))
    reached = ever(example(starts=starts), ["remission"], [0.0, 2.0])
    assert reached[0] == pytest.approx(0.4)
    alone = ever(example(), "remission", [2.0])[0]
    assert reached[1] == pytest.approx(0.4 + 0.6 * alone, abs=2e-6)


def test_a_set_of_states_is_entered_once() -> None:
    either = ever(example(), ["remission", "death"], [2.0])[0]
    stays = math.exp(-((2 / 1.5) ** 0.8) - (2 / 9) ** 1.4)
    assert either == pytest.approx(1 - stays, abs=1e-6)


def test_nothing_can_follow_what_has_not_happened() -> None:
    answer = ever_after(example(), "remission", "active", [0.0, 1.0])
    assert np.isnan(answer[0])
    assert 0 < answer[1] < 1


def test_a_condition_that_nearly_nobody_meets_is_refused() -> None:
    with pytest.raises(NoExactSolutionError, match="leave that time out"):
        ever_after(example(), "remission", "active", [1e-9, 1.0], tolerance=1e-7)


def test_time_in_state_of_one_weibull_stay_is_its_restricted_mean() -> None:
    alone = one_stay(time_in_state=0.0)
    grid = np.linspace(0, 3, 20001)
    mean = np.trapezoid(np.exp(-((grid / 2) ** 1.2)), grid)
    np.testing.assert_allclose(time_in_state(alone, 3.0), [mean, 3 - mean], atol=1e-6)
    np.testing.assert_array_equal(time_in_state(alone, 0.0), [0, 0])


def test_the_table_has_a_column_per_state() -> None:
    table = occupancy(example(), [1.0, 5.0])
    assert list(table.columns) == ["active", "remission", "death"]
    assert table.index.name == "study_time"
    np.testing.assert_array_equal(table.to_numpy(), solve(example(), [1.0, 5.0]).probabilities)


def test_a_fixed_number_of_steps_states_its_own_bound() -> None:
    coarse = solve(example(), [1.0, 5.0], n_steps=exact.CALIBRATION_STEPS)
    error = np.abs(
        coarse.probabilities - solve(example(), [1.0, 5.0], tolerance=1e-9).probabilities
    )
    assert coarse.n_steps == exact.CALIBRATION_STEPS
    assert error.max() <= coarse.error_bound < 1e-4


def test_a_tolerance_out_of_reach_is_refused_with_the_bound_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(RenewalGrid, "largest_steps", 512)
    quick = scaled(example(), remit=3e4, flare=3e4)
    with pytest.raises(NoExactSolutionError, match=r'known to within .* engine="vector"'):
        solve(quick, [5.0], tolerance=1e-9)


def test_a_break_within_a_step_of_another_is_bridged() -> None:
    hazard = PiecewiseExponentialHazard(breaks=(0.5, 0.5001), rates=(1.0, 3.0, 0.5))
    brief = Transition(from_state="remission", to_state="active", hazard=hazard)
    model = replace(one_stay(time_in_state=0.0), transitions=(brief,))
    times = np.array([0.50005, 2**-0.5, 3.0])
    solution = solve(model, times)
    exact_stay = np.exp(-hazard.cumulative(times))
    assert np.abs(solution.probabilities[:, 0] - exact_stay).max() <= solution.error_bound <= 1e-6


def test_mixed_clocks_with_piecewise_hazards_are_right_at_their_breaks() -> None:
    """Every hazard is constant between study times here, whichever clock it is said to run on."""
    hazard = PiecewiseExponentialHazard(breaks=(0.5,), rates=(2.0, 0.2))

    def ways(first: Clock) -> MultiStateModel:
        out = Transition(from_state="active", to_state="remission", hazard=hazard, clock=first)
        die = replace(out, to_state="death", clock=Clock.FORWARD)
        return example(transitions=(out, die), covariates={})

    marched = solve(ways(Clock.RESET), [0.5, 1.0], tolerance=1e-5)
    expected = solve(ways(Clock.FORWARD), [0.5, 1.0])
    assert marched.method == "nonhomogeneous renewal equations"
    np.testing.assert_allclose(marched.probabilities, expected.probabilities, atol=1e-5)


@pytest.mark.parametrize("times", [[-1.0], [math.nan], [math.inf], [[1.0], [2.0]]])
def test_times_out_of_range_are_refused(times: list[float]) -> None:
    with pytest.raises(ValueError, match="finite numbers of years"):
        solve(example(), times)


def test_other_arguments_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="tolerance=0"):
        solve(example(), [1.0], tolerance=0)
    with pytest.raises(ValueError, match="n_steps=2"):
        solve(example(), [1.0], n_steps=2)
    with pytest.raises(ValueError, match="Did you mean 'remission'"):
        ever(example(), "remision", [1.0])
    with pytest.raises(ValueError, match="at least one"):
        ever(example(), [], [1.0])


def test_a_solution_cannot_be_changed() -> None:
    solution = solve(example(), [1.0])
    with pytest.raises(FrozenInstanceError):
        solution.n_steps = 3  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        solution.probabilities[0, 0] = 1.0


def test_five_year_occupancy_of_constant_hazards_needs_no_steps_to_be_exact() -> None:
    constant = example(
        transitions=tuple(
            replace(t, hazard=ExponentialHazard(rate=0.3)) for t in example().transitions
        )
    )
    solution = solve(constant, [5.0])
    assert solution.method == "matrix exponential"
    assert solution.error_bound < 1e-9


def test_importing_the_engine_loads_numpy_alone() -> None:
    script = (
        "import sys, lupusim.engines.exact\n"
        "print([m for m in ('pandas', 'scipy', 'simpy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_times_a_rounding_apart_are_answered_alike() -> None:
    effect = TreatmentEffect(on=(("a", "b"),), hazard_ratio=0.5, onset=0.25)
    states = ("a", "b")
    ways = tuple(
        Transition(from_state=x, to_state=y, hazard=WeibullHazard(shape=1.5, scale=1.0))
        for x, y in (("a", "b"), ("b", "a"))
    )
    model = MultiStateModel(name="m", states=states, transitions=ways).treated((effect,))
    times = [0.5, np.nextafter(0.5, 1), 1.0]
    found = exact.solve(model, times, tolerance=1e-4).probabilities
    assert found.shape == (3, 2)
    np.testing.assert_allclose(found[0], found[1], atol=1e-9)
