"""What each patient adds to a statistic of times: a sum over patients that nearly is the test."""

from __future__ import annotations

import math

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.planning.controls.patients import Contributions, PatientLaw
from lupusim.trial import TestMethod

_SIGNS = np.array([[-1.0], [1.0]])  # of the arms in a difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """The statistic of a trial as its mean and what each patient adds to it."""

    mean: float  # of the statistic of arm 1 against arm 0
    information: float  # variance of its score, or one over that of the estimate
    adds: Contributions  # of a patient of each arm


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Patients of two arms whose data are not cut before a study time."""

    patients: FloatArray
    """Expected number of each kind, those of the control first; (n_kinds, n_cells + 1)."""
    stratified: bool = False  # whether kinds are strata, within which a test of ranks compares


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """What is to be expected in each cell of study time."""

    times: FloatArray  # where cells begin (years); (n_cells,)
    at_risk: FloatArray
    events: FloatArray
    """`at_risk` and `events`: patients of each kind; (n_kinds, n_cells)."""

    def in_strata(self, number: int) -> _Expected:
        """Return the same of arms and strata, (2, number, n_cells)."""
        n_cells = self.times.size
        both = (one.reshape(2, number, -1, n_cells) for one in (self.at_risk, self.events))
        at_risk, events = (one.sum(axis=2) for one in both)
        return _Expected(times=self.times, at_risk=at_risk, events=events)

    @classmethod
    def of(cls, law: PatientLaw, watched: FloatArray) -> _Expected:
        at_risk = law.stays * watched
        return cls(
            times=law.edges[:-1],
            at_risk=(at_risk[:, 1:] + at_risk[:, :-1]) / 2,
            events=law.event * (watched[:, 1:] + watched[:, :-1]) / 2,
        )


def influence(
    test: TestMethod, law: PatientLaw, watched: Watched, *, at_events: bool, null: float
) -> Influence | None:
    """Return the influences of patients on a test's statistic; None where it can't be defined.

    Parameters
    ----------
    test : TestMethod
        One that is nearly a sum of ranks or of what is taken from a curve.
    law : PatientLaw
        Of two arms, or of as many kinds of patients on each.
    watched : Watched
        Who is to be expected.
    at_events : bool
        Whether the data are cut at a number of events.
    null : float
        The effect that a test of curves compares with.
    """
    expected = _Expected.of(law, watched.patients)
    n_kinds = len(law.event) // 2
    if test.nearly == "ranks":
        strata = n_kinds if watched.stratified else 1
        return _of_ranks(test, expected.in_strata(strata), n_kinds, at_events=at_events)
    return _of_curves(test, expected.in_strata(1), n_kinds, null)


def _of_ranks(
    test: TestMethod, expected: _Expected, n_kinds: int, *, at_events: bool
) -> Influence | None:
    r"""Return the influences on a weighted log-rank statistic.

    With :math:`w` the weights at the expected pooled survival, :math:`\pi` the share of those
    at risk who are on arm 1, :math:`U = \int w\,(dN_1 - \pi\,dN)` and
    :math:`V = \int w^2 \pi (1 - \pi)\,dN`, a patient of arm :math:`a` moves
    :math:`z = U / \sqrt V` by

    .. math:: \frac1{\sqrt V}\left[\left((a - \pi) w - \beta \pi (1 - \pi) w^2\right)\delta -
        \int_0^u (a - \pi)(w + \beta (1 - 2 \pi) w^2) \frac{dN}{Y}\right],
        \qquad \beta = \frac{U}{2 V},

    and where the data are cut at a number of events, each one less by the mean of z per
    event, since the date then moves. U and V are sums over strata. That weights follow the
    survival seen is left out.

    References
    ----------
    Lin and Wei (1989), *JASA* 84, 1074-1078.
    """
    everybody, both = expected.at_risk.sum(axis=0), expected.events.sum(axis=0)
    anybody = np.where(everybody > 0, everybody, 1.0)
    share, hazard = expected.at_risk[1] / anybody, both / anybody
    weight = np.stack([test.counts_at(expected.times, one) for one in _survival(hazard)])
    squared = weight**2
    information = float(both.ravel() @ (share * (1 - share) * squared).ravel())
    if not information > 0:
        return None
    on_arm = float(expected.events[1].ravel() @ weight.ravel())
    score = on_arm - float(both.ravel() @ (share * weight).ravel())
    root, bend = math.sqrt(information), score / (2 * information)
    per_event = score / root / (2 * float(both.sum())) if at_events else 0.0
    off = np.array([0.0, 1.0])[:, None, None] - share
    event = (off * weight - bend * share * (1 - share) * squared) / root - per_event
    watching = -off * (weight + bend * (1 - 2 * share) * squared) / root * hazard
    adds = _adds(event, watching, n_kinds)
    return Influence(mean=score / root, information=information, adds=adds)


def _of_curves(
    test: TestMethod, expected: _Expected, n_kinds: int, null: float
) -> Influence | None:
    r"""Return the influences on the difference of what two arms' survival curves say.

    Let an event at :math:`t` take :math:`A(t) / Y` from what an arm's curve says, which has
    Greenwood's variance :math:`V_a = \int (A / Y)^2 dN`. A patient moves it by :math:`-\int (A /
    Y)\,dM`, and :math:`V_a` by :math:`\int (A / Y)^2\,(dN_i - 2 Y_i\,dN / Y)` and what :math:`A`
    moves, so that :math:`z = D / \sqrt V` moves by the first less :math:`D / 2 V` of the second.

    References
    ----------
    Andersen, Borgan, Gill and Keiding (1993), *Statistical Models Based on Counting Processes*,
    section IV.3.
    """
    at_risk, events = expected.at_risk[:, 0], expected.events[:, 0]
    if (test.asks_at or 0.0) > expected.times[-1] + expected.times[1]:
        return None
    anybody = np.where(at_risk > 0, at_risk, 1.0)
    hazard = events / anybody
    lost = test.counts_at(expected.times, _survival(hazard))
    if np.any((lost != 0) & (at_risk <= 0)):
        return None
    each = lost / anybody
    variance = float((each**2 * events).sum())
    if not variance > 0:
        return None
    difference = float(lost[1, 0] - lost[0, 0]) - null  # nothing is taken yet at time 0
    root, bend = math.sqrt(variance), difference / (2 * variance)
    earlier = np.cumsum(each / anybody * events, axis=1)
    later = (each**2 * events)[:, ::-1].cumsum(axis=1)[:, ::-1]
    moves = 2 * (lost * earlier + later) / anybody * (lost != 0)
    event = (-_SIGNS * each - bend * (each**2 - moves)) / root
    watching = (_SIGNS * each + bend * (2 * each**2 - moves)) / root * hazard
    adds = _adds(event[:, None], watching[:, None], n_kinds)
    return Influence(mean=difference / root, information=1 / variance, adds=adds)


def _survival(hazard: FloatArray) -> FloatArray:
    """Return the share without the event where each cell begins."""
    return np.asarray(np.exp(hazard - np.cumsum(hazard, axis=-1)))


def _adds(event: FloatArray, watching: FloatArray, n_kinds: int) -> Contributions:
    """Return contributions from what an event adds, and being watched through each cell.

    Parameters
    ----------
    event, watching : (2, n_strata, n_cells) arrays
    n_kinds : int
        Of patients on each arm: each is a stratum, or all are in one.
    """
    shape = 2, n_kinds, event.shape[2]
    event, watching = (
        np.broadcast_to(one, shape).reshape(-1, shape[2]) for one in (event, watching)
    )
    reached = np.concatenate([np.zeros((len(event), 1)), np.cumsum(watching, axis=1)], axis=1)
    half_way = (reached[:, 1:] + reached[:, :-1]) / 2
    return Contributions(on_event=half_way + event, on_exit=half_way, at_cut=reached)
