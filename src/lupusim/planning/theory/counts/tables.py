"""Which fourfold tables reject, and what a test says of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from functools import lru_cache

import numpy as np

from lupusim.analysis.power import binomial_row, binomial_rows
from lupusim.analysis.proportions.score_interval import intervals_left_out
from lupusim.analysis.proportions.two_by_two import TwoByTwo
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.counts.sizes import Sizes
from lupusim.trial import Analysis, Better, Verdict

MOST_PER_ARM = 20_000
MOST_TABLES = 40_000  # that are worked out together: a second for two arms of 199
_NEGLIGIBLE = 1e-10  # of the chance of an arm's responders, in both tails together

Span = tuple[int, int]
"""Numbers of responders from, and up to but without."""
Spans = tuple[Span, Span]
"""Of control, and of the experimental arm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Stands for an outcome that has each of some tables once."""

    table: TwoByTwo

    def counts(self, arm: int) -> tuple[FloatArray, FloatArray]:
        """Return responders and patients of an arm."""
        if arm:
            return self.table.responders, self.table.n
        return self.table.control_responders, self.table.control_n


def tables_of(sizes: Sizes, spans: Spans) -> Tables:
    """Return all tables of two arm sizes within some spans, those of control running fastest."""
    control, new = (np.arange(*span, dtype=float) for span in spans)
    responders, control_responders = (
        grid.ravel() for grid in np.meshgrid(new, control, indexing="ij")
    )
    return Tables(
        table=TwoByTwo(
            responders=responders,
            n=np.full(responders.size, float(sizes[1])),
            control_responders=control_responders,
            control_n=np.full(responders.size, float(sizes[0])),
        )
    )


def verdict_on(
    test: Callable[..., Verdict], tables: Tables, *, better: Better, sided: int
) -> Verdict:
    """Return what a test says of tables."""
    with intervals_left_out():
        return test(tables, better=better, sided=sided, stratum=np.zeros((1, 1), dtype=np.intp))


@lru_cache(maxsize=256)
def rejections(
    test: Callable[..., Verdict],
    better: Better,
    sided: int,
    alpha: float,
    sizes: Sizes,
    spans: Spans,
) -> FloatArray:
    """Return 1 where a table rejects, else 0; responders of the new arm by those of control."""
    verdict = verdict_on(test, tables_of(sizes, spans), better=better, sided=sided)
    (low, high), (low_new, high_new) = spans
    found = (verdict.p_value <= alpha).reshape(high_new - low_new, high - low)
    return found.astype(float)


def likely_span(n: int, lowest: float, highest: float) -> Span:
    """Return the numbers of responders that `n` patients may have at chances within a range."""
    return _without_tails(*(binomial_row(n, chance) for chance in (lowest, highest)))


def _without_tails(low: FloatArray, high: FloatArray) -> Span:
    begin = int(np.argmax(low.cumsum() > _NEGLIGIBLE / 2))
    return begin, high.size - int(np.argmax(high[::-1].cumsum() > _NEGLIGIBLE / 2))


def too_large(analysis: Analysis, sizes: Sizes) -> str:
    """Return up to where exact tables go, if arms are too large for them; empty if not."""
    if analysis.test.needs_all_tables:
        too_many = (sizes[0] + 1) * (sizes[1] + 1) > MOST_TABLES
        return f"up to {MOST_TABLES} tables for {analysis.name}" if too_many else ""
    return f"up to {MOST_PER_ARM} patients on an arm" if max(sizes) > MOST_PER_ARM else ""


def check_sizes(analysis: Analysis, sizes: Sizes) -> None:
    """Raise NoExactSolutionError where arms are too large for exact tables."""
    if limit := too_large(analysis, sizes):
        raise NoExactSolutionError(limit)


def rows_of(n: int, chances: FloatArray, span: Span) -> FloatArray:
    """Return the probabilities of the numbers of responders in a span, (n_truths, n_numbers)."""
    distinct, place = np.unique(chances, return_inverse=True)
    return np.asarray(binomial_rows(n, distinct, span)[place])


@dataclass(slots=True)
class ArmSums:
    """Laws of an arm's responders in two strata together."""

    truth: FloatArray  # chance of a response by arm, control first, and stratum
    _rows: dict[tuple[int, int, int], tuple[int, FloatArray]] = field(default_factory=dict)
    _laws: dict[tuple[int, int, int, Span], FloatArray] = field(default_factory=dict)

    def spans(self, sizes: Sizes) -> Spans:
        """Return the responders that the arms may have."""
        low, high = self.truth.min(axis=1), self.truth.max(axis=1)
        of_control, of_new = (
            likely_span(n, float(low[arm]), float(high[arm])) for arm, n in enumerate(sizes)
        )
        return of_control, of_new

    def law(self, arm: int, strata: tuple[Sizes, Sizes], span: Span) -> FloatArray:
        """Return the chance of each number of responders in a span."""
        first, second = (sizes[arm] for sizes in strata)
        key = arm, first, second, span
        if key not in self._laws:  # SPEED: few sizes of one arm have many of the other
            self._laws[key] = self._law(arm, (first, second), span)
        return self._laws[key]

    def _law(self, arm: int, sizes: tuple[int, int], span: Span) -> FloatArray:
        (first, one), (second, other) = (
            self._row(arm, stratum, n) for stratum, n in enumerate(sizes)
        )
        both = np.convolve(one, other)
        found = np.zeros(span[1] - span[0])
        begin = first + second - span[0]
        inside = slice(max(begin, 0), max(begin + both.size, 0))
        found[inside] = both[max(-begin, 0) :][: found[inside].size]
        return found

    def _row(self, arm: int, stratum: int, n: int) -> tuple[int, FloatArray]:
        key = arm, stratum, n
        if key not in self._rows:
            chance = float(self.truth[arm, stratum])
            row = binomial_row(n, chance)
            begin, end = _without_tails(row, row)
            self._rows[key] = begin, row[begin:end]
        return self._rows[key]
