"""What is asked of a trial: that one of its quantities has a value."""

from __future__ import annotations

from collections.abc import Mapping

from lupusim.common.frozen import dataclass
from lupusim.common.spelling import nearest
from lupusim.planning.runs.columns import COUNT, NOT_STATED, PROBABILITY, unit_of
from lupusim.planning.runs.replicates import simulate_replicates, tested
from lupusim.planning.sample_size.events import ANY, event_in_words, measured, quantity_of
from lupusim.planning.theory.by_tables import are_worthwhile, power_by_tables, power_of_tables
from lupusim.planning.theory.power import undrawn_powers
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks.null_hypothesis import WITHIN_THE_MARGIN, error_quantity
from lupusim.simulation.tally import Mean
from lupusim.trial import Trial

POWER = "power"
TYPE_ONE_ERROR = "type_one_error"
_EXACT = "exact"
SHARES = (POWER, TYPE_ONE_ERROR)  # quantities from 0 to 1
_SPENT = (TYPE_ONE_ERROR, "duration", "cost")
_PLAIN = (PROBABILITY, COUNT, NOT_STATED)  # units that say nothing beside their quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A quantity of a run, and the value that it is to have.

    Raises
    ------
    ValueError
        If a power or error does not lie between 0 and 1, or another quantity has an event.
    """

    quantity: str = POWER
    """``power``, ``type_one_error``, or another column of a run such as ``duration`` (years)."""
    target: float = 0.8  # its value
    event: str = ANY
    """Whose power, where several hypotheses are tested: ``any``, ``all``, or one by its name."""

    def __post_init__(self) -> None:
        if self.quantity in SHARES and not 0 < self.target < 1:
            raise ValueError(f"{self.quantity} {self.target!r} must lie between 0 and 1")
        if self.event != ANY and self.quantity != POWER:
            raise ValueError(f"event {self.event!r} goes with power, not with {self.quantity!r}")

    @property
    def is_power(self) -> bool:
        """Whether a power is asked for."""
        return self.quantity == POWER

    @property
    def at_most(self) -> bool:
        """Whether less of it is better, and the target a limit not to be passed."""
        return self.quantity in _SPENT

    @property
    def reach(self) -> float:
        """How far from the target the quantity is shown around the answer."""
        if self.quantity in SHARES:
            return min(0.05, 0.25 * self.target, 0.5 * (1 - self.target))
        return 0.05 * abs(self.target) or 0.05

    def asked_of(self, trial: Trial) -> tuple[Trial, str]:
        """Return which trial is simulated, and what of its replicates is the quantity.

        Raises
        ------
        ValueError
            If the trial has no such quantity.
        """
        if self.is_power:
            tested(trial)
            return trial, quantity_of(trial, self.event)
        if self.quantity == TYPE_ONE_ERROR:
            if not trial.has_null_twin:
                raise ValueError("the trial compares no arms, so no twin has identical arms")
            if (quantity := error_quantity(trial)) is None:
                raise ValueError(WITHIN_THE_MARGIN)
            return trial.null_twin(), quantity
        known = simulate_replicates(trial, Block(seed=0, number=0, n_replicates=1))
        if self.quantity not in known:
            names = [*SHARES, *known]
            words = f"a run of this trial has no quantity {self.quantity!r}"
            raise ValueError(f"{words}. {nearest(self.quantity, names)}")
        return trial, self.quantity

    def in_words(self, trial: Trial) -> str:
        """Return what is asked for: ``power for all hypotheses``, say, or ``duration (years)``."""
        words = self.quantity.replace("_", " ").replace("type one", "type I")
        event = ""
        if self.is_power:
            event = event_in_words(quantity_of(trial, self.event), measured(trial))
        unit = unit_of(self.quantity, trial)
        if unit in _PLAIN:
            return f"{words} for {event}" if event else words
        return f"{words} ({unit})"

    def known(self, trial: Trial) -> Mapping[str, float]:
        """Return the quantity by every formula that there is: by method, exact ones as such."""
        if not self.is_power or self.event != ANY:
            return {}
        return {
            (_EXACT if found.key == _EXACT else found.method): found.value
            for found in undrawn_powers(trial)  # an error of its own would pass for none
        }

    def exact(self, trial: Trial) -> float | None:
        """Return the quantity where it is known exactly; else None."""
        return self.known(trial).get(_EXACT)

    def is_simulated(self, trial: Trial) -> bool:
        """Return whether patients must tell the quantity; nothing is drawn to know it."""
        if not self.is_power or self.event != ANY:
            return True
        return self.exact(trial) is None and not are_worthwhile(trial)

    def drawn(self, trial: Trial, *, at_least: int, seed: int) -> Mean | None:
        """Return the quantity by so many tables of a trial that is counts; else None."""
        if not self.is_power or self.event != ANY or not are_worthwhile(trial):
            return None
        claims = power_by_tables(trial, at_least=at_least, seed=seed)
        return None if claims is None else power_of_tables(claims)
