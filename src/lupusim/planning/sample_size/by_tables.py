"""A search for a size by tables that are drawn from their law, in place of patients."""

from __future__ import annotations

from collections.abc import Sequence

from lupusim.errors import NoExactSolutionError
from lupusim.planning.sample_size.drawn import FEW, DrawnPowers
from lupusim.planning.sample_size.events import quantity_of
from lupusim.planning.sample_size.exact import ExactPowers
from lupusim.planning.sample_size.growth import Sizing, only_decided
from lupusim.planning.sample_size.hunt import Hunt
from lupusim.planning.sample_size.probit_line import PowerLine, known_worth, needed_counts
from lupusim.planning.sample_size.results import SampleSize

_CHECKED_PATIENTS = 150_000
_FEWEST_CHECKS, _MOST_CHECKS = 250, 500
"""Replicates that check an answer: its power to 0.02, and when the trial ends."""
_OF_FIT = 0.5  # share of the tables of a fit that show the power at the answer
_OF_ANSWER = 8  # a point of the curve has an eighth of the tables of the answer


def is_known_without_patients(sizing: Sizing, event: str = "any") -> bool:
    """Return whether all tables, or drawn ones, tell the power of the trial as it is given."""
    quantity = quantity_of(only_decided(sizing.trial), event)
    exact = ExactPowers(sizing, quantity=quantity)
    return (
        exact.at(sizing.start) is not None or DrawnPowers(sizing=sizing, quantity=quantity).is_known
    )


def answer_by_tables(hunt: Hunt) -> SampleSize | None:
    """Return the answer to a search by drawn tables; None where these do not tell it."""
    tables = DrawnPowers(sizing=hunt.sizing, quantity=hunt.quantity)
    if not tables.is_known:
        return None
    try:
        return _TableHunt(hunt, tables).found()
    except (NoExactSolutionError, ArithmeticError):
        return None


class _TableHunt(Hunt):
    """The same search by tables, whose seed is that of no search; replicates check its answer."""

    def __init__(self, hunt: Hunt, tables: DrawnPowers) -> None:
        super().__init__(hunt.sizing, hunt.power, hunt.search)
        self.tables = tables
        self.is_nested = self.is_controlled = False

    def look_at(self, sizes: Sequence[int], n_replicates: int) -> None:
        """Draw further tables of sizes and remember what was seen."""
        self.batches = self.tables.look_at(sizes, n_replicates)

    @property
    def n_replicates(self) -> int:
        """Tables of all sizes that were looked at."""
        return self.tables.n_tables

    def peek(self, size: int) -> int:
        """Return how many tables show roughly what the power is."""
        del size
        return FEW

    def answer(self, line: PowerLine) -> SampleSize:
        """Ask fresh tables of the answer and of the curve, and check it by a few replicates."""
        needed = needed_counts(self.power, self.level, self.search.precision)
        needed /= known_worth(self.batches)
        of_fit = min(max(needed, self.n_replicates), self.search.max_replicates)
        n_tables = int(_OF_FIT * of_fit)
        size, power = self.confirmed(
            line, lambda size: self.tables.at(size, n_tables), lambda power: power
        )
        curve = {one: self.tables.at(one, n_tables // _OF_ANSWER) for one in self.shown(size)}
        n_checks = _CHECKED_PATIENTS // self.sizing.at(size).n_patients
        n_checks = min(max(n_checks, _FEWEST_CHECKS), _MOST_CHECKS)
        return self.check(size, n_checks).answer(
            self.power, self.limits(line, size), curve | {size: power}, drawn=power
        )
