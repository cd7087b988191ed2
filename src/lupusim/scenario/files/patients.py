"""Patient-level data for calibration: a CSV table of stays, or of states at some times.

Stays: ``id, from, to, entry, exit, status``, a row a stay or, as mstate lays it out, a row for
each transition that was possible; ``status`` is 1 for the one that happened, at ``exit``. A
panel: ``id, time, state``; the time of entry into an absorbing state is taken as known.
States are named as in the model, or by their numbers in its order, from 1. Columns with the
names of the model's covariates are read, all others are left alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lupusim.calibration.patients.histories import CENSORED, Panel, Stays
from lupusim.common.arrays import FloatArray
from lupusim.errors import EvidenceError
from lupusim.model import MultiStateModel
from lupusim.scenario.files.patient_rows import (
    check_columns,
    check_moves,
    check_stays,
    check_visits,
    positions,
    refusal,
)

if TYPE_CHECKING:
    import pandas as pd

_STAYS = ("id", "from", "to", "entry", "exit", "status")
_PANEL = ("id", "time", "state")
_MISSING = ("", "NA", "NaN", "nan")
UNITS = {"years": 1.0, "months": 1 / 12, "weeks": 1 / 52.1775, "days": 1 / 365.2425}
"""What a time of the table is multiplied with."""


def load_patients(
    path: str | Path, model: MultiStateModel, *, unit: str = "years"
) -> Stays | Panel:
    """Return what a table says of single patients.

    Parameters
    ----------
    path : str or Path
        A CSV file.
    model : MultiStateModel
        Whose states and covariates the table names.
    unit : str
        Of its times: years, months, weeks or days.

    Raises
    ------
    EvidenceError
        If the table can't be read, lacks columns, or names states that the model lacks.
    """
    file = Path(path)
    table = _read(file)
    for columns, make in ((_STAYS, _stays), (_PANEL, _panel)):
        if set(columns) <= set(table.columns):
            check_columns(file, table, columns, model)
            try:
                return make(file, table, model, UNITS[unit])
            except EvidenceError:
                raise
            except ValueError as wrong:
                raise refusal(file, str(wrong), "Correct the table.") from None
    have = ", ".join(map(str, table.columns))
    fault = f"its columns are {have}"
    fix = f"Give {', '.join(_STAYS)}; or, for a panel, {', '.join(_PANEL)}."
    if len(table.columns) == 1 and any(mark in have for mark in ";\t|"):
        fix = f"Separate columns by commas, and write decimals with points. {fix}"
    raise refusal(file, fault, fix)


def _read(file: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        # '001' and '1' are two patients, and a state may be called 'None'.
        table = pd.read_csv(
            file,
            dtype={"id": str},
            keep_default_na=False,
            na_values=_MISSING,
            skipinitialspace=True,
        )
    except FileNotFoundError:
        raise refusal(file, "there is no such file", "Check the path.") from None
    except (OSError, ValueError) as wrong:
        raise refusal(file, f"this is no table ({wrong})", "Give a CSV file.") from None
    if table.empty:
        raise refusal(file, "the table has no rows", "Give a patient a row or more.")
    return table


def _covariates(table: pd.DataFrame, model: MultiStateModel) -> dict[str, FloatArray]:
    return {name: table[name].to_numpy(dtype=float) for name in model.covariates}


def _unread(
    table: pd.DataFrame, columns: tuple[str, ...], model: MultiStateModel
) -> tuple[str, ...]:
    """Return the names of columns that say nothing to the model; `_order` is our own."""
    known = {*columns, *model.covariates, "_order"}
    return tuple(str(name) for name in table.columns if name not in known)


def _stays(file: Path, table: pd.DataFrame, model: MultiStateModel, scale: float) -> Stays:
    check_stays(file, table)
    status = table["status"].to_numpy(dtype=float)
    # The row that happened stands for the others of the same stay.
    table = table.assign(_order=-status).sort_values(
        ["id", "entry", "exit", "_order"], kind="stable"
    )
    table = table.drop_duplicates(["id", "from", "entry", "exit"])
    happened = table["status"].to_numpy(dtype=float) == 1
    to = np.full(len(table), CENSORED)
    to[happened] = positions(file, table["to"][happened], model)
    state = positions(file, table["from"], model)
    check_moves(file, table, model, state=state, to=to)
    begin = table["entry"].to_numpy(dtype=float) * scale
    patient = np.unique(table["id"].to_numpy(), return_inverse=True)[1]
    goes_on = (patient[1:] == patient[:-1]) & ~happened[:-1]
    first = np.maximum.accumulate(np.where(np.append(True, ~goes_on), np.arange(len(table)), 0))
    return Stays(
        patient=patient,
        state=state,
        to=to,
        entered=begin[first],
        begin=begin,
        end=table["exit"].to_numpy(dtype=float) * scale,
        covariates=_covariates(table, model),
        unread=_unread(table, _STAYS, model),
    )


def _panel(file: Path, table: pd.DataFrame, model: MultiStateModel, scale: float) -> Panel:
    table = table.sort_values(["id", "time"], kind="stable")
    patient = np.unique(table["id"].to_numpy(), return_inverse=True)[1]
    state = positions(file, table["state"], model)
    check_visits(file, table, model, state)
    time = table["time"].to_numpy(dtype=float) * scale
    left = np.array([bool(model.outgoing(name)) for name in model.states])
    kept = (patient[1:] == patient[:-1]) & left[state[:-1]]
    if not kept.any():
        raise refusal(file, "no patient is seen twice", "Give each two times or more.")
    return Panel(
        patient=np.unique(patient[:-1][kept], return_inverse=True)[1],
        state=state[:-1][kept],
        next_state=state[1:][kept],
        begin=time[:-1][kept],
        end=time[1:][kept],
        covariates={k: v[:-1][kept] for k, v in _covariates(table, model).items()},
        unread=_unread(table, _PANEL, model),
    )
