"""Every kind of endpoint under every strategy, with dropout: what is observed is what must be.

The disease, the event that intervenes and dropout have constant hazards, so that their joint law
is a matrix exponential: states of the disease before and after the event, and the two ways out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.stats import norm

from lupusim.endpoints import (
    ENDPOINTS,
    EventCount,
    Hierarchy,
    MarkerChange,
    MarkerResponder,
    MissingTime,
    OrdinalState,
    Responder,
    SustainedResponder,
    TimeInStates,
    TimeToEvent,
)
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.cutoffs import observed
from lupusim.trial import Arm, Dropout
from lupusim.trial.endpoints import Better, MissingChange
from lupusim.trial.observation import IntercurrentEvent, Marker, Strategy
from tolerance import SEED, assert_within_mcse
from trials import DISEASE, analysis, disease_trial

VISITS = (0.25, 0.5, 1.0)
HAZARDS = {"active": 0.8, "remission": 0.5, "relapse": 1.6}
ACTIVE, REMISSION, RELAPSE, DEATH = range(4)
LIVING = [ACTIVE, REMISSION, RELAPSE]
LEFT, LEFT_STRUCK = 8, 9  # 0 to 3: the states before the event, 4 to 7: after it
BEFORE, STRUCK = [0, 1, 2, 3, LEFT], [4, 5, 6, 7, LEFT_STRUCK]
MEAN, SD, CORRELATION = (11.0, 4.0, 9.0), (3.0, 2.0, 2.5), 0.4
DROPOUTS = (0.0, 0.8)
POLICY, COMPOSITE, HYPOTHETICAL, ON_TREATMENT = Strategy


@cache
def generator(dropout):
    """Return the rates per year among the ten states."""
    q = np.zeros((10, 10))
    for way in DISEASE.transitions:
        a, b = DISEASE.states.index(way.from_state), DISEASE.states.index(way.to_state)
        q[a, b] = q[a + 4, b + 4] = way.hazard.rate
    for state in LIVING:
        q[state, state + 4] = HAZARDS[DISEASE.states[state]]
        q[state, LEFT] = q[state + 4, LEFT_STRUCK] = dropout
    np.fill_diagonal(q, -q.sum(axis=1))
    return q


def ended_in(q, *states):
    """Return the rates where nobody leaves these states."""
    return np.where(np.isin(np.arange(10), states)[:, None], 0.0, q)


def years(q, states, rates=None):
    """Return the mean time up to 1 year in states, or the integral of these rates over them."""
    block = np.zeros((20, 20))
    block[:10, :10], block[:10, 10:] = q, np.eye(10)
    spent = expm(block)[0, 10:][list(states)]
    return float(spent @ (np.ones(len(states)) if rates is None else rates))


@dataclass(frozen=True)
class Shown:
    """What the last visit shows, as shares of all patients."""

    living: np.ndarray
    dead: float
    lost: float
    failed: float = 0.0
    failed_dead: float = 0.0

    @property
    def analyzed(self):
        return float(self.living.sum() + self.dead + self.lost + self.failed + self.failed_dead)


def shown(q, strategy):
    p = expm(q)[0]
    before, after = p[:4], p[4:8]
    if strategy is POLICY:
        return Shown((before + after)[:3], before[3] + after[3], p[LEFT] + p[LEFT_STRUCK])
    if strategy is COMPOSITE:
        failed = after[:3].sum() + p[LEFT_STRUCK]
        return Shown(before[:3], before[3], p[LEFT], failed, after[3])
    if strategy is HYPOTHETICAL:
        return Shown(before[:3], before[3], p[LEFT])
    living, early = before[:3].copy(), expm(q * VISITS[0])[0][STRUCK].sum()
    for a, b in pairwise(VISITS):
        living += expm(q * a)[0][:3] * expm(q * (b - a))[:3][:, STRUCK].sum(axis=1)
    return Shown(living, before[3], p[LEFT] + early)


def of_states(q, strategy, states, *, worse=False):
    seen = shown(q, strategy)
    failed = seen.failed + seen.failed_dead if worse else 0.0
    return (seen.living[states].sum() + failed) / seen.analyzed


def sustained(q, strategy):
    quarter, half = expm(q / 4), expm(q / 2)
    there, stays = half[0], half[REMISSION]
    share = there[REMISSION] * stays[REMISSION]
    if strategy is POLICY:
        share += there[REMISSION] * stays[REMISSION + 4]
        share += there[REMISSION + 4] * half[REMISSION + 4, REMISSION + 4]
    if strategy is ON_TREATMENT:
        share += there[REMISSION] * stays[STRUCK].sum()
        share += quarter[0, REMISSION] * quarter[REMISSION, STRUCK].sum()
    return share / shown(q, strategy).analyzed


def events(q, strategy):
    """Return the share with a relapse or death, and the mean time at risk."""
    q = ended_in(q, 2, 3, 6, 7, *([] if strategy is POLICY else STRUCK))
    p = expm(q)[0]
    if strategy is POLICY:
        return p[[2, 3, 6, 7]].sum(), years(q, (0, 1, 4, 5))
    return p[[2, 3, *(STRUCK if strategy is COMPOSITE else [])]].sum(), years(q, (0, 1))


def deaths(q, strategy):
    q = q if strategy is POLICY else ended_in(q, *STRUCK)
    p = expm(q)[0]
    if strategy is POLICY:
        return p[[3, 7]].sum(), years(q, (0, 1, 2, 4, 5, 6))
    return p[[3, *(STRUCK if strategy is COMPOSITE else [])]].sum(), years(q, (0, 1, 2))


def hoped_for(q, strategy):
    """Return the share with a remission before death, and the mean time at risk of it."""
    if strategy is COMPOSITE:  # at risk to the end, of what cannot come
        q = ended_in(q, 1)
        return expm(q)[0, 1], years(q, (0, 2, 4, 5, 6))
    if strategy is POLICY:
        q = ended_in(q, 1, 5)
        return expm(q)[0][[1, 5]].sum(), years(q, (0, 2, 4, 6))
    q = ended_in(q, 1, *STRUCK)
    return expm(q)[0, 1], years(q, (0, 2))


def at_visits(q, strategy):
    """Return the share with a relapse seen at a visit, or a death before."""
    p, event = np.eye(10)[0], 0.0
    q = ended_in(q, 3, 7, *([] if strategy is POLICY else STRUCK))
    for a, b in pairwise((0.0, *VISITS)):
        p = p @ expm(q * (b - a))
        seen = [2, 3, 6, 7] if strategy is POLICY else [2, 3]
        seen += STRUCK if strategy is COMPOSITE else []
        event += p[seen].sum()
        p[seen] = 0.0
    return event


def counted(q, strategy, state, better):
    """Return events per year at risk."""
    rates = np.delete(q[:4, state], state)
    others = [k for k in range(4) if k != state]
    count, at_risk = years(q, others, rates), years(q, (0, 1, 2))
    if strategy in (POLICY, COMPOSITE):
        at_risk += years(q, (4, 5, 6))
    if strategy is POLICY or (strategy is COMPOSITE and better is Better.FEWER):
        count += years(q, [k + 4 for k in others], rates)
    if strategy is COMPOSITE and better is Better.FEWER:
        count += years(q, LIVING, np.array(list(HAZARDS.values())))
    return count / at_risk


def spent(q, strategy, state, *, missing=MissingTime.ELSEWHERE, better=Better.MORE):
    """Return the mean years in a state."""
    if strategy is HYPOTHETICAL or missing is MissingTime.LEFT_OUT:
        leaves = [LEFT, LEFT_STRUCK] if missing is MissingTime.LEFT_OUT else []
        kept = [k for k in (BEFORE if strategy is HYPOTHETICAL else range(10)) if k not in leaves]
        if strategy in (COMPOSITE, ON_TREATMENT):
            kept = [k for k in (*BEFORE, *STRUCK) if k != LEFT]
        inside = [state, state + 4] if strategy is POLICY else [state]

        def density(t):
            p, rest = expm(q * t)[0], expm(q * (1 - t))[:, kept].sum(axis=1)
            return (p * rest)[inside].sum()

        total = quad(density, 0, 1)[0]
        if strategy is COMPOSITE and better is Better.FEWER:
            total += years(q, STRUCK)
        if missing is MissingTime.IN_STATES:
            total += years(q, [LEFT])
        return total / expm(q)[0, kept].sum()
    total = years(q, (state, state + 4) if strategy is POLICY else (state,))
    if strategy is COMPOSITE and better is Better.FEWER:
        total += years(q, STRUCK)
    if missing is MissingTime.IN_STATES:
        total += years(q, [LEFT, *([LEFT_STRUCK] if strategy is POLICY else [])])
    return total


RANKS = np.array([1.0, 2.0, 1.0])  # of the living; the dead rank 0, the missing as the active


def ranked(q, strategy):
    seen = shown(q, strategy)
    return (seen.living @ RANKS + seen.lost + seen.failed) / seen.analyzed


def changed(q, strategy, *, left_out):
    seen = shown(q, strategy)
    known = seen.living.sum() + seen.failed + seen.failed_dead
    return seen.living @ (np.array(MEAN) - MEAN[0]) / (known if left_out else seen.analyzed)


def fallen(q, strategy, fall=5.0):
    seen, sd = shown(q, strategy), np.array(SD)
    spread = np.sqrt(sd**2 + sd[0] ** 2 - 2 * CORRELATION * sd * sd[0])
    return seen.living @ norm.cdf((MEAN[0] - np.array(MEAN) - fall) / spread) / seen.analyzed


def won(q, strategy):
    """Return the share of pairs that the first patient wins: by remission, then by rank."""
    seen = shown(q, strategy)
    failed = [(seen.failed, 0, 1), (seen.failed_dead, 0, 0)]
    cells = [(seen.living[k], int(k == REMISSION), RANKS[k]) for k in LIVING]
    cells += [(seen.dead, 0, 0), (seen.lost, 0, 1), *failed]
    return sum(a * b for a, *one in cells for b, *other in cells if one > other)


RANKING = (("death",), ("relapse", "active"), ("remission",))
RESPONDER = Responder(name="remission", states=("remission",), at=1.0)
ORDINAL = OrdinalState(name="rank", ranking=RANKING, at=1.0, missing="active")
YEARS = {"states": ("remission",), "until": 1.0}
ILL = {"states": ("relapse",), "until": 1.0, "better": Better.FEWER}
BAD = TimeToEvent(name="bad", events=("relapse", "death"))
CASES = {
    "responder": [
        (RESPONDER, lambda q, s: of_states(q, s, [REMISSION])),
        (
            Responder(name="relapsed", states=("relapse",), at=1.0, better=Better.FEWER),
            lambda q, s: of_states(q, s, [RELAPSE], worse=True),
        ),
        (
            SustainedResponder(name="lasting", states=("remission",), visits=VISITS[1:]),
            sustained,
        ),
    ],
    "time_to_event": [
        (BAD, events),
        (
            TimeToEvent(
                name="good", events=("remission",), competing=("death",), better=Better.MORE
            ),
            hoped_for,
        ),
        (TimeToEvent(name="seen", events=("relapse", "death"), visits=VISITS), at_visits),
    ],
    "survival": [(TimeToEvent(name="survival", events=("death",)), deaths)],
    "event_count": [
        (
            EventCount(name="relapses", events=("relapse",), until=1.0),
            lambda q, s: counted(q, s, RELAPSE, Better.FEWER),
        ),
        (
            EventCount(name="remissions", events=("remission",), until=1.0, better=Better.MORE),
            lambda q, s: counted(q, s, REMISSION, Better.MORE),
        ),
    ],
    "time_in_states": [
        *(
            (
                TimeInStates(name=f"well, {m.value}", missing=m, **YEARS),
                lambda q, s, m=m: spent(q, s, REMISSION, missing=m),
            )
            for m in MissingTime
        ),
        *(
            (
                TimeInStates(name=f"ill, {m.value}", missing=m, **ILL),
                lambda q, s, m=m: spent(q, s, RELAPSE, missing=m, better=Better.FEWER),
            )
            for m in MissingTime
        ),
    ],
    "ordinal_state": [(ORDINAL, ranked)],
    "marker_change": [
        (MarkerChange(name="change", at=1.0), lambda q, s: changed(q, s, left_out=False)),
        (
            MarkerChange(name="seen change", at=1.0, missing=MissingChange.LEFT_OUT),
            lambda q, s: changed(q, s, left_out=True),
        ),
    ],
    "marker_responder": [(MarkerResponder(name="fall", at=1.0, fall=5.0), fallen)],
    "hierarchy": [(Hierarchy(name="pairs", levels=(RESPONDER, ORDINAL)), won)],
}
ENDPOINTS_TRIED = [endpoint for cases in CASES.values() for endpoint, _ in cases]


@cache
def outcomes(strategy, dropout, n_patients=16_000):
    """Return what a trial with all these endpoints observes, by their names."""
    event = IntercurrentEvent(name="rescue", hazard_per_year=HAZARDS, strategy=strategy)
    marker = Marker(
        name="score",
        mean=dict(zip(DISEASE.states, MEAN, strict=False)),
        sd=dict(zip(DISEASE.states, SD, strict=False)),
        correlation=CORRELATION,
    )
    trial = disease_trial(
        arms=(Arm(name="placebo", model=DISEASE), Arm(name="cells", model=DISEASE)),
        primary=ENDPOINTS_TRIED[0],
        secondary=tuple(ENDPOINTS_TRIED[1:]),
        visits=VISITS,
        intercurrent_events=(event,),
        marker=marker,
        dropout=Dropout(per_year=dropout),
        n_patients=400,
        analysis=analysis("unpooled_z"),
    )
    n_replicates = n_patients // 400
    generated = generate(trial, Block(seed=SEED, number=0, n_replicates=n_replicates))
    observation = observed(generated, np.full(n_replicates, math.inf))
    found = [m.outcome(observation) for m in generated.measurements]
    return dict(zip([e.name for e in ENDPOINTS_TRIED], found, strict=True))


def mean(values):
    return float(values.mean()), float(values.std(ddof=1)) / math.sqrt(values.size)


def estimates(endpoint, outcome):
    """Return what is observed of an endpoint, each number with its standard error."""
    if hasattr(outcome, "levels"):
        found = outcome.wins()
        return [mean(found.wins), mean(found.losses)]
    if hasattr(outcome, "count"):
        rate = outcome.count.sum() / outcome.years.sum()
        residual = (outcome.count - rate * outcome.years).ravel()
        return [(rate, mean(residual)[1] / outcome.years.mean())]
    if hasattr(outcome, "event"):
        found = [mean(outcome.event.ravel())]
        return found if endpoint.visits else [*found, mean(outcome.time.ravel())]
    values = outcome.response if hasattr(outcome, "response") else outcome.values
    return [mean(values[outcome.included])]


def check(kind, strategy, dropout, n_patients=16_000):
    for endpoint, exact in CASES[kind]:
        expected = np.atleast_1d(exact(generator(dropout), strategy))
        found = estimates(endpoint, outcomes(strategy, dropout, n_patients)[endpoint.name])
        for (estimate, error), value in zip(found, np.resize(expected, len(found)), strict=True):
            assert_within_mcse(estimate, value, mcse=error)


@pytest.mark.parametrize("dropout", DROPOUTS)
@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("kind", ENDPOINTS)
def test_what_is_observed_is_what_the_strategy_and_dropout_leave(kind, strategy, dropout):
    check(kind, strategy, dropout)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("kind", ENDPOINTS)
def test_what_is_observed_of_half_a_million_patients(kind, strategy):
    check(kind, strategy, 0.8, n_patients=400_000)


def test_negative_control_a_rescue_after_dropout_that_decides_is_noticed():
    q = generator(0.8)
    runs_on = q.copy()
    for state in LIVING:  # the clock of the event goes on in who has left
        runs_on[state, LEFT] = 0.0
    np.fill_diagonal(runs_on, 0.0)
    np.fill_diagonal(runs_on, -runs_on.sum(axis=1))
    p = expm(runs_on)[0]
    wrong = p[REMISSION] * math.exp(-0.8) / p[BEFORE].sum()
    (estimate, error), *_ = estimates(RESPONDER, outcomes(HYPOTHETICAL, 0.8)["remission"])
    assert abs(estimate - wrong) > 8 * error
