"""What a run found: operating characteristics of every design, each with its standard error."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING

from lupusim.common.frozen import dataclass
from lupusim.common.output import as_json
from lupusim.common.shown import Shown
from lupusim.planning.runs.columns import AS_STATED, units
from lupusim.planning.runs.long import COLUMNS, long_rows
from lupusim.planning.runs.taken_out import taken_out
from lupusim.planning.theory.power import formula_columns
from lupusim.planning.theory.single_arm import exact_level
from lupusim.simulation.looks.null_hypothesis import error_quantity
from lupusim.simulation.quantiles import QUANTILES
from lupusim.simulation.quantities import at_look
from lupusim.simulation.scoring import COMPARED
from lupusim.simulation.tally import Mean, Tally, limits_of_share
from lupusim.trial import Trial
from lupusim.trial.scenario import Scenario, shown

if TYPE_CHECKING:
    import pandas as pd


_LOG = "log "  # of the effects estimated on the scale of logarithms
_SHOWN = 3  # designs, where a result is printed
_NO_SPREAD = 1e-9  # of the mean: what is alike in all replicates but for rounding


def ratio_of(mean: Mean, effect: str) -> Mean | None:
    """Return the geometric mean of a ratio, of the mean of its log; None where none is estimated.

    Parameters
    ----------
    mean : Mean
        Of the estimates.
    effect : str
        What they estimate, such as ``log hazard ratio``.
    """
    if not effect.startswith(_LOG):
        return None
    ratio = math.exp(mean.value)
    return Mean(value=ratio, mcse=ratio * mean.mcse, n=mean.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How a design differs from the first that shares its patients, replicate by replicate."""

    values: Mapping[str, object]  # what distinguishes the design it is compared with
    tally: Tally
    """Sums of the differences, this design minus the other, under the truth of the scenario."""
    null_tally: Tally
    """The same where every arm follows the control's law; empty where nothing is tested."""

    def differences(self) -> dict[str, Mean]:
        """Return each difference with its paired Monte Carlo standard error."""
        known = {"power": (self.tally, "reject"), "type_one_error": (self.null_tally, "reject")}
        known |= {name: (self.tally, name) for name in COMPARED if name != "reject"}
        return {
            name: tally.mean(f"{quantity}_difference")
            for name, (tally, quantity) in known.items()
            if f"{quantity}_difference" in tally.sums
        }


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PointResult(Shown):
    """Operating characteristics of one design.

    Parameters
    ----------
    values : mapping
        What distinguishes the design point.
    trial : Trial
        The design.
    tally : Tally
        Sums over its replicates under the truth the scenario states.
    null_tally : Tally or None
        The same where every arm follows the control's law; None where nothing is tested.
    compared : Compared or None
        How it differs from the first design that shares its patients; None where there is none.
    """

    values: Mapping[str, object]
    trial: Trial
    tally: Tally
    null_tally: Tally | None
    compared: Compared | None = None

    @property
    def power(self) -> Mean | None:
        """Share of replicates in which the test rejects; None where nothing is tested.

        Where the trial has control variates, the chance that they know of is taken out.
        """
        return self.tally.claims() if "reject" in self.tally.sums else None

    @property
    def plain(self) -> PointResult:
        """The same without control variates: claims as they were counted."""
        null = None if self.null_tally is None else replace(self.null_tally, moments=None)
        return replace(self, tally=replace(self.tally, moments=None), null_tally=null)

    @property
    def type_one_error(self) -> Mean | None:
        """Share of the null twin's replicates with a false claim; exact for a single arm's rate.

        None where the twin's arms, which are identical, are what the test wants to show: then see
        `claims_if_alike`. Where a margin is that of some hypotheses, claims of the others count.
        """
        if self.null_tally is None:
            exact = exact_level(self.trial)
            return None if exact is None else Mean(value=exact, mcse=0.0)
        quantity = error_quantity(self.trial)
        known = quantity if quantity in self.null_tally.sums else "reject"  # nothing is in yet
        if known == "reject" and quantity is not None:
            return self.null_tally.claims()
        return None if quantity is None else self.null_tally.mean(known)

    @property
    def claims_if_alike(self) -> Mean | None:
        """Share of claims of identical arms within a margin, which are no errors."""
        if self.null_tally is None or error_quantity(self.trial) is not None:
            return None
        return self.null_tally.claims()

    @property
    def claims_under_null(self) -> Mean | None:
        """Share of claims where nothing is better: errors, but for a margin; None if unknown."""
        return self.claims_if_alike or self.type_one_error

    @property
    def estimate_ratio(self) -> Mean | None:
        """Geometric mean of the estimated ratio; None where no log of a ratio is estimated."""
        analysis = self.trial.analysis
        if analysis is None or "estimate" not in self.tally.sums:
            return None
        return ratio_of(self.tally.mean("estimate"), analysis.effect)

    def in_short(self) -> str:
        """Return size, power and type I error in a line."""
        means = {"power": self.power, "type I error": self.type_one_error}
        known = [f"{n} {m.value:.3g} ({m.mcse:.1g})" for n, m in means.items() if m is not None]
        told = [f"{name} {shown(value)}" for name, value in self.values.items()]
        return "  " + ", ".join([*told, f"{self.trial.n_patients} patients", *known])

    @property
    def n_replicates(self) -> int:
        """Simulated trials under the truth the scenario states."""
        return self.tally.sums["missed_cutoff"][0] if self.tally.sums else 0

    def never_reached(self, number: int) -> Mean:
        """Return the share of trials whose clock for a look (from 1) never comes.

        Where an interim look picks who is enrolled, trials that stop at it have no second look to
        miss.
        """
        staged = self.trial.rule.picks_patients and number > 1
        if staged or not self.trial.interims:
            return self.tally.mean("missed_cutoff")
        total = self.n_replicates
        part = 1 - self.tally.sums[at_look("time", number)][0] / total
        return Mean(value=part, mcse=math.sqrt(part * (1 - part) / total), n=total)

    def row(self) -> dict[str, object]:
        """Return all of it, flat: each estimate beside its ``_mcse``; ``_sd`` is between trials.

        ``_lower`` and ``_upper`` are 95 % limits of power and type I error, ``_q10``, ``_q50``
        and ``_q90`` quantiles between trials, and ``_difference`` is what sets a design apart
        from the first that shares its patients; ``estimate_ratio`` is the geometric mean where
        logs of ratios are estimated. What is known without simulation comes last.
        """
        row: dict[str, object] = {name: shown(value) for name, value in self.values.items()}
        row |= {"n_patients": self.trial.n_patients, "n_replicates": self.n_replicates}
        for name in ("power", "type_one_error", "claims_if_alike"):
            if (mean := getattr(self, name)) is not None:
                lower, upper = limits_of_share(mean)
                row |= _with_mcse(name, mean) | {f"{name}_lower": lower, f"{name}_upper": upper}
        for name in self.tally.sums:
            if name != "reject":
                row |= _with_mcse(name, self.tally.mean(name))
            if "response_" in name:
                row[f"{name}_sd"] = self.tally.standard_deviation(name)
        for name, mean in (self._ratio() | self.quantiles()).items():
            row |= _with_mcse(name, mean)
        for name, mean in (self.compared.differences() if self.compared else {}).items():
            row |= _with_mcse(f"{name}_difference", mean)
        return row | self._estimators() | formula_columns(self.trial, self.n_replicates)

    def _estimators(self) -> dict[str, object]:
        """Return by what the effects are estimated."""
        analysis, family = self.trial.analysis, self.trial.family
        found: dict[str, object] = {}
        if analysis is not None:
            found["estimator"] = analysis.test.estimated_by
        for hypothesis in family.hypotheses if family else ():
            found[f"{hypothesis.endpoint}: estimator"] = hypothesis.test.estimated_by
        return found

    def _ratio(self) -> dict[str, Mean]:
        return {} if (ratio := self.estimate_ratio) is None else {"estimate_ratio": ratio}

    def quantiles(self) -> dict[str, Mean]:
        """Return quantiles between trials, such as ``duration_q90``, of what varies there."""
        return {
            f"{name}_q{round(100 * p)}": self.tally.quantile(name, p)
            for name in self.tally.counts
            if self.tally.standard_deviation(name) > _NO_SPREAD * self.tally.mean(name).value
            for p in QUANTILES
        }


