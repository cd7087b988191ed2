"""What an assurance found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from lupusim.common.frozen import dataclass
from lupusim.common.output import as_json
from lupusim.common.shown import Shown
from lupusim.planning.assurance.integrated import OverPrior
from lupusim.planning.assurance.known_powers import KnownPowers
from lupusim.planning.assurance.power_distribution import PowerDistribution
from lupusim.simulation.tally import Mean
from lupusim.trial import Trial
from lupusim.trial.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PointAssurance(Shown):
    """Assurance of one design.

    Parameters
    ----------
    values : mapping
        What distinguishes the design point.
    trial : Trial
        The design, with the truth that it states.
    power : Mean
        Power under the truth that it states; without an error where it is exact.
    distribution : PowerDistribution, KnownPowers or OverPrior
        Of the power over the draws, or over the prior itself where that is known exactly.
    worthwhile : Mean or None
        Probability that the true effect is worthwhile.
    significant_if_worthwhile : Mean or None
        Power over the draws whose effect is worthwhile.
    tables_per_draw : int or None
        Tables drawn for each draw of the truth; 0 where all are gone through, and the power is
        exact; None where patients are simulated.
    """

    values: Mapping[str, object]
    trial: Trial
    power: Mean
    distribution: PowerDistribution | KnownPowers | OverPrior = field(repr=False)
    worthwhile: Mean | None = None
    significant_if_worthwhile: Mean | None = None
    tables_per_draw: int | None = None

    @property
    def assurance(self) -> Mean:
        """Power averaged over the draws."""
        return self.distribution.mean

    def estimates(self) -> dict[str, Mean]:
        """Return every estimate by its name."""
        share = self.distribution.parameter_share
        quantiles = self.distribution.quantiles(QUANTILES)
        found = {"power": self.power, "assurance": self.assurance}
        found |= {f"power_q{100 * q:02.0f}": m for q, m in zip(QUANTILES, quantiles, strict=True)}
        found["parameter_share"] = share
        found["sampling_share"] = Mean(value=1 - share.value, mcse=share.mcse)
        if self.worthwhile is not None:
            found["worthwhile"] = self.worthwhile
        if self.significant_if_worthwhile is not None:
            found["significant_if_worthwhile"] = self.significant_if_worthwhile
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Assurance:
    """Assurance of every design of a scenario, on the same draws.

    Parameters
    ----------
    scenario : Scenario
        What was asked.
    points : tuple of PointAssurance
        A result for each design point.
    n_replicates, per_draw, seed : int
        Replicates of a design over its draws (the fewest of any; 0 where all are integrated over
        the prior), replicates of a draw, and the seed.
    complete : bool
        Whether every draw asked for is in.
    certain : bool
        Whether nothing is unsure, neither a model nor the effect: then no draw differs.
    """

    scenario: Scenario = field(repr=False)
    points: tuple[PointAssurance, ...]
    n_replicates: int
    per_draw: int
    seed: int
    complete: bool = True
    certain: bool = False

    def __repr__(self) -> str:
        shown = [
            f"{point.trial.n_patients} patients: "
            + ", ".join(f"{n} {m.value:.3g}" for n, m in list(point.estimates().items())[:3])
            for point in self.points[:3]
        ]
        rest = [f"... and {len(self.points) - 3} more"] if len(self.points) > 3 else []
        head = f"Assurance of {self.scenario.name!r}: {self.n_replicates} replicates a design"
        return "\n  ".join([head, *shown, *rest])

    def _repr_html_(self) -> str:
        return str(self.table.T.to_html())

    @property
    def table(self) -> pd.DataFrame:
        """A row per design point; every estimate beside its ``_mcse``."""
        import pandas as pd

        return pd.DataFrame([self._row(point) for point in self.points])

    @staticmethod
    def _row(point: PointAssurance) -> dict[str, object]:
        row: dict[str, object] = {**point.values, "n_patients": point.trial.n_patients}
        for name, mean in point.estimates().items():
            row |= {name: mean.value, f"{name}_mcse": mean.mcse}
        return row | {"tables_per_draw": point.tables_per_draw}

    def to_json(self) -> dict[str, object]:
        """Return the result as plain data; what does not exist is null."""
        points = []
        for point in self.points:
            row = {k: v for k, v in self._row(point).items() if k not in point.values}
            points.append({"design_point": dict(point.values), **as_json(row)})
        return {
            "scenario": self.scenario.name,
            "seed": self.seed,
            "n_replicates": self.n_replicates,
            "replicates_per_draw": self.per_draw,
            "complete": self.complete,
            "certain": self.certain,
            "points": points,
        }


class InterruptedAssuranceError(KeyboardInterrupt):
    """An assurance was interrupted; carries what the finished draws say as ``partial``."""

    def __init__(self, partial: Assurance) -> None:
        self.partial = partial
        super().__init__("interrupted")
