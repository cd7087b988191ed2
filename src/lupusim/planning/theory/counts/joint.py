"""The law of all that is counted of a patient: responses by several endpoints, or a rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace
from functools import partial

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.counts.asked import AllRespond, RanksAtLeast
from lupusim.planning.theory.counts.cells import Cell
from lupusim.planning.theory.counts.chances import ChancesOf, chances_of_truths
from lupusim.trial import Trial
from lupusim.trial.endpoints import Endpoint, ResponseAtVisits

_MOST_ENDPOINTS = 4
_NEGLIGIBLE = 1e-15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """What can be counted of a patient: a value of each endpoint."""

    values: IntArray  # of each endpoint, by outcome; (n_endpoints, n_outcomes)
    n_values: tuple[int, ...]  # how many values each endpoint has
    chances: FloatArray
    """Of each outcome by arm and cell; (n_arms, n_cells, n_outcomes), or that of many truths."""

    def likely(self) -> Outcomes:
        """Return them without those that nobody has."""
        there = self.chances.reshape(-1, self.chances.shape[-1]).max(axis=0) > _NEGLIGIBLE
        chances = self.chances[..., there]
        return Outcomes(
            values=self.values[:, there],
            n_values=self.n_values,
            chances=chances / chances.sum(axis=-1, keepdims=True),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truths:
    """What may be true of a trial, and what was worked out of it."""

    trial: Trial
    chances: ChancesOf  # under each truth
    known: dict[tuple[int, ...], Outcomes] = field(default_factory=dict)

    def outcomes(self, endpoints: Sequence[int], cells: Sequence[Cell]) -> Outcomes:
        """Return what can be counted by endpoints of these positions, under each truth.

        Raises
        ------
        NoExactSolutionError
            As :func:`outcomes_of`.
        """
        key = tuple(endpoints)
        if key not in self.known:
            asked = [self.trial.endpoints[k] for k in endpoints]
            self.known[key] = _of_truths(self.chances, asked, cells)
        return self.known[key]


def is_counted(endpoint: Endpoint) -> bool:
    """Return whether an endpoint is a response at visits or the rank of the state at one."""
    return endpoint.response_at_visits is not None or endpoint.rank_at_visit is not None


def outcomes_of(trial: Trial, endpoints: Sequence[Endpoint], cells: Sequence[Cell]) -> Outcomes:
    """Return what can be counted of a patient by some endpoints, and how likely it is.

    Parameters
    ----------
    trial : Trial
        Its patients must be independent of each other and of the date.
    endpoints : sequence of Endpoint
        Each by :func:`is_counted`.
    cells : sequence of Cell
        Kinds of patients.

    Raises
    ------
    NoExactSolutionError
        If the exact engine does not know the chances.
    """
    many = _of_truths(partial(chances_of_truths, [trial]), endpoints, cells)
    return replace(many, chances=many.chances[0])


def _of_truths(
    chances: ChancesOf, endpoints: Sequence[Endpoint], cells: Sequence[Cell]
) -> Outcomes:
    responses = [one.response_at_visits for one in endpoints]
    known = [one for one in responses if one is not None]
    if len(known) == len(endpoints):
        return _of_responses(chances, known, cells).likely()
    if len(endpoints) > 1:
        raise NoExactSolutionError("ranks are tested beside other endpoints")
    return _of_ranks(chances, endpoints[0], cells).likely()


def _of_responses(
    chances_of: ChancesOf, endpoints: Sequence[ResponseAtVisits], cells: Sequence[Cell]
) -> Outcomes:
    """Return all patterns of responses: that of some endpoints alone by exclusion of the others."""
    n = len(endpoints)
    if n > _MOST_ENDPOINTS:
        raise NoExactSolutionError(f"{n} endpoints count together")
    together = [
        AllRespond(endpoints=tuple(endpoints[k] for k in range(n) if some >> k & 1))
        for some in range(1, 1 << n)
    ]
    chances = _beside_all([chances_of(asked, cells) for asked in together])
    for k in range(n):
        without = [some for some in range(1 << n) if not some >> k & 1]
        chances[..., without] -= chances[..., [some | 1 << k for some in without]]
    values = np.array([[some >> k & 1 for some in range(1 << n)] for k in range(n)])
    return Outcomes(values=values, n_values=(2,) * n, chances=np.maximum(chances, 0.0))


def _of_ranks(chances_of: ChancesOf, endpoint: Endpoint, cells: Sequence[Cell]) -> Outcomes:
    ranked = endpoint.rank_at_visit
    assert ranked is not None  # who calls has seen to it
    n = len(ranked.ranks)
    at_least = _beside_all(
        [chances_of(RanksAtLeast(endpoint=ranked, rank=rank), cells) for rank in range(1, n)]
    )
    chances = np.maximum(-np.diff(at_least, axis=-1, append=0.0), 0.0)
    return Outcomes(values=np.arange(n)[None], n_values=(n,), chances=chances)


def _beside_all(chances: Sequence[FloatArray]) -> FloatArray:
    """Return chances along a last axis, those of all patients first."""
    return np.stack([np.ones_like(chances[0]), *chances], axis=-1)
