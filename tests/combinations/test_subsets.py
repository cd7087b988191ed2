"""Every test on some of the patients says what it says of those patients' columns alone."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from lupusim.analysis.numerics.win_levels import larger_is_better, later_is_better
from lupusim.analysis.outcomes import (
    BinaryOutcome,
    CountOutcome,
    HierarchicalOutcome,
    NumberOutcome,
    SurvivalOutcome,
)
from lupusim.analysis.registry import TESTS
from lupusim.analysis.user_defined import FromZ
from lupusim.common.rng import stream
from lupusim.trial import Better

N_REPLICATES, N_PATIENTS = 3, 150
SLOW = {"boschloo": 36, "barnard": 36}  # tables of all that can happen
PARAMETERS = {
    "until": 0.8,
    "at": 0.8,
    "null_rate": 0.3,
    "alternative_rate": 0.5,
    "threshold": 0.9,
    "margin": 0.0,
}
RANKED = {"proportional_odds", "posterior_rank"}


def of_one_arm(name):
    return getattr(TESTS[name], "n_arms", 2) == 1


def patients(n):
    """Draw three arms of patients: ties, competing events, events at time 0, missed visits."""
    rng = stream(17, "subsets", n)
    shape = (N_REPLICATES, n)
    arm = np.stack([rng.permutation(np.arange(n) % 3) for _ in range(N_REPLICATES)])
    first, rival, end = (np.round(rng.exponential(k, shape), 2) for k in (1.5, 2.0, 1.2))
    first[:, ::29] = 0.0
    end[:, ::29] = 0.5
    visits = rng.normal(size=(*shape, 3)) + 0.3 * arm[:, :, None]
    missed = rng.random(visits.shape) < 0.1
    time = np.minimum(np.minimum(first, rival), end)
    return {
        "arm": arm.astype(np.int8),
        "time": time,
        "event": first == time,
        "competing": (rival == time) & (first > time),
        "possible": end,
        "response": rng.random(shape) < 0.4 + 0.1 * arm,
        "included": rng.random(shape) < 0.9,
        "baseline": rng.normal(5.0, 2.0, shape),
        "visits": np.where(missed, np.nan, visits),
        "moments": np.cumsum(rng.exponential(0.6, (*shape, 4)), axis=2),
        "stratum": rng.integers(0, 3, shape),
        "covariates": rng.normal(50.0, 10.0, (*shape, 2)),
    }


def responses(seen):
    return BinaryOutcome(response=seen["response"], included=seen["included"], arm=seen["arm"])


def times(seen):
    names = ("time", "event", "competing", "possible", "arm")
    return SurvivalOutcome(**{name: seen[name] for name in names})


def numbers(seen):
    last = seen["visits"][:, :, -1]
    known = {"baseline": seen["baseline"], "trajectory": seen["visits"], "arm": seen["arm"]}
    return NumberOutcome(values=np.nan_to_num(last), included=~np.isnan(last), **known)


def counts(seen):
    years, moments = seen["possible"], seen["moments"]
    count = (moments <= years[:, :, None]).sum(axis=2).astype(float)
    return CountOutcome(count=count, years=years, arm=seen["arm"], times=moments)


def hierarchies(seen):
    levels = [later_is_better(seen["time"], seen["event"]), larger_is_better(seen["baseline"])]
    return HierarchicalOutcome(levels=levels, included=seen["included"], arm=seen["arm"])


MAKERS = {
    BinaryOutcome: responses,
    SurvivalOutcome: times,
    NumberOutcome: numbers,
    CountOutcome: counts,
    HierarchicalOutcome: hierarchies,
}


def outcome_of(name, seen):
    found = MAKERS[TESTS[name].outcome](seen)
    return (
        replace(found, values=np.digitize(found.values, [-0.5, 0.5]) + 0.0)
        if (name in RANKED)
        else found
    )


def verdict_of(name, outcome, seen, *, adjusted):
    """Return the test's verdict, with strata and covariates where it takes them."""
    kind = TESTS[name]
    test = kind.with_parameters({key: PARAMETERS[key] for key in kind.required})
    stratum = seen["stratum"] if adjusted and kind.strata != "none" else 0 * seen["stratum"]
    words = {"stratum": stratum}
    if adjusted and test.covariates:
        words["covariates"] = seen["covariates"]
    return test(outcome, better=Better.MORE, sided=1, **words)


def alone(seen, member):
    """Return the columns of the members of the one replicate that there is."""
    return {name: column[:, member[0]] for name, column in seen.items()}


def in_turn(seen, member):
    """Yield each replicate alone: all its patients, and who is a member."""
    for row in range(N_REPLICATES):
        yield {name: column[row : row + 1] for name, column in seen.items()}, member[row : row + 1]


def one_row_of(found, row):
    columns = {f.name: getattr(found, f.name) for f in fields(found)}
    return replace(found, **{k: v if v is None else v[row : row + 1] for k, v in columns.items()})


def assert_alike(one, other, label):
    for field in fields(one):
        if getattr(one, field.name) is None:
            assert getattr(other, field.name) is None
            continue
        got, want = getattr(one, field.name), getattr(other, field.name)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9, err_msg=f"{label} {field.name}")


