"""The replicates of one trial, added up in the order of their blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from enum import Enum

from lupusim.common.frozen import dataclass
from lupusim.planning.controls.kinds import is_controlled, sample_growth
from lupusim.planning.execution.tasks import blocks_of, is_block_of
from lupusim.simulation.fingerprint import trial_fingerprint
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks.look_statistics import comparisons
from lupusim.simulation.looks.null_hypothesis import error_quantity
from lupusim.simulation.relabeling import is_exchangeable
from lupusim.simulation.scoring import Pair
from lupusim.simulation.tally import Mean, Tally
from lupusim.trial import Trial
from lupusim.trial.scenario import DesignPoint


class Estimates(Enum):
    """How shares of claims are estimated."""

    PLAIN = "plain"
    """As they were counted."""
    CONTROLLED = "controlled"
    """With control variates, where a trial has some."""


@dataclass(slots=True, kw_only=True)
class Series:
    """The replicates of one trial, added up in the order of their blocks.

    Floating-point sums depend on their order, so a block that is finished early waits until
    all before it are in. Memory does not grow with the number of blocks.
    """

    fingerprint: str  # content hash of the trial
    trial: Trial  # what is simulated
    growth: int = 0
    """How many times as large as for a short run the sample behind control variates is, if there
    is one; 0 where blocks are simulated without control variates."""
    relabeled: bool = False
    """Whether its replicates share their patients, some at a time: those of alike arms may."""
    planned: int = 0
    finished: int = 0
    _next: int = 0
    _total: Tally = field(default_factory=Tally)
    _waiting: dict[int, Tally] = field(default_factory=dict)
    _rejected: float = 0.0

    def extend(self, n_replicates: int, *, seed: int) -> Iterator[Block]:
        """Plan more replicates, up to `n_replicates` in all, and yield their blocks."""
        begin, self.planned = self.planned, max(self.planned, n_replicates)
        return blocks_of(self.trial, self.planned, seed=seed, begin=begin)

    def enter(self, block: Block, tally: Tally) -> None:
        """Take in a finished block; one that is in already, or was not planned, is left out."""
        if not self._awaits(block):
            return
        self._waiting[block.number] = tally
        self.finished += block.n_replicates
        if "reject" in tally.sums:
            self._rejected += tally.sums["reject"][1]
        while (following := self._waiting.pop(self._next, None)) is not None:
            self._total.add(following)
            self._next += 1

    def _awaits(self, block: Block) -> bool:
        known = block.number < self._next or block.number in self._waiting
        return not known and is_block_of(self.trial, self.planned, block)

    @property
    def trials(self) -> dict[str, Trial]:
        """The trials that must be simulated for it, by fingerprint."""
        return {self.fingerprint: self.trial}

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Which trials it compares; none where it is a trial that is simulated itself."""
        return ()

    @property
    def controlled(self) -> bool:
        """Whether its blocks are simulated with control variates, if it has some."""
        return self.growth > 0

    @property
    def is_complete(self) -> bool:
        """Whether every planned replicate is in."""
        return self.finished == self.planned

    @property
    def tally(self) -> Tally:
        """Sums over what is finished, in the order of the blocks."""
        total = self._total.copy()
        for _, tally in sorted(self._waiting.items()):
            total.add(tally)
        return total

    @property
    def running_power(self) -> Mean | None:
        """Share of rejections so far; None before the first block or without a test."""
        if self.trial.analysis is None or not self.finished:
            return None
        if self.controlled:
            return self.tally.claims()
        share = self._rejected / self.finished
        return Mean(value=share, mcse=(share * (1 - share) / self.finished) ** 0.5)


@dataclass(slots=True, kw_only=True)
class Difference(Series):
    """The differences of its trial from the first, whose patients it shares, by replicate."""

    first: Trial
    pair: Pair

    @classmethod
    def between(cls, later: Series, first: Series) -> Difference:
        """Return the differences of one trial from another."""
        pair = Pair(later=later.fingerprint, first=first.fingerprint)
        return cls(
            fingerprint=pair.key,
            trial=later.trial,
            first=first.trial,
            pair=pair,
            relabeled=later.relabeled,
        )

    @property
    def trials(self) -> dict[str, Trial]:
        """The trials that must be simulated for it, by fingerprint."""
        return {self.pair.later: self.trial, self.pair.first: self.first}

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Which trials it compares."""
        return (self.pair,)


def series_of(point: DesignPoint) -> tuple[Series, ...]:
    """Return the series of a design and, where something is tested, of its null twin."""
    trial = point.trial
    twins = (trial, trial.null_twin()) if trial.has_null_twin else (trial,)
    return tuple(Series(fingerprint=trial_fingerprint(t), trial=t) for t in twins)


def more_precise(
    point: tuple[Series, ...], n_replicates: int, *, controlled: bool = True
) -> tuple[Series, ...]:
    """Return the series of a design that know more of the same work.

    Its null twin's replicates share their patients where its arms are alike and claims of them are
    errors: within a margin a claim is mostly the patients', whatever arm they are on, and so it is
    where a prior compares them with what is known of others. And what
    control variates know is taken out of its claims; of differences between designs, trial by
    trial, it is not. Such blocks hold other sums, and so have another name.

    Parameters
    ----------
    point : tuple of Series
        The trial of a design and, where something is tested, its null twin.
    n_replicates : int
        How many are planned: where the law behind control variates is sampled, a long run has a
        larger sample.
    controlled : bool
        Whether with control variates.
    """
    return tuple(
        _named(
            series,
            growth=sample_growth(series.trial, n_replicates)
            if controlled and is_controlled(series.trial)
            else 0,
            relabeled=number > 0
            and is_exchangeable(series.trial)
            and error_quantity(series.trial) is not None
            and not _borrows(series.trial),
        )
        for number, series in enumerate(point)
    )


def _borrows(trial: Trial) -> bool:
    """Return whether a test knows something beforehand."""
    return any(one.analysis.test.prior_words for one in comparisons(trial))


def _named(series: Series, *, growth: int, relabeled: bool) -> Series:
    words = [series.fingerprint]
    words += [Estimates.CONTROLLED.value] if growth else []
    words += [f"sample {growth}"] if growth > 1 else []
    words += ["relabeled"] if relabeled else []
    return Series(
        fingerprint=" ".join(words),
        trial=series.trial,
        growth=growth,
        relabeled=relabeled,
    )
