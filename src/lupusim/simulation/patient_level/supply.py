"""The supply of one simulated trial as tables: a row per infusion, a row per lot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lupusim.common.arrays import FloatArray
from lupusim.simulation.generation.supply import Supplied, times_of
from lupusim.trial import Arm
from lupusim.trial.treatment.supply import NO_LOT

if TYPE_CHECKING:
    import pandas as pd


def infusion_table(
    supplied: Supplied, arms: Sequence[Arm], *, arm: NDArray[np.str_], death: FloatArray
) -> pd.DataFrame:
    """Return a row per infusion that was wanted from the supply.

    Parameters
    ----------
    supplied : Supplied
        Of a block of one replicate.
    arms : sequence of Arm
        The trial's.
    arm : (n_patients,) array of str
        Name of each patient's arm.
    death : (n_patients,) array
        Study times (years); ``inf`` for those who live.

    Returns
    -------
    DataFrame
        `patient`, `study_time` (when it was given, or given up), `cells_per_kg` (0 where it was
        not given), `wait` (years; missing where it was not given), `lot` and `outcome`:
        on time, delayed, missed, or lost, where the patient died before.
    """
    import pandas as pd

    dose = np.array([one.infusions.cells_per_kg if one.infusions else 0.0 for one in arms])
    names = [one.name for one in arms]
    wanted = supplied.demands.wanted[0]
    patient, number = np.nonzero(np.isfinite(wanted))
    own_arm = np.array([names.index(name) for name in arm])[patient]
    at = np.array(
        [times_of(arms[k])[j] for k, j in zip(own_arm.tolist(), number.tolist(), strict=True)]
    )
    wait = supplied.wait[0][patient, number]
    patience = supplied.demands.until[0][patient, number] - wanted[patient, number]
    got = np.isfinite(wait)
    study_time = at + np.where(got, wait, patience)
    lost = got & (study_time >= death[patient])
    lot = supplied.deliveries.lot[0][patient, number]
    outcome = np.select([lost, ~got, wait > 0], ["lost", "missed", "delayed"], "on time")
    table = pd.DataFrame({"patient": patient, "study_time": study_time})
    table["cells_per_kg"] = np.where(got & ~lost, dose[own_arm], 0.0)
    table["wait"] = np.where(got, wait, np.nan)
    table["lot"] = pd.Series(lot, dtype="Int64").mask(lot == NO_LOT)
    table["outcome"] = outcome
    kept: pd.DataFrame = table[got | (study_time < death[patient])]
    return kept


def lot_table(supplied: Supplied, end: float) -> pd.DataFrame:
    """Return a row per lot that was started before a calendar time (years), and in stock before.

    Columns: `lot` (from 0), `started`, `released`, `expires` (calendar, years; a lot that
    fails is found out at its release), `passed`, `doses` (0 where it failed), `used`.
    """
    import pandas as pd

    stock = supplied.stock
    got = supplied.deliveries.given[0] <= end
    used = np.bincount(
        supplied.deliveries.lot[0][got],
        weights=supplied.demands.doses[0][got],
        minlength=stock.released.size,
    )
    passed = stock.passed[:, 0]
    table = pd.DataFrame(
        {
            "lot": np.arange(passed.size),
            "started": stock.released - supplied.supply.lots.lead_time,
            "released": stock.released,
            "expires": stock.expires,
            "passed": passed,
            "doses": np.where(passed, stock.doses, 0),
            "used": used.astype(int),
        }
    )
    return table[table["started"] <= end].reset_index(drop=True)
