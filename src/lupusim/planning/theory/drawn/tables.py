"""What trials claim by tables that are drawn from their law: as many as are worth it."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import field
from functools import reduce

from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.counts.claims import (
    SEED,
    Claims,
    law_of,
    most_drawn,
    parts_of,
    ways_of,
    work_of,
)
from lupusim.planning.theory.counts.numbers import Counted
from lupusim.planning.theory.drawn.controls import TableControls, TableSums, in_folds
from lupusim.simulation.fingerprint import remembered_by_content
from lupusim.simulation.looks.look_statistics import Comparison
from lupusim.trial import Trial

_BATCH = 1_000  # tables that are drawn at least
_FURTHER = 8  # batches that are drawn before one is twice as large
_PER_REPLICATE = 25  # tables: an error a fifth of that of counted trials
_FREE = 1_000_000  # numbers that are drawn beside any run: a tenth of a second
_OF_PATIENT, _MORE = 2, 60
"""Numbers that are drawn for each patient of a replicate, and for so many more that the rest of it
takes the time of: about a fifth of the time of a run."""
_MOST = 1_000_000  # tables


@dataclass(slots=True, kw_only=True)
class _Way:
    """Tables that some comparisons of a trial see."""

    trial: Trial
    asked: Sequence[Comparison]
    known: list[tuple[int, TableSums]] = field(default_factory=list)
    """After each batch: tables so far, and the sums over them."""
    _law: Counted | None = None
    _controls: TableControls | None = None

    @property
    def law(self) -> Counted:
        """The law of the numbers that they see."""
        if self._law is None:
            self._law = law_of(self.trial, self.asked)
        return self._law

    @property
    def controls(self) -> TableControls:
        """What is known in law of them."""
        if self._controls is None:
            self._controls = TableControls.of(self.law, self.asked)
        return self._controls

    def claims(self, n_tables: int | None, beside: int | None) -> Claims:
        """Return what is claimed; see :meth:`DrawnTables.claims`."""
        most = most_drawn(self.law, self.asked)
        if beside is not None:
            each = work_of(self.law, self.asked)
            affordable = _OF_PATIENT * beside * (self.trial.n_patients + _MORE) // each
            most = min(max(min(affordable, _PER_REPLICATE * beside), _FREE // each), _MOST)
        wanted = max(n_tables or most, 1)
        while not self.known or self.known[-1][0] < wanted:
            self.known.append(self._with_further())
        n_drawn, sums = next(one for one in self.known if one[0] >= wanted)
        return Claims(shares=sums.shares(), n_drawn=n_drawn)

    def _with_further(self) -> tuple[int, TableSums]:
        """Draw a further batch, each from a stream of its own: who asked before is no matter."""
        before = self.known[-1][0] if self.known else 0
        n_further = max(before // (_FURTHER * _BATCH), 1) * _BATCH
        rng = stream(SEED, "drawn tables", self.trial.n_patients, len(self.known))
        parts = [
            self.controls.sums(in_folds(self.law.drawn(size, rng=rng)).distinct())
            for size in parts_of(n_further, self.law.n_draws)
        ]
        drawn = [sums for _, sums in self.known[-1:]] + parts
        return before + n_further, reduce(operator.add, drawn)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnTables:
    """Tables of a trial; who asks for more goes on where others ended."""

    ways: tuple[_Way, ...]  # the first that tells is taken

    def claims(self, n_tables: int | None = None, *, beside: int | None = None) -> Claims:
        """Return how probably a trial claims what it tests.

        Parameters
        ----------
        n_tables : int or None
            How many tables are drawn at least; default what takes less than a second.
        beside : int or None
            Replicates of the simulation that it is shown beside: no more tables than make the
            error a fifth of that of counted trials, nor than take a fifth of the time of these,
            but those of a tenth of a second.

        Raises
        ------
        NoExactSolutionError
            If tables do not tell, or drawing takes as long as patients do; why is said.
        """
        *quicker, every = self.ways
        for way in quicker:
            try:
                return way.claims(n_tables, beside)
            except NoExactSolutionError:
                pass
        return every.claims(n_tables, beside)


@remembered_by_content
def drawn_tables(trial: Trial) -> DrawnTables:
    """Return the tables of a trial; of one of the same content those that are drawn already.

    Raises
    ------
    NoExactSolutionError
        If it is no trial of counts; why is said.
    """
    return DrawnTables(ways=tuple(_Way(trial=trial, asked=asked) for asked in ways_of(trial)))
