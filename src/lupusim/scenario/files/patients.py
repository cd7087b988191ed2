"""Patient-level data for calibration: a CSV table of stays, or of states at some times.

Stays: ``id, from, to, entry, exit, status``, a row a stay or, as mstate lays it out, a row for
each transition that was possible; ``status`` is 1 for the one that happened, at ``exit``. A
panel: ``id, time, state``; the time of entry into an absorbing state is taken as known.
States are named as in the model, or by their numbers in its order, from 1. Columns with the
names of the model's covariates are read, all others are left alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lupusim.calibration.patients.histories import CENSORED, Panel, Stays
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.errors import EvidenceError, Problem
from lupusim.model import MultiStateModel
from lupusim.model.checks import nearest

if TYPE_CHECKING:
    import pandas as pd

_STAYS = ("id", "from", "to", "entry", "exit", "status")
_PANEL = ("id", "time", "state")
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
            _check_columns(file, table, columns, model)
            try:
                return make(file, table, model, UNITS[unit])
            except EvidenceError:
                raise
            except ValueError as wrong:
                raise _refusal(file, str(wrong), "Correct the table.") from None
    have = ", ".join(map(str, table.columns))
    fault = f"its columns are {have}"
    raise _refusal(file, fault, f"Give {', '.join(_STAYS)}; or, for a panel, {', '.join(_PANEL)}.")


def _refusal(file: Path, fault: str, fix: str, row: int | None = None) -> EvidenceError:
    return EvidenceError(file, [Problem(key="", fault=fault, fix=fix, line=row)])


def _read(file: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_csv(file)
    except FileNotFoundError:
        raise _refusal(file, "there is no such file", "Check the path.") from None
    except (OSError, ValueError) as wrong:
        raise _refusal(file, f"this is no table ({wrong})", "Give a CSV file.") from None
    if table.empty:
        raise _refusal(file, "the table has no rows", "Give a patient a row or more.")
    return table


def _check_columns(
    file: Path, table: pd.DataFrame, columns: tuple[str, ...], model: MultiStateModel
) -> None:
    """Refuse missing values and what is no number, with the first row that has one."""
    import pandas as pd

    numeric = [c for c in ("entry", "exit", "time", "status", *model.covariates) if c in table]
    for name in dict.fromkeys([*columns, *numeric]):
        column = table[name]
        if name == "to":
            continue
        known = pd.to_numeric(column, errors="coerce") if name in numeric else column
        if bad := np.flatnonzero(known.isna()).tolist():
            value = column.iloc[bad[0]]
            fix = "Give a number." if name in numeric else "Fill it, or leave the row out."
            raise _refusal(file, f"{name} is {value!r}", fix, bad[0] + 2)
    for name in model.covariates:
        if name not in table:
            fault = f"there is no column {name!r}, a covariate of the model"
            raise _refusal(file, fault, nearest(name, [str(c) for c in table.columns]))


def _positions(file: Path, column: Any, model: MultiStateModel) -> IntArray:
    """Return the positions of states given by name or by number."""
    found = []
    for row, value in enumerate(column.tolist()):
        text = str(value).removesuffix(".0")
        if text in model.states:
            found.append(model.index(text))
        elif text.isdigit() and 1 <= int(text) <= len(model.states):
            found.append(int(text) - 1)
        else:
            fault = f"the model {model.name!r} has no state {text!r}"
            raise _refusal(file, fault, nearest(text, model.states), row + 2)
    return np.array(found)


def _covariates(table: pd.DataFrame, model: MultiStateModel) -> dict[str, FloatArray]:
    return {name: table[name].to_numpy(dtype=float) for name in model.covariates}


def _stays(file: Path, table: pd.DataFrame, model: MultiStateModel, scale: float) -> Stays:
    status = table["status"].to_numpy(dtype=float)
    if bad := np.flatnonzero(~np.isin(status, (0.0, 1.0))).tolist():
        raise _refusal(file, f"status is {status[bad[0]]:g}", "Give 0 or 1.", bad[0] + 2)
    # The row that happened stands for the others of the same stay.
    table = table.assign(_order=-status).sort_values(
        ["id", "entry", "exit", "_order"], kind="stable"
    )
    table = table.drop_duplicates(["id", "from", "entry", "exit"])
    happened = table["status"].to_numpy(dtype=float) == 1
    to = np.full(len(table), CENSORED)
    to[happened] = _positions(file, table["to"][happened], model)
    state = _positions(file, table["from"], model)
    begin = table["entry"].to_numpy(dtype=float) * scale
    end = table["exit"].to_numpy(dtype=float) * scale
    patient = np.unique(table["id"].astype(str).to_numpy(), return_inverse=True)[1]
    entered = begin.copy()
    for k in range(1, len(table)):
        goes_on = patient[k] == patient[k - 1] and state[k] == state[k - 1] and not happened[k - 1]
        if goes_on and begin[k] == end[k - 1]:
            entered[k] = entered[k - 1]
    return Stays(
        patient=patient,
        state=state,
        to=to,
        entered=entered,
        begin=begin,
        end=end,
        covariates=_covariates(table, model),
    )


def _panel(file: Path, table: pd.DataFrame, model: MultiStateModel, scale: float) -> Panel:
    table = table.sort_values(["id", "time"], kind="stable")
    patient = np.unique(table["id"].astype(str).to_numpy(), return_inverse=True)[1]
    order = np.argsort(patient, kind="stable")
    table, patient = table.iloc[order], patient[order]
    state = _positions(file, table["state"], model)
    time = table["time"].to_numpy(dtype=float) * scale
    left = np.array([bool(model.outgoing(name)) for name in model.states])
    kept = (patient[1:] == patient[:-1]) & left[state[:-1]]
    if not kept.any():
        raise _refusal(file, "no patient is seen twice", "Give each two times or more.")
    return Panel(
        patient=np.unique(patient[:-1][kept], return_inverse=True)[1],
        state=state[:-1][kept],
        next_state=state[1:][kept],
        begin=time[:-1][kept],
        end=time[1:][kept],
        covariates={k: v[:-1][kept] for k, v in _covariates(table, model).items()},
    )
