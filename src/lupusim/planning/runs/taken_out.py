"""What control variates bring to the shares of claims of a run, and why not where they don't."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lupusim.common.frozen import dataclass
from lupusim.planning.controls.kinds import why_counted
from lupusim.simulation.looks.null_hypothesis import error_quantity
from lupusim.simulation.tally import Tally
from lupusim.trial import Trial

if TYPE_CHECKING:
    from lupusim.planning.runs.results import PointResult

_CLAIMS = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOut:
    """What known chance is worth to a share of claims."""

    variance_ratio: float | None = None  # of counting alone to what is shown; None where counted
    counted_because: str = ""  # why it is counted; empty where it is not
    patient_sets: int = 0  # sets of patients of which each serves several trials; 0 where none does

    def to_json(self) -> dict[str, object]:
        """Return what there is of it."""
        found: dict[str, object] = {"variance_ratio": self.variance_ratio}
        if self.variance_ratio is None:
            found = {"counted_because": self.counted_because}
        if self.patient_sets:
            found["patient_sets"] = self.patient_sets
        return found


def taken_out(point: PointResult) -> dict[str, TakenOut]:
    """Return for power, and for claims of the null twin, what their control variates bring."""
    found: dict[str, TakenOut] = {}
    if _CLAIMS in point.tally.sums:
        found["power"] = _of(point.trial, point.tally)
    if point.null_tally is not None and _CLAIMS in point.null_tally.sums:
        quantity = error_quantity(point.trial)
        name = "claims_if_alike" if quantity is None else "type_one_error"
        if quantity in (None, _CLAIMS) or quantity not in point.null_tally.sums:
            known = _of(point.trial.null_twin(), point.null_tally)
        else:
            known = TakenOut(counted_because="only claims without a margin are errors")
        found[name] = replace(known, patient_sets=point.null_tally.n_sets)
    return found


def _of(trial: Trial, tally: Tally) -> TakenOut:
    if reason := why_counted(trial):
        return TakenOut(counted_because=reason)
    if tally.moments is None:
        return TakenOut(counted_because="that was asked for, or no law of the test's sum is known")
    if tally.moments.share() is None:
        return TakenOut(counted_because="too few trials claim an effect, or too few do not")
    plain, shown = tally.mean(_CLAIMS), tally.claims()
    return TakenOut(variance_ratio=(plain.mcse / shown.mcse) ** 2)
