"""An answer, with what fresh replicates say of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from lupusim.common.frozen import dataclass
from lupusim.planning.runs.replicates import mean_of
from lupusim.planning.sample_size.events import event_in_words, last_look
from lupusim.planning.sample_size.growth import Sizing
from lupusim.planning.sample_size.results import SampleSize
from lupusim.simulation.tally import Mean, Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What fresh replicates say of a size."""

    sizing: Sizing  # what grew
    size: int  # to what
    tally: Tally  # sums over the replicates
    quantity: str  # which of them is the power
    n_replicates: int
    seed: int
    """`n_replicates` and `seed`: of the whole search, and its seed."""

    @property
    def power(self) -> Mean:
        """The power that they show; NaN where dates alone were asked of them."""
        if self.quantity not in self.tally.sums:
            return Mean(value=math.nan, mcse=math.nan)
        return mean_of(self.tally, self.quantity)

    def answer(
        self,
        target: float,
        limits: tuple[int, int],
        powers: Mapping[int, Mean],
        *,
        exact: float | None = None,
        drawn: Mean | None = None,
    ) -> SampleSize:
        """Return the answer to a search.

        Parameters
        ----------
        target : float
            The power that was asked for.
        limits : (int, int)
            The sizes at which it may be reached.
        powers : mapping of int to Mean
            Power by size.
        exact, drawn : float or None, Mean or None
            The power at the answer, where it is known exactly or from drawn tables.
        """
        sizing, tally = self.sizing, self.tally
        fewest, most = (sizing.at(one).n_patients for one in limits)
        return SampleSize(
            target=target,
            n_patients=sizing.at(self.size).n_patients,
            interval=(fewest, most),
            confirmed=self.power,
            duration=tally.mean("duration"),
            powers=powers,
            sizing=sizing,
            size=self.size,
            n_replicates=self.n_replicates,
            seed=self.seed,
            cost=tally.mean("cost") if "cost" in tally.sums else None,
            event=event_in_words(self.quantity, tally.sums),
            exact_power=exact,
            drawn_power=drawn,
            **last_look(tally, len(sizing.trial.looks)),
        )
