"""Every test that a scenario can name, at every size from 2 to 5000 patients, on any outcome."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lupusim.analysis.numerics.win_levels import larger_is_better, later_is_better
from lupusim.analysis.outcomes import (
    BinaryOutcome,
    CountOutcome,
    HierarchicalOutcome,
    NumberOutcome,
    SurvivalOutcome,
)
from lupusim.analysis.registry import TESTS
from lupusim.common.rng import stream
from lupusim.trial import Better

N_REPLICATES = 3
SMALL = st.integers(2, 25)
LARGE = st.one_of(st.integers(41, 600), st.sampled_from([997, 2500, 4999, 5000]))
FEW = dict.fromkeys(("boschloo", "barnard"), st.integers(2, 9))
# Tables of all that can happen, or all pairs of patients: the time grows with the square.
FEWER_PATIENTS = {
    "boschloo": st.integers(41, 150),
    "barnard": st.integers(41, 150),
    **dict.fromkeys(("win_ratio", "win_odds", "net_benefit"), st.integers(41, 1000)),
}
PARAMETERS = {
    "until": 0.5,
    "at": 0.5,
    "null_rate": 0.3,
    "alternative_rate": 0.5,
    "threshold": 0.9,
    "margin": 0.0,
}


def of_one_arm(name):
    return getattr(TESTS[name], "n_arms", 2) == 1


@st.composite
def trials(draw, sizes):
    """Draw what is seen of patients: ties, an empty arm, no events or only events, left out."""
    n, seed = draw(sizes), draw(st.integers(0, 10**6))
    ticks = draw(st.sampled_from([0, 1, 4]))  # 0: no ties; else rounded up to 1/ticks
    share = draw(st.sampled_from([0.0, 0.05, 0.5, 0.95, 1.0]))
    rng = stream(seed, "every test", n)
    shape = (N_REPLICATES, n)

    def rounded(values):
        return np.ceil(values * ticks) / ticks if ticks else values

    event = rng.random(shape) < share
    values = rounded(rng.normal(size=(*shape, 3)))
    return {
        "arm": (rng.random(shape) < draw(st.sampled_from([0.0, 0.1, 0.5]))).astype(np.int8),
        "stratum": rng.integers(0, draw(st.sampled_from([1, 3])), shape),
        "included": rng.random(shape) < draw(st.sampled_from([0.7, 1.0])),
        "time": rounded(rng.exponential(1.0, shape)),
        "event": event,
        "competing": ~event & (rng.random(shape) < 0.3),
        "longer": rounded(rng.exponential(1.0, shape)),
        "value": rounded(rng.normal(size=shape)),
        "visits": np.where(rng.random(values.shape) < 0.9, values, np.nan),
        "moments": np.cumsum(rng.exponential(1.0, (*shape, 4)), axis=2),
    }


def responses(seen):
    return BinaryOutcome(response=seen["event"], included=seen["included"], arm=seen["arm"])


def times(seen):
    inside = seen["included"]  # nobody outside the analysis is ever at risk
    time = np.where(inside, seen["time"], 0.0)
    competing = seen["competing"] & inside
    return SurvivalOutcome(
        time=time,
        event=seen["event"] & inside,
        competing=competing,
        possible=time + seen["longer"] * competing,
        arm=seen["arm"],
    )


def numbers(seen):
    values, baseline = seen["value"], seen["longer"]
    return NumberOutcome(
        values=values, included=seen["included"], arm=seen["arm"], baseline=baseline
    )


def ranks(seen):
    values = (seen["value"] > 0).astype(float)
    return NumberOutcome(values=values, included=seen["included"], arm=seen["arm"])


def visits(seen):
    last = seen["visits"][:, :, -1]
    return NumberOutcome(
        values=last,
        included=~np.isnan(last),
        arm=seen["arm"],
        baseline=seen["longer"],
        trajectory=seen["visits"],
    )


def counts(seen):
    years = np.where(seen["included"], seen["time"], 0.0)
    moments = np.where(seen["event"][:, :, None], seen["moments"], np.inf)
    count = (moments <= years[:, :, None]).sum(axis=2).astype(float)
    return CountOutcome(count=count, years=years, arm=seen["arm"], times=moments)


def hierarchies(seen):
    levels = [later_is_better(seen["time"], seen["event"]), larger_is_better(seen["value"])]
    return HierarchicalOutcome(levels=levels, included=seen["included"], arm=seen["arm"])


MAKERS = {
    BinaryOutcome: responses,
    SurvivalOutcome: times,
    NumberOutcome: numbers,
    CountOutcome: counts,
    HierarchicalOutcome: hierarchies,
}
PARTICULAR = {"proportional_odds": ranks, "posterior_rank": ranks, "mmrm": visits}


def verdict_of(name, seen, *, better=Better.MORE, sided=1):
    kind = TESTS[name]
    test = kind.with_parameters({key: PARAMETERS[key] for key in kind.required})
    if of_one_arm(name):
        seen = {**seen, "arm": np.zeros_like(seen["arm"])}
    stratum = np.zeros_like(seen["stratum"]) if kind.strata == "none" else seen["stratum"]
    make = PARTICULAR.get(name, MAKERS[kind.outcome])
    return test(make(seen), better=better, sided=sided, stratum=stratum)


def assert_same(one, other):
    np.testing.assert_array_equal(one.undefined, other.undefined)
    np.testing.assert_allclose(one.p_value, other.p_value, atol=1e-6)


def check_p_values(name, seen):
    """Check the verdicts of both directions and of two sides, and return them."""
    verdicts = []
    for better, sided in ((Better.MORE, 1), (Better.FEWER, 1), (Better.MORE, 2)):
        found = verdict_of(name, seen, better=better, sided=sided)
        assert found.p_value.shape == found.undefined.shape == (N_REPLICATES,)
        assert ((found.p_value >= 0) & (found.p_value <= 1)).all(), found
        assert (found.p_value[found.undefined] == 1).all(), found
        for field in ("standard_error", "lower", "upper"):
            assert not np.isnan(getattr(found, field)[~found.undefined]).any(), (field, found)
        # Of one arm without events the ratio to the expected ones has no logarithm.
        known = np.isfinite(found.standard_error) | (not of_one_arm(name))
        assert not np.isnan(found.estimate[known & ~found.undefined]).any(), found
        verdicts.append(found)
    return verdicts


def check_order_of_patients(name, seen):
    shape = seen["arm"].shape
    order = stream(1, "order").permuted(np.broadcast_to(np.arange(shape[1]), shape), axis=1)
    rows = np.arange(shape[0])[:, None]
    shuffled = {key: column[rows, order] for key, column in seen.items()}
    assert_same(verdict_of(name, seen), verdict_of(name, shuffled))


def check_exchanged_arms(name, seen):
    """Benefit to the experimental arm is harm to it once the arms have changed places."""
    exchanged = {**seen, "arm": 1 - seen["arm"]}
    one = verdict_of(name, seen, better=Better.MORE)
    assert_same(one, verdict_of(name, exchanged, better=Better.FEWER))


def check_everything(name, seen):
    check_p_values(name, seen)
    check_order_of_patients(name, seen)
    if not of_one_arm(name):
        check_exchanged_arms(name, seen)


@pytest.mark.parametrize("name", sorted(TESTS))
def test_small_trials_have_p_values_that_know_no_order_and_no_favorite_arm(name):
    @settings(max_examples=4, deadline=None)
    @given(seen=trials(FEW.get(name, SMALL)))
    def check(seen):
        check_everything(name, seen)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TESTS))
def test_large_trials_have_p_values_that_know_no_order_and_no_favorite_arm(name):
    @settings(max_examples=12, deadline=None)
    @given(seen=trials(st.one_of(st.integers(2, 60), FEWER_PATIENTS.get(name, LARGE))))
    def check(seen):
        check_everything(name, seen)

    check()


N_DEGENERATE = 30
NO_EVENTS = "no events"
OF_EVENTS = {BinaryOutcome, SurvivalOutcome, CountOutcome}


def sound_trial():
    """Return a trial in which every test has something to say."""
    rng = stream(3, "degenerate")
    shape = (N_REPLICATES, N_DEGENERATE)
    place = np.broadcast_to(np.arange(N_DEGENERATE), shape)
    values = rng.normal(size=(*shape, 3))
    event = rng.random(shape) < 0.5
    return {
        "arm": (place % 2).astype(np.int8),
        "stratum": place // 2 % 2,
        "included": np.ones(shape, dtype=bool),
        "time": rng.uniform(0.2, 1.0, shape),
        "event": event,
        "competing": ~event & (rng.random(shape) < 0.5),
        "longer": rng.uniform(0.1, 1.0, shape),
        "value": values[..., -1],
        "visits": values,
        "moments": np.cumsum(rng.exponential(0.3, (*shape, 4)), axis=2),
    }


def eventful(seen, event):
    return {"event": event, "competing": seen["competing"] & ~event}


def never_seen(seen):
    none = eventful(seen, np.zeros_like(seen["event"]))
    none |= {name: np.zeros_like(seen[name]) for name in ("time", "included", "competing")}
    return none | {"visits": np.full_like(seen["visits"], np.nan)}


def constant(seen, of_control):
    """Give everybody the same value, or each arm its own, that no number of 53 bits is."""
    alike = np.where(seen["arm"] == 1, 0.4, of_control)
    moments = np.full_like(seen["moments"], np.inf)
    moments[..., 0] = 0.1
    moments[..., 1] = np.where(alike == 0.4, np.inf, 0.2)
    return {
        **dict.fromkeys(("time", "longer", "value"), alike),
        **eventful(seen, np.ones_like(seen["event"])),
        "visits": np.repeat(alike[..., None], 3, axis=2),
        "moments": moments,
    }


def left(seen, arm, how_many):
    """Keep so many patients of one arm: of its others nothing was seen."""
    stays = (seen["arm"] != arm) | ((seen["arm"] == arm).cumsum(axis=1) <= how_many)
    return {
        "included": stays,
        "time": np.where(stays, seen["time"], 0.0),
        "event": seen["event"] & stays,
        "visits": np.where(stays[..., None], seen["visits"], np.nan),
    }


SAYS_NOTHING = {
    "all censored before the first visit": never_seen,
    "all values equal": lambda seen: constant(seen, 0.4),
    "nobody left on the experimental arm": lambda seen: left(seen, 1, 0),
    "nobody left on the control arm": lambda seen: left(seen, 0, 0),
}
SAYS_LITTLE = {
    NO_EVENTS: lambda seen: eventful(seen, np.zeros_like(seen["event"])),
    "everybody has the event": lambda seen: eventful(seen, np.ones_like(seen["event"])),
    "only the experimental arm has events": lambda seen: eventful(seen, seen["arm"] == 1),
    "only the control arm has events": lambda seen: eventful(seen, seen["arm"] == 0),
    "one patient left on the experimental arm": lambda seen: left(seen, 1, 1),
    "one patient left on the control arm": lambda seen: left(seen, 0, 1),
    "one patient left on each arm": lambda seen: left({**seen, **left(seen, 0, 1)}, 1, 1),
    "each arm has a value of its own": lambda seen: constant(seen, 0.3),
}


@pytest.mark.parametrize("name", sorted(TESTS))
def test_degenerate_data_make_nothing_significant_and_nothing_that_is_no_number(name):
    for how, spoil in (SAYS_NOTHING | SAYS_LITTLE).items():
        seen = sound_trial()
        seen |= spoil(seen)
        verdicts = check_p_values(name, seen)
        error = verdicts[0].standard_error
        assert not ((error > 0) & (error < 1e-9)).any(), how  # 0 but for rounding
        without = how == NO_EVENTS and TESTS[name].outcome in OF_EVENTS
        if (how in SAYS_NOTHING or without) and not of_one_arm(name):
            assert (np.array([found.p_value for found in verdicts]) > 0.2).all(), how


def test_negative_control_an_order_that_matters_is_noticed(monkeypatch):
    whole = verdict_of

    def by_the_first_half(name, seen, **words):
        half = seen["arm"].shape[1] // 2
        return whole(name, {key: column[:, :half] for key, column in seen.items()}, **words)

    monkeypatch.setitem(globals(), "verdict_of", by_the_first_half)
    rng = stream(2, "control")
    shape = (N_REPLICATES, 60)
    seen = {"arm": rng.integers(0, 2, shape, dtype=np.int8), "event": rng.random(shape) < 0.5}
    seen |= {"included": np.ones(shape, dtype=bool), "stratum": np.zeros(shape, dtype=int)}
    with pytest.raises(AssertionError):
        check_order_of_patients("pooled_z", seen)
