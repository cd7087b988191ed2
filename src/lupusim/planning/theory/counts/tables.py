"""Which fourfold tables reject, and what a test says of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.numerics.binomial import binomial_row, binomial_rows
from lupusim.analysis.proportions.score_interval import intervals_left_out
from lupusim.analysis.proportions.two_by_two import TwoByTwo
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.counts.sizes import Sizes
from lupusim.planning.theory.sums import ComplexArray
from lupusim.trial import Analysis, Better, Verdict

MOST_PER_ARM = 20_000
MOST_TABLES = 40_000  # that are worked out together: a second for two arms of 199
_NEGLIGIBLE = 1e-10  # of the chance of an arm's responders, in both tails together
_NEXT_TO_NOTHING = 1e-300  # in place of a 0 whose logarithm is multiplied by a 0
_BESIDE = np.array([0, 1]), np.array([-1, 2])
"""Where tests turn, beside what a pooled z would need: most of them, and others."""
_UNHEARD = -45.0  # logarithm of what rounding hides
_MISSED = 1e-14  # by all chances of a law together, where it is interpolated
_MOST_NODES = 60

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
    return _tables(responders, control_responders, sizes)


def _tables(
    responders: ArrayLike, control_responders: ArrayLike, sizes: tuple[ArrayLike, ArrayLike]
) -> Tables:
    new, control = np.asarray(responders, float), np.asarray(control_responders, float)
    control_n, n = (np.array(np.broadcast_to(size, new.shape), float) for size in sizes)
    return Tables(
        table=TwoByTwo(responders=new, n=n, control_responders=control, control_n=control_n)
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


def laws_in_two(first: IntArray, n: int, chances: FloatArray, span: Span) -> FloatArray:
    """Return the chances of an arm's numbers of responders in two strata together.

    They come back from the characteristic function at as many frequencies as a span has numbers,
    as negligible as what lies outside of it: so often is that added to a number within.

    Parameters
    ----------
    first : (n_laws,) array
        Patients of the arm in the first stratum; all others are in the second.
    n : int
        Patients of the arm.
    chances : (2,) array
        Of a response, by stratum.
    span : (int, int)
        The numbers that are asked for.

    Returns
    -------
    (n_laws, n_numbers) array
    """
    laws = _Frequencies.of(n, chances, span).laws(first, np.array(n))
    return np.maximum(laws, 0.0)


def mixed_laws(
    first: IntArray, n: IntArray, chances: FloatArray, span: Span
) -> tuple[FloatArray, dict[int, FloatArray]]:
    """Return the same as mixtures of few laws: weights, and what is to be weighed.

    A frequency is an exponential function of the patients in the first stratum: between
    Chebyshev's nodes it is interpolated, as closely as rounding allows (Trefethen 2013,
    *Approximation Theory and Approximation Practice*, chapter 8).

    Parameters
    ----------
    first, n : (n_laws,) array
        Patients of the arm, in the first stratum and in both.
    chances, span
        As for :func:`laws_in_two`.

    Returns
    -------
    weights : (n_laws, n_mixed) array
        Some may be negative.
    mixed : dict of int to (n_mixed, n_numbers) array
        By patients of the arm; they are no more than these.
    """
    # SPEED: hundreds of sizes of a stratum have twenty nodes (benchmarks/table.py)
    sizes = np.unique(n)
    frequencies = _Frequencies.of(int(sizes[0]), chances, span)
    distinct, place = np.unique(first, return_inverse=True)
    middle, half = (distinct[0] + distinct[-1]) / 2, (distinct[-1] - distinct[0]) / 2
    n_nodes = frequencies.n_nodes(middle, half, most=distinct.size)
    if n_nodes == distinct.size:
        weights, nodes = np.eye(n_nodes), distinct
    else:
        degree = np.arange(n_nodes)
        angle = (degree + 0.5) * np.pi / n_nodes
        weights = np.cos(np.outer(np.arccos((distinct - middle) / half), degree))
        weights *= np.where(degree, 2.0, 1.0) / n_nodes
        weights, nodes = weights @ np.cos(np.outer(degree, angle)), middle + half * np.cos(angle)
    mixed = zip(sizes.tolist(), frequencies.laws(nodes, sizes[:, None]), strict=True)
    return weights[place], {n: laws[:, : n + 1 - span[0]] for n, laws in mixed}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Frequencies:
    """Logarithms of the characteristic function of an arm's responders in two strata."""

    size: int  # frequencies, heard or not
    n_numbers: int  # of responders that are asked for
    n: int  # patients of the arm, at least
    other: ComplexArray  # of a patient in the second stratum, (n_heard,)
    each: ComplexArray  # how much more one in the first stratum adds, (n_heard,)
    back: ComplexArray  # takes the numbers to those that are asked for, (n_heard,)

    @classmethod
    def of(cls, n: int, chances: FloatArray, span: Span) -> _Frequencies:
        """Return them for `n` patients or more, by the chance of a response in each stratum."""
        n_numbers = span[1] - span[0]
        size = 1 << (n_numbers - 1).bit_length()
        turn = 2j * np.pi * np.arange(size // 2 + 1) / size
        each = 1 + chances[:, None] * np.expm1(turn)
        logs = np.log(np.where(each == 0, _NEXT_TO_NOTHING, each))
        # SPEED: a sum of many has no high frequencies (benchmarks/table.py)
        heard = int(np.count_nonzero(n * logs.real.max(axis=0) > _UNHEARD))
        one, other = logs[:, :heard]
        back = np.asarray(-span[0] * turn[:heard], dtype=np.complex128)
        return cls(size=size, n_numbers=n_numbers, n=n, other=other, each=one - other, back=back)

    def laws(self, first: FloatArray | IntArray, n: IntArray) -> FloatArray:
        """Return the chances of the numbers, (..., n_numbers).

        Parameters
        ----------
        first, n : arrays that broadcast
            Patients in the first stratum, or fractions, and in both.
        """
        law = np.exp(first[..., None] * self.each + (n[..., None] * self.other + self.back))
        return np.asarray(np.fft.irfft(law.conj(), self.size)[..., : self.n_numbers])

    def n_nodes(self, middle: float, half: float, *, most: int) -> int:
        """Return how many Chebyshev nodes tell the laws between, and no more than `most`.

        With :math:`z` what half of the way adds to a logarithm, n nodes miss an exponential
        function by at most :math:`|z|^n e^{|Re z|} / (2^{n-1} n!)`, here of all numbers together.
        """
        z = half * self.each
        further, numbers = np.abs(z) / 2, np.arange(1, min(most, _MOST_NODES))
        if further.max() > numbers.size / 2:
            return most
        missed = 4 * np.exp((middle * self.each + self.n * self.other).real + np.abs(z.real))
        missed = missed @ np.cumprod(further[:, None] / numbers, axis=1)
        enough = np.flatnonzero(missed < _MISSED)
        return int(numbers[enough[0]]) if enough.size else most


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """From which responders of the new arm on tables reject, or up to which they do."""

    place: IntArray  # how many of the numbers in a span lie below, by responders of control
    above: bool  # whether tables above reject, else those below

    def rejects(self, new: FloatArray) -> FloatArray:
        """Return the chance to reject by responders of control, (n_laws, n_numbers).

        Parameters
        ----------
        new : (n_laws, n_numbers) array
            Chances of the new arm's responders.
        """
        below = np.zeros((new.shape[0], new.shape[1] + 1))
        np.cumsum(new, axis=1, out=below[:, 1:])
        found = below[:, self.place]
        return np.asarray(below[:, -1:] - found if self.above else found)


@lru_cache(maxsize=256)
def turning_points(
    test: Any, better: Better, sided: int, alpha: float, cases: tuple[tuple[Sizes, Spans], ...]
) -> tuple[Turns, ...] | None:
    """Return where tables turn to reject; None where they may turn more than once.

    In each of some cases of arm sizes and of the responders that these may have.
    """
    if sided != 1 or not test.is_convex:
        return None
    # SPEED: so few tables are worked out, not all within the spans, and those of all cases
    # together (benchmarks/table.py)
    above = test.benefit_sign(better) > 0
    spans = np.array([span for _, span in cases])  # (n_cases, 2 arms, 2 ends)
    each = np.ptp(spans[:, 0], axis=1)
    n0, n1 = np.repeat([sizes for sizes, _ in cases], each, axis=0).T
    first, many = np.repeat(spans[:, 1, 0], each), np.repeat(np.ptp(spans[:, 1], axis=1), each)
    control = np.concatenate([np.arange(*span) for span in spans[:, 0]])
    low, high = np.zeros(control.size, dtype=np.intp), many.copy()
    near = (pooled_turn(control, (n0, n1), alpha=alpha, above=above) - first).astype(np.intp)
    beside = iter(_BESIDE)
    while (unsure := np.flatnonzero(low < high)).size:
        guess = (low + high)[unsure] // 2
        if (offsets := next(beside, None)) is not None:
            guess = near[unsure] + offsets[:, None]
        places = np.clip(np.atleast_2d(guess), 0, many[unsure] - 1)
        here, of_control, of_new = (np.tile(one[unsure], len(places)) for one in (control, n0, n1))
        asked = _tables((first[unsure] + places).ravel(), here, (of_control, of_new))
        rejected = verdict_on(test, asked, better=better, sided=sided).p_value <= alpha
        ends = (rejected == above).reshape(places.shape)
        high[unsure] = np.minimum(high[unsure], np.where(ends, places, many[unsure]).min(axis=0))
        low[unsure] = np.maximum(low[unsure], np.where(ends, 0, places + 1).max(axis=0))
    return tuple(Turns(place=place, above=above) for place in np.split(low, each.cumsum()[:-1]))


def pooled_turn(
    control: IntArray, sizes: tuple[IntArray, IntArray], *, alpha: float, above: bool
) -> FloatArray:
    """Return how many responders of the new arm make a pooled z of just that level.

    Parameters
    ----------
    control : (n_numbers,) array
        Responders of control.
    sizes : (n_numbers,) arrays
        Patients of control and of the new arm.
    alpha : float
        One-sided.
    above : bool
        Whether more responders reject, else fewer.
    """
    from scipy.special import ndtri

    # where nothing is compared the search for a turn begins anywhere
    n0, n1 = (np.maximum(size, 1) for size in sizes)
    n, rate = n0 + n1, control / n0
    spread = float(ndtri(alpha)) ** 2 * n / (n0 * n1)
    # (x / n1 - rate)^2 = spread p (1 - p), where p = (x + control) / n
    square = 1 / n1**2 + spread / n**2
    line = -2 * rate / n1 - spread / n + 2 * spread * control / n**2
    rest = rate**2 - spread * control / n + spread * (control / n) ** 2
    half = np.sqrt(np.maximum(line**2 - 4 * square * rest, 0.0))
    return np.asarray((half - line if above else -half - line) / (2 * square))