def halves(seen):
    """Return who is in the second half of the patients, or of another part, by name."""
    n = seen["arm"].shape[1]
    late = np.broadcast_to(np.arange(n) >= n // 2, seen["arm"].shape)
    return {"a stage": late, "a subgroup": seen["covariates"][:, :, 0] > 45.0}


@pytest.mark.parametrize("adjusted", [False, True], ids=["plain", "adjusted"])
@pytest.mark.parametrize("name", sorted(TESTS))
def test_on_some_patients_is_the_test_on_their_columns(name, adjusted):
    seen = patients(SLOW.get(name, N_PATIENTS))
    arms = [0, 0] if of_one_arm(name) else [0, 2]
    seen["arm"] = np.choose(seen["arm"], [arms[0], 0 if of_one_arm(name) else 1, arms[1]])
    seen["arm"] = seen["arm"].astype(np.int8)
    whole = outcome_of(name, seen)
    pair = seen["arm"] != 1
    cases = {"all of two arms": pair}
    cases |= {part: pair & member for part, member in halves(seen).items()}
    for label, member in cases.items():
        chosen = (
            whole.against_control(2, member)
            if not of_one_arm(name)
            else (whole.restricted_to(member))
        )
        found = verdict_of(name, chosen, seen, adjusted=adjusted)
        assert_columns_alone(name, found, seen, member, adjusted=adjusted, label=label)


def assert_columns_alone(name, found, seen, member, *, adjusted, label):
    for row, (one, who) in enumerate(in_turn(seen, member)):
        few = alone(one, who)
        few["arm"] = (few["arm"] > 0).astype(np.int8)
        right = verdict_of(name, outcome_of(name, few), few, adjusted=adjusted)
        got = one_row_of(found, row)
        assert_alike(got, right, label)


@pytest.mark.parametrize("name", sorted(TESTS))
def test_on_a_prefix_and_on_the_pooled_replicates_is_the_test_on_their_columns(name):
    seen = patients(SLOW.get(name, N_PATIENTS))
    seen["arm"] = (seen["arm"] > (3 if of_one_arm(name) else 0)).astype(np.int8)
    whole, few = outcome_of(name, seen), 2 * seen["arm"].shape[1] // 3
    prefix = {key: column[:, :few] for key, column in seen.items()}
    right = verdict_of(name, outcome_of(name, prefix), prefix, adjusted=False)
    assert_alike(verdict_of(name, whole.first(few), prefix, adjusted=False), right, "prefix")
    if name in SLOW:
        return
    together = {k: v.reshape(1, -1, *v.shape[2:]) for k, v in seen.items()}
    right = verdict_of(name, outcome_of(name, together), together, adjusted=False)
    assert_alike(verdict_of(name, whole.pooled(), together, adjusted=False), right, "pooled")


@pytest.mark.parametrize("make", MAKERS.values(), ids=[kind.__name__ for kind in MAKERS])
def test_of_who_is_no_member_nothing_is_left_to_read(make):
    """A member's columns are unchanged, and two trials that differ in the others are one."""
    seen, other = patients(60), patients(61)
    other = {key: column[:, :60] for key, column in other.items()} | {"arm": seen["arm"]}
    member = halves(seen)["a stage"]
    mixed = {
        key: np.where(member if column.ndim == 2 else member[:, :, None], column, other[key])
        for key, column in seen.items()
    }
    one, two = make(seen).restricted_to(member), make(mixed).restricted_to(member)
    assert np.array_equal(one.analyzed, make(seen).analyzed & member)
    assert np.array_equal(one.information, two.information)
    for arm in (0, 1, 2):
        for name, values in one.shown(arm).items():
            np.testing.assert_array_equal(values, two.shown(arm)[name], err_msg=name)


def test_a_function_of_the_users_own_is_given_the_members_alone():
    seen = patients(90)
    given = []

    def note(time, event, arm):
        given.append((time, event, arm))
        return 0.0

    member = seen["arm"] != 1
    FromZ(function=note)(
        times(seen).against_control(2), better=Better.MORE, sided=1, stratum=seen["stratum"]
    )
    for row, (time, event, arm) in enumerate(given):
        ended = seen["event"][row] | seen["competing"][row]
        who = member[row] & ((seen["time"][row] > 0) | ended)
        assert np.array_equal(time, seen["time"][row][who])
        assert np.array_equal(event, seen["event"][row][who])
        assert np.array_equal(arm, seen["arm"][row][who] == 2)


@pytest.mark.parametrize("name", ["gray", "mmrm", "andersen_gill", "pooled_z", "win_ratio"])
def test_negative_control_an_outcome_that_keeps_a_field_of_the_others_is_noticed(name, monkeypatch):
    kind = TESTS[name].outcome
    restrict = kind.restricted_to
    kept = {"gray": "competing", "mmrm": "trajectory", "andersen_gill": "times"}
    field = kept.get(name, "included")

    def forgetful(self, member):
        return replace(restrict(self, member), **{field: getattr(self, field)})

    if name == "andersen_gill":
        field = "years"
    monkeypatch.setattr(kind, "restricted_to", forgetful)
    with pytest.raises(AssertionError):
        test_on_some_patients_is_the_test_on_their_columns(name, False)


def test_each_kind_of_outcome_has_a_maker_here():
    assert {kind.outcome for kind in TESTS.values()} == set(MAKERS)
