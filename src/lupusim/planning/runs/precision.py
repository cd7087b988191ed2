"""How long to simulate: for a number of replicates, a precision, or a decision."""

from __future__ import annotations

import math
import re
from typing import Protocol

from lupusim.common.frozen import dataclass
from lupusim.planning.runs.results import PointResult
from lupusim.simulation.looks.null_hypothesis import WITHIN_THE_MARGIN
from lupusim.simulation.tally import Mean, reduction

PRESETS = {"peek": 10, "rough": 100, "plan": 1_000, "submit": 100_000}
"""Replicates per design for plain words."""
MOST_REPLICATES = 100_000
"""Stated maximum of a rule that looks at its results, unless the user states another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What a rule says of a design after a stage."""

    wanted: int  # replicates the design should have in all after the next stage
    words: str = ""  # what was found, if the rule is done with the design; empty if it wants more


class Precision(Protocol):
    """A rule for how many replicates a design gets.

    A rule looks at a design at the end of stages only, each of which is a number of whole
    blocks: so where it stops depends on the seed alone, never on how many processes work.
    """

    @property
    def first(self) -> int:
        """Replicates of the first stage."""
        ...

    @property
    def most_replicates(self) -> int:
        """Never more than this many per design."""
        ...

    @property
    def option(self) -> str:
        """What asks for it on the command line."""
        ...

    def assess(self, point: PointResult, stage: int) -> Assessment:
        """Judge a design after a stage, counted from 1."""
        ...

    def shortfall(self, point: PointResult) -> str:
        """Return what was not reached when the maximum is used up."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetMcse:
    """Simulate until the Monte Carlo standard error is small enough.

    It is met by power and type I error, or where nothing is tested by each arm's response or
    event rate. A first stage tells the spread, the next ones take what is missing. The
    standard error of a share is computed from two more successes and two more failures than
    were seen (Agresti and Coull, 1998, The American Statistician 52, 119-126), so that a share
    of 0 or 1 after few replicates does not look certain.
    """

    mcse: float  # standard error to reach, above 0
    most_replicates: int = MOST_REPLICATES  # never more than this many per design
    first: int = 1000

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mcse) and self.mcse > 0):
            raise ValueError(f"mcse={self.mcse!r} must be a number above 0")
        _check_most(self.most_replicates)

    @property
    def option(self) -> str:
        """What asks for it on the command line."""
        return f"--mcse {self.mcse!r} --max-replicates {self.most_replicates}"

    def assess(self, point: PointResult, stage: int) -> Assessment:
        """Judge a design after a stage."""
        del stage
        variance = self._variance(point)
        if math.sqrt(variance / point.n_replicates) <= self.mcse:
            return Assessment(wanted=point.n_replicates, words=f"MCSE {self.mcse:g} reached")
        # Two parts in a hundred more, so that the next stage is mostly the last.
        return Assessment(wanted=math.ceil(1.02 * variance / self.mcse**2))

    def shortfall(self, point: PointResult) -> str:
        """Return what was not reached."""
        reached = math.sqrt(self._variance(point) / point.n_replicates)
        return (
            f"MCSE {self.mcse:g} was asked, {reached:.2g} is what the maximum of "
            f"{self.most_replicates} replicates gives"
        )

    @staticmethod
    def _variance(point: PointResult) -> float:
        """Return the largest variance between replicates of what the rule watches."""
        claims = point.claims_under_null
        if point.power is not None and claims is not None:
            return max(_guarded(share, point.n_replicates) for share in (point.power, claims))
        watched = [name for name in point.tally.sums if name.startswith(("response_", "event_r"))]
        spreads = [point.tally.standard_deviation(name) ** 2 for name in watched]
        return max((s for s in spreads if math.isfinite(s)), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    r"""Simulate until a statement about a probability is decided, with a bounded error.

    After stage :math:`k` the statement is decided if an exact binomial test of the threshold
    rejects in either direction at level :math:`\epsilon / (k (k + 1))`. Only the test against
    the truth can err, and the levels of all stages sum to :math:`\epsilon`: so the probability
    of ever deciding wrongly is at most :math:`\epsilon`, whatever the truth and the maximum
    (Bonferroni's inequality; the alpha-spending of Darling and Robbins, 1967, PNAS 57,
    1188-1192). Where the truth is very near the threshold it stays undecided, and says so.
    """

    quantity: str  # ``power`` or ``type_one_error``
    above: bool  # whether the statement is that it lies above the threshold; else below
    threshold: float  # between 0 and 1
    error: float = 0.01  # largest probability of deciding wrongly, for each design by itself
    most_replicates: int = MOST_REPLICATES  # never more than this many per design
    first: int = 500

    def __post_init__(self) -> None:
        if self.quantity not in ("power", "type_one_error"):
            raise ValueError(f"quantity={self.quantity!r} must be 'power' or 'type_one_error'")
        for name in ("threshold", "error"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)!r} must lie between 0 and 1")
        _check_most(self.most_replicates)

    @classmethod
    def parse(cls, text: str, *, most_replicates: int = MOST_REPLICATES) -> Decision:
        """Return the decision that words such as ``power > 0.8`` ask for."""
        found = re.fullmatch(r"\s*(\w+)\s*([<>])\s*([0-9.eE-]+)\s*", text)
        if found is None:
            raise ValueError(
                f"{text!r} is not a statement to decide: write 'power > 0.8' "
                "or 'type_one_error < 0.03'"
            )
        quantity, sign, number = found.groups()
        try:
            threshold = float(number)
        except ValueError:
            raise ValueError(f"{number!r} in {text!r} is not a number") from None
        try:
            return cls(
                quantity=quantity,
                above=sign == ">",
                threshold=threshold,
                most_replicates=most_replicates,
            )
        except ValueError as error:
            raise ValueError(f"{text!r}: {error}") from None

    @property
    def statement(self) -> str:
        """The statement in words."""
        return f"{self.quantity} {'>' if self.above else '<'} {self.threshold:g}"

    @property
    def option(self) -> str:
        """What asks for it on the command line, where the error is the default one."""
        sign = ">" if self.above else "<"
        words = f"{self.quantity} {sign} {self.threshold!r}"
        return f"--decide '{words}' --max-replicates {self.most_replicates}"

    def assess(self, point: PointResult, stage: int) -> Assessment:
        """Judge a design after a stage."""
        from scipy.special import bdtr, bdtrc

        n, mean = point.n_replicates, self._mean(point)
        if mean.n == 0 and mean.mcse == 0:
            is_so = mean.value > self.threshold if self.above else mean.value < self.threshold
            return Assessment(
                wanted=n, words=f"{self.statement}: {'yes' if is_so else 'no'} (exact)"
            )
        count = round(mean.value * n)
        level = self.error / (stage * (stage + 1))
        is_above = count > 0 and bdtrc(count - 1, n, self.threshold) <= level
        is_below = bdtr(count, n, self.threshold) <= level
        if not (is_above or is_below):
            return Assessment(wanted=math.ceil(1.5 * n))
        verdict = "yes" if is_above == self.above else "no"
        words = f"{self.statement}: {verdict} (error at most {self.error:g})"
        return Assessment(wanted=n, words=words)

    def shortfall(self, point: PointResult) -> str:
        """Return what was not reached."""
        return (
            f"{self.statement}: not decided with the maximum of {point.n_replicates} "
            f"replicates (error at most {self.error:g})"
        )

    def _mean(self, point: PointResult) -> Mean:
        counted = point.plain  # the binomial test asks for counts
        mean = counted.power if self.quantity == "power" else counted.type_one_error
        if mean is None:
            why = "the scenario tests nothing" if point.power is None else WITHIN_THE_MARGIN
            raise ValueError(f"{self.statement!r} cannot be decided: {why}")
        return mean


def _guarded(share: Mean, n_replicates: int) -> float:
    """Return the variance between replicates of a share, as of four replicates more."""
    more = (share.value * n_replicates + 2) / (n_replicates + 4)
    return more * (1 - more) * reduction(share)


def _check_most(most_replicates: int) -> None:
    if most_replicates < 1:
        raise ValueError(f"most_replicates={most_replicates!r} must be at least 1")