def _with_mcse(name: str, mean: Mean) -> dict[str, object]:
    return {name: mean.value, f"{name}_mcse": mean.mcse}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run found.

    Parameters
    ----------
    scenario : Scenario
        What was asked.
    n_replicates, seed : int
        Replicates per design point (where a precision was asked: the most of any point), and
        the seed.
    points : tuple of PointResult
        A result per design point, in the scenario's order; of an unfinished run only those of
        which a block is finished.
    seconds : float
        Wall time.
    versions : mapping of str to str
        Versions of lupusim, Python and NumPy.
    notes : tuple of str
        What a reader must know beside the numbers: what is missing, whether the precision
        asked was reached, or that the estimate favors the control.
    complete : bool
        Whether every replicate asked for is in.
    asked : str
        Options of ``lupusim run`` that ask for as many replicates.
    """

    scenario: Scenario
    n_replicates: int
    seed: int
    points: tuple[PointResult, ...]
    seconds: float
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    complete: bool = True
    asked: str = ""

    def __repr__(self) -> str:
        head = (
            f"RunResult of {self.scenario.name!r}: {len(self.points)} designs, "
            f"{self.n_replicates} replicates each, seed {self.seed}"
        )
        lines = [point.in_short() for point in self.points[:_SHOWN]]
        more = len(self.points) - len(lines)
        return "\n".join([head, *lines, *([f"  ... and {more} more"] if more else [])])

    def _repr_html_(self) -> str:
        return str(self.operating_characteristics.T.to_html())

    @property
    def long(self) -> pd.DataFrame:
        """A row per number: design (from 1), quantity, endpoint, arm, look, value, mcse.

        What is not of an endpoint, arm or look is missing there (``pandas.NA``); an `mcse` is where
        the value is simulated.
        """
        import pandas as pd

        rows = [
            {"design": number, **row}
            for number, point in enumerate(self.points, 1)
            for row in long_rows(point.row(), point.trial, of=point.values)
        ]
        table = pd.DataFrame(rows, columns=["design", *COLUMNS])
        return table.astype({"endpoint": "string", "arm": "string", "look": "Int64"})

    @property
    def operating_characteristics(self) -> pd.DataFrame:
        """A row per design point; every estimate beside its ``_mcse``."""
        import pandas as pd

        return pd.DataFrame([point.row() for point in self.points])

    @property
    def units(self) -> dict[str, str]:
        """The unit of every column of `operating_characteristics`."""
        found: dict[str, str] = {}
        for point in self.points:
            found |= units(point.row(), point.trial, of=point.values)
        return found

    def to_json(self) -> dict[str, object]:
        """Return the result as plain data, as ``lupusim run --format json`` prints it."""
        points = []
        for point in self.points:
            row = as_json({k: v for k, v in point.row().items() if k not in point.values})
            if point.compared is not None:
                row["compared_with"] = dict(point.compared.values)
            points.append({"design_point": dict(point.values), **row})
        return {
            "scenario": self.scenario.name,
            "seed": self.seed,
            "n_replicates": self.n_replicates,
            "asked": self.asked,
            "complete": self.complete,
            "notes": list(self.notes),
            "versions": dict(self.versions),
            "seconds": self.seconds,
            "known_chance": [
                {name: one.to_json() for name, one in taken_out(point).items()}
                for point in self.points
            ],
            "units": {k: u for k, u in self.units.items() if u != AS_STATED},
            "points": points,
        }


class InterruptedRunError(KeyboardInterrupt):
    """A run was interrupted; carries the result of what was finished."""

    def __init__(self, partial: RunResult) -> None:
        self.partial = partial
        super().__init__("interrupted")
