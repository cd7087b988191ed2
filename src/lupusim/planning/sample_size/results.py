"""What a search for a size found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from html import escape
from typing import TYPE_CHECKING

from lupusim.common.frozen import dataclass
from lupusim.errors import LupusimError
from lupusim.planning.sample_size.growth import Sizing, what_may_help
from lupusim.planning.sample_size.probit_line import Batch
from lupusim.simulation.tally import Mean

if TYPE_CHECKING:
    import pandas as pd


class PowerNotReachedError(LupusimError, ValueError):
    """No size within the limit reaches the power; carries the power at the limit."""

    def __init__(self, message: str, *, size: int, power: Mean) -> None:
        self.size = size
        self.power = power
        super().__init__(message)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (str(self), self.size, self.power)


class InterruptedSearchError(KeyboardInterrupt):
    """A search was interrupted; carries the powers seen so far.

    Parameters
    ----------
    target : float
        The power asked for.
    powers : pandas.DataFrame
        Columns `n_patients`, `n_replicates`, `power` and `power_mcse`.
    near : (int, int, int) or None
        Patients where the power may cross the target, and the 95 % limits so far; None where
        nothing points to a size yet.
    """

    def __init__(
        self, target: float, powers: pd.DataFrame, near: tuple[int, int, int] | None = None
    ) -> None:
        self.target = target
        self.powers = powers
        self.near = near
        super().__init__("interrupted")

    def to_json(self) -> dict[str, object]:
        """Return what is known as plain data."""
        known: dict[str, object] = {"complete": False, "target": self.target}
        if self.near is not None:
            n_patients, *interval = self.near
            known |= {"n_patients_so_far": n_patients, "interval_so_far": interval}
        return known | {"powers": self.powers.to_dict("records")}


def seen(batches: Sequence[Batch], sizing: Sizing) -> pd.DataFrame:
    """Return the power of every size that was simulated, the smallest first."""
    import pandas as pd

    rows = []
    patients = {batch.size: sizing.at(batch.size).n_patients for batch in batches}
    for n_patients in sorted(set(patients.values())):
        here = [batch for batch in batches if patients[batch.size] == n_patients]
        n = sum(batch.n_replicates for batch in here)
        power = sum(batch.n_rejected for batch in here) / n
        mcse = (power * (1 - power) / n) ** 0.5
        row = {"n_patients": n_patients, "n_replicates": n}
        rows.append({**row, "power": power, "power_mcse": mcse})
    return pd.DataFrame(rows)


def _rebuilt(message: str, size: int, power: Mean) -> PowerNotReachedError:
    return PowerNotReachedError(message, size=size, power=power)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """The smallest trial that reaches a power.

    Parameters
    ----------
    target : float
        The power asked for.
    n_patients : int
        Patients in all arms together.
    interval : (int, int)
        95 % limits, for the Monte Carlo error of the search: the sizes at which the power
        curve may cross the target.
    confirmed : Mean
        Power at the answer, in replicates the search has not seen.
    duration : Mean
        Years from the first site's opening to the data cutoff, at the answer.
    powers : mapping of int to Mean
        Power of sizes around the answer, in the unit of `sizing`; all but the answer's on common
        random numbers.
    sizing : Sizing
        What grew, and the trial as it was given.
    size : int
        The answer in the unit of `sizing`: patients or events.
    n_replicates, seed : int
        Replicates spent in all, and the seed.
    cost : Mean or None
        What the trial costs at the answer, where its scenario states costs.
    event : str
        What the power is of, in words; empty where one hypothesis is tested.
    exact_power : float or None
        At the answer, where it is known: then the answer does not depend on the seed.
    drawn_power : Mean or None
        At the answer, from tables drawn from their law, with its error; None where it is exact,
        or no trial of counts.
    final_look : Mean or None
        Years until the last look's events, patients or date are there; None with one look.
    never_reached : Mean or None
        Share of trials whose last look never comes.
    """

    target: float
    n_patients: int
    interval: tuple[int, int]
    confirmed: Mean
    duration: Mean
    powers: Mapping[int, Mean] = field(repr=False)
    sizing: Sizing = field(repr=False)
    size: int
    n_replicates: int
    seed: int
    cost: Mean | None = None
    event: str = ""
    exact_power: float | None = None
    drawn_power: Mean | None = None
    final_look: Mean | None = None
    never_reached: Mean | None = None

    def __repr__(self) -> str:
        low, high = self.interval
        return (
            f"SampleSize: {self.n_patients} patients (95 % limits {low} to {high}) for power "
            f"{self.target:g}; confirmed {self.power:.3f} ({self.power_mcse:.1g})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.curve.to_html()}"

    @property
    def curve(self) -> pd.DataFrame:
        """The rows of the power curve."""
        import pandas as pd

        return pd.DataFrame(self.curve_rows)

    @property
    def curve_rows(self) -> list[dict[str, float]]:
        """Each size with its power, the smallest first.

        `n_patients`, `power`, `power_mcse` (and `n_events` where the cutoff is at events).
        """
        rows = []
        for size, power in sorted(self.powers.items()):
            row: dict[str, float] = {"n_patients": self.sizing.at(size).n_patients}
            row |= {"power": power.value, "power_mcse": power.mcse}
            rows.append(row | ({} if self.n_events is None else {"n_events": size}))
        return rows

    @property
    def power(self) -> float:
        """Power at the answer, from the confirmation."""
        return self.confirmed.value

    @property
    def power_mcse(self) -> float:
        """Monte Carlo standard error of the power at the answer."""
        return self.confirmed.mcse

    @property
    def best_known_power(self) -> Mean:
        """Power at the answer: exact or of drawn tables where it is, else from the confirmation."""
        if self.exact_power is not None:
            return Mean(value=self.exact_power, mcse=0.0)
        return self.confirmed if self.drawn_power is None else self.drawn_power

    @property
    def n_events(self) -> int | None:
        """Events at which the data are cut; None where the cutoff is another."""
        return self.size if self.sizing.unit == "events" else None

    @property
    def reached(self) -> bool:
        """Whether the confirmation does not speak against the target (2 standard errors)."""
        if self.exact_power is not None:
            return self.exact_power >= self.target
        if self.drawn_power is not None:
            return holds(self.drawn_power, self.target)
        return holds(self.confirmed, self.target)

    def to_json(self) -> dict[str, object]:
        """Return the answer as plain data; what is not known is left out; times are in years."""
        answer: dict[str, object] = {
            "n_patients": self.n_patients,
            "interval": list(self.interval),
            "power": self.power,
            "power_mcse": self.power_mcse,
        }
        known: dict[str, object] = {} if self.n_events is None else {"n_events": self.n_events}
        known |= {"power_of": self.event} if self.event else {}
        known |= {} if self.exact_power is None else {"power_exact": self.exact_power}
        if self.drawn_power is not None:
            known["power_drawn"] = self.drawn_power.value
            known["power_drawn_mcse"] = self.drawn_power.mcse
            known["n_drawn_tables"] = self.drawn_power.n
        known |= {} if self.final_look is None else {"final_look": self.final_look.value}
        if self.never_reached is not None and self.never_reached.value > 0:
            known["never_reached"] = self.never_reached.value
        return answer | known


def holds(confirmed: Mean, target: float) -> bool:
    """Return whether a power does not speak against a target (2 standard errors)."""
    return confirmed.value >= target - 2 * confirmed.mcse


def need(power: Mean, target: float, sizing: Sizing, max_patients: int) -> None:
    """Raise PowerNotReachedError where the power of the largest trial is too little."""
    if holds(power, target):
        return
    size = sizing.largest(max_patients)
    raise PowerNotReachedError(
        f"power {target:g} is not reached: with {size} {sizing.unit} it is {power.value:.3f} "
        f"(MCSE {power.mcse:.3f}). {what_may_help(sizing.trial, max_patients, power.value)}",
        size=size,
        power=power,
    )
