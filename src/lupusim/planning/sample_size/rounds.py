"""Which sizes near the answer to simulate next, and how often, until it is known well enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field

from lupusim.common.frozen import dataclass
from lupusim.planning.sample_size.options import FIRST_ROUND, Search
from lupusim.planning.sample_size.probit_line import (
    NORMAL,
    Batch,
    PowerLine,
    evenly_worth,
    fit_line,
    known_worth,
    n_counted,
    needed_counts,
    offsets,
)

_SIZES, _SIZES_WITHOUT_CHANCE = 4, 2  # of a round
_SPREAD = 5.0  # sizes lie within this many tolerances of the estimate: the slope is known to 0.2,
_NARROWEST, _WIDEST = 0.1, 0.2  # but within these shares of it: power may bend, and have teeth
_WINDOW = 1.5  # earlier sizes beyond this many spreads are forgotten
_FEW = 500  # replicates that the first round has at least,
_FIRST_SHARE = 0.6  # and this share of what is likely to be needed,
_FEW_WITHOUT_CHANCE = 500  # of a size: fewer do not tell how far what is known in law goes
_FURTHER_SHARE = 0.1  # replicates that a further round has at least, of those already seen,
_MOST_FURTHER = 1.0  # and at most: how wide the interval is, is itself known roughly only


@dataclass(slots=True, kw_only=True)
class Rounds:
    """A probit line through powers near the target, renewed round after round.

    Sizes lie in pairs about the estimate, so that what is not known of the slope hardly matters
    for where the line crosses the target.
    """

    search: Search  # how precisely to look
    power: float  # target
    level: float  # power where there is no effect, one-sided
    smallest: int
    step: int
    """`smallest` and `step`: of the sizes."""
    is_controlled: bool  # whether chance is known in law, by size, and at a price
    has_teeth: bool  # whether power goes up and down from size to size, as that of counts does
    _offsets: Iterator[float] = field(init=False, default_factory=offsets)

    @property
    def n_sizes(self) -> int:
        """Sizes of a round."""
        return _SIZES_WITHOUT_CHANCE if self.is_controlled else _SIZES

    def line(self, batches: Sequence[Batch], near: float) -> tuple[PowerLine, float]:
        """Return the line through the batches near a size, and the size where it crosses."""
        probit = NORMAL.inv_cdf(self.power)
        close = self._close(batches, near) or batches
        line = fit_line(evenly_worth(close), near=near, probit=probit, alpha=self.level)
        crossing = line.size_at(probit)
        return line, float(min(max(crossing, near / 2, self.smallest), 2 * near))

    def sizes(self, near: float) -> list[float]:
        """Return where the next round looks, in pairs about the estimate."""
        spread = self._spread(near)
        return [near * (1 + spread * next(self._offsets)) for _ in range(self.n_sizes)]

    def odd_and_even(self, sizes: Sequence[int], largest: int) -> Sequence[int]:
        """Return sizes of which each pair is odd and even, where all are allowed and that matters.

        Otherwise two sizes of a kind could pass for a line.
        """
        if self.step > 1 or not self.has_teeth:
            return sizes
        pairs = zip(sizes[::2], sizes[1::2], strict=True)
        moved = ((a, b + 1 - (b - a) % 2) for a, b in pairs)
        return [min(size, largest) for pair in moved for size in pair]

    def wanted(self, batches: Sequence[Batch], line: PowerLine, near: float, left: int) -> int:
        """Return how many replicates the next round needs; 0 to stop.

        Parameters
        ----------
        batches : sequence of Batch
            What was seen.
        line : PowerLine
            Through those near the estimate.
        near : float
            The estimate.
        left : int
            Replicates that the search may still spend.
        """
        close = self._close(batches, near)
        worth = known_worth(close)
        if len(close) <= self.n_sizes:  # no round yet
            likely = needed_counts(self.power, self.level, self._tolerance(near)) / worth
            return int(min(max(_FIRST_SHARE * likely, self._fewest), FIRST_ROUND, left))
        low, high = line.interval(NORMAL.inv_cdf(self.power))
        too_wide = (high - low) / 2 / near / self._tolerance(near)
        if left < _FEW or too_wide <= 1:
            return 0
        seen = n_counted(close) / worth
        further = min(max(too_wide**2 - 1, _FURTHER_SHARE), _MOST_FURTHER) * seen
        return int(min(max(further, self._fewest if self.is_controlled else 0), left))

    @property
    def _fewest(self) -> int:
        return _FEW_WITHOUT_CHANCE * self.n_sizes if self.is_controlled else _FEW

    def _tolerance(self, near: float) -> float:
        """Return half the width that the interval may have, relative to the estimate."""
        return max(self.search.precision, self.step / 2 / near)

    def _spread(self, near: float) -> float:
        return min(max(_SPREAD * self._tolerance(near), _NARROWEST), _WIDEST)

    def _close(self, batches: Sequence[Batch], near: float) -> list[Batch]:
        window = _WINDOW * self._spread(near)
        return [batch for batch in batches if abs(batch.size / near - 1) <= window]
