"""How a trial is conducted: by its rule, or where it has none as planned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.records import FirstEntry
from lupusim.simulation.costs import deaths
from lupusim.simulation.generation.generation import Block, Generated, generate
from lupusim.simulation.looks.shared import Alone, Shared
from lupusim.trial import Trial
from lupusim.trial.adaptation.base import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """The patients of a block of trials, whom one or several rules judge."""

    generated: Generated
    shown: Alone  # what the looks show
    ended: tuple[FirstEntry, ...] = ()  # when their histories end, where a price asks for it

    @classmethod
    def of(cls, generated: Generated) -> Followed:
        """Return patients whom one rule judges."""
        return cls(generated=generated, shown=Alone(generated))


class Conducted(NamedTuple):
    """How the trials of a block went.

    Attributes
    ----------
    found : dict
        Each quantity of every replicate, (n_replicates,) each.
    generated : Generated or None
        The patients; who was not enrolled may have an infinite enrollment time. None where a
        rule picked each one's arm.
    """

    found: dict[str, FloatArray]
    generated: Generated | None


class OnceFollowed(Facts):
    """What is the same for all rules under which a patient has one arm, whatever happens."""

    __slots__ = ()

    def followed(self, trial: Trial, block: Block) -> Trial:
        """Return the trial itself."""
        return trial

    def patients(self, trials: Sequence[Trial], block: Block) -> Followed:
        """Return the patients of a block, generated once."""
        longest = self.followed(trials[0], block)
        ended = deaths(list(trials), block.n_replicates * longest.n_patients)
        generated = generate(longest, block, listeners=ended)
        shown = Alone(generated) if len(trials) == 1 else Shared(generated)
        return Followed(generated=generated, shown=shown, ended=ended)
