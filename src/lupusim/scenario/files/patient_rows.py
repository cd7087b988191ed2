"""What is wrong with a row of a table of patients, told with its line."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lupusim.calibration.patients.histories import CENSORED
from lupusim.common.arrays import IntArray
from lupusim.common.spelling import nearest
from lupusim.errors import EvidenceError, Problem
from lupusim.model import MultiStateModel

if TYPE_CHECKING:
    import pandas as pd

_TIMES = ("entry", "exit", "time")
_FURTHEST = 150.0  # of a covariate from 0
_NEAREST = 0.05  # from its smallest to its largest value
_SAME = 1e-6  # times that are one, in the table's unit and relative to them


def refusal(file: Path, fault: str, fix: str, line: int | None = None) -> EvidenceError:
    """Return the error that says what is wrong where."""
    return EvidenceError(file, [Problem(key="", fault=fault, fix=fix, line=line)])


def check_columns(
    file: Path, table: pd.DataFrame, columns: tuple[str, ...], model: MultiStateModel
) -> None:
    """Refuse missing values and what is no number, with the first row that has one."""
    for name in model.covariates:
        if name not in table:
            fault = f"there is no column {name!r}, a covariate of the model"
            raise refusal(file, fault, nearest(name, [str(c) for c in table.columns]))
    for name in dict.fromkeys([*columns, *model.covariates]):
        if name in model.covariates or name in (*_TIMES, "status"):
            _check_numbers(file, table, name)
        elif name != "to" and (bad := np.flatnonzero(table[name].isna()).tolist()):
            raise refusal(file, f"{name} is empty", "Fill it, or leave the row out.", bad[0] + 2)
        _check_range(file, table, name, is_covariate=name in model.covariates)
    for name in model.covariates:
        _check_spread(file, table, name)


def _check_range(file: Path, table: pd.DataFrame, name: str, *, is_covariate: bool) -> None:
    """Refuse times before 0, and covariates far from 0."""
    if not (is_covariate or name in _TIMES):
        return
    values = table[name].to_numpy(dtype=float)
    bad = np.flatnonzero(np.abs(values) > _FURTHEST if is_covariate else values < 0).tolist()
    if not bad:
        return
    fault, fix = f"{name} is {values[bad[0]]:g}", "Count times from 0, the patient's entry."
    if is_covariate:
        # The hazards of the model are those at 0: no search would reach them.
        fault += ", and the model's hazards are those at 0"
        fix = "Subtract its mean, and count it in larger units."
    raise refusal(file, fault, fix, bad[0] + 2)


def _check_spread(file: Path, table: pd.DataFrame, name: str) -> None:
    """Refuse a covariate that spreads so little that a log hazard ratio per unit is enormous."""
    values = table[name].to_numpy(dtype=float)
    if 0 < np.ptp(values) < _NEAREST:
        fault = f"{name} runs from {values.min():g} to {values.max():g} only"
        raise refusal(file, fault, "Count it in smaller units.")


def _check_numbers(file: Path, table: pd.DataFrame, name: str) -> None:
    """Refuse what is no finite number in a column."""
    import pandas as pd

    column = table[name]
    known = np.asarray(pd.to_numeric(column, errors="coerce"), dtype=float)
    if not (bad := np.flatnonzero(~np.isfinite(known)).tolist()):
        return
    value = column.iloc[bad[0]]
    if pd.isna(value):
        fault, fix = f"{name} is empty", "Fill it, or leave the patient out."
    else:
        fault, fix = f"{name} is {str(value)!r}", "Give a number."
    if name in _TIMES and str(value).count("-") + str(value).count("/") == 2:
        fix = "Give a number, not a date: time since the patient's entry, as in --time-unit."
    if name not in (*_TIMES, "status") and not pd.isna(value):
        fix = "Give a number: 0 and 1 for two groups, a column of 0 and 1 for each further one."
    raise refusal(file, fault, fix, bad[0] + 2)


def positions(file: Path, column: Any, model: MultiStateModel) -> IntArray:
    """Return the positions of states given by name or by number."""
    found = []
    for row, value in zip(column.index.tolist(), column.tolist(), strict=True):
        text = str(value).removesuffix(".0")
        if text in model.states:
            found.append(model.index(text))
        elif text.isdigit() and 1 <= int(text) <= len(model.states):
            found.append(int(text) - 1)
        elif text == "nan":
            fault = f"{column.name} is empty"
            raise refusal(file, fault, f"Name a state: {', '.join(model.states)}.", row + 2)
        else:
            fault = f"the model {model.name!r} has no state {text!r}"
            raise refusal(file, fault, nearest(text, model.states), row + 2)
    return np.array(found)


def check_stays(file: Path, table: pd.DataFrame) -> None:
    """Refuse stays that are there twice, or end before they begin; and a status but 0 and 1."""
    status, entry, end = (table[name].to_numpy(dtype=float) for name in ("status", "entry", "exit"))
    if bad := np.flatnonzero(~np.isin(status, (0.0, 1.0))).tolist():
        raise refusal(file, f"status is {status[bad[0]]:g}", "Give 0 or 1.", bad[0] + 2)
    if bad := np.flatnonzero(end <= entry).tolist():
        fault = f"exit is {end[bad[0]]:g}, and entry {entry[bad[0]]:g}"
        raise refusal(file, fault, "Its end must be later than its beginning.", bad[0] + 2)
    stay = ["id", "from", "entry", "exit"]
    if bad := np.flatnonzero(table.duplicated([*stay, "to"])).tolist():
        raise refusal(file, "the row is there twice", "Leave one out.", bad[0] + 2)
    happened = table[status == 1]
    if bad := happened.index[happened.duplicated(stay)].tolist():
        fault = "the same stay ends twice, in two ways"
        raise refusal(file, fault, "Give status 1 to one of its rows.", bad[0] + 2)


def check_moves(
    file: Path, table: pd.DataFrame, model: MultiStateModel, *, state: IntArray, to: IntArray
) -> None:
    """Refuse moves that the model lacks, and stays that don't follow from those before.

    Parameters
    ----------
    file : Path
        Of the table.
    table : DataFrame
        One row for each stay, patient by patient.
    model : MultiStateModel
        The model.
    state, to : (n_stays,) integer arrays
        Positions of states.
    """
    lines, names = (table.index + 2).tolist(), model.states
    ways = {(model.index(t.from_state), model.index(t.to_state)) for t in model.transitions}
    for line, origin, target in zip(lines, state.tolist(), to.tolist(), strict=True):
        if target != CENSORED and (origin, target) not in ways:
            fault = f"patients moved {names[origin]} -> {names[target]}, which the model lacks"
            raise refusal(file, fault, "Add the transition.", line)
    ids, entry, end = (table[name].tolist() for name in ("id", "entry", "exit"))
    for k, m in pairwise(range(len(lines))):
        if ids[k] != ids[m]:
            continue
        before = f"patient {ids[k]}: the stay before (line {lines[k]})"
        if abs(entry[m] - end[k]) > _SAME * (1 + abs(end[k])):
            fault = f"{before} ends at {end[k]:g}, and this one begins at {entry[m]:g}"
            fix = "Let each begin when the one before it ends."
            raise refusal(file, fault, fix, lines[m])
        here = state[k] if to[k] == CENSORED else to[k]
        if state[m] != here:
            fault = f"{before} leaves them in {names[here]!r}, and this one is in "
            raise refusal(file, f"{fault}{names[state[m]]!r}", "Correct one of them.", lines[m])


def check_visits(file: Path, table: pd.DataFrame, model: MultiStateModel, state: IntArray) -> None:
    """Refuse visits of a patient at one time, and states to which the model has no way.

    Parameters
    ----------
    file : Path
        Of the table.
    table : DataFrame
        Visits, patient by patient, in the order of time.
    model : MultiStateModel
        The model.
    state : (n_visits,) integer array
        Positions of the states seen.
    """
    reached = [_reached(model, name) for name in model.states]
    lines, ids, times = (table.index + 2).tolist(), table["id"].tolist(), table["time"].tolist()
    for k, m in pairwise(range(len(lines))):
        if ids[k] != ids[m]:
            continue
        before, now = model.states[state[k]], model.states[state[m]]
        if times[m] <= times[k]:
            fault = f"patient {ids[k]} is seen at {times[k]:g} in line {lines[k]}, too"
            raise refusal(file, fault, "Leave one of them out.", lines[m])
        if now not in reached[state[k]]:
            fault = (
                f"patient {ids[k]} is seen in {now!r} after {before!r} (line {lines[k]}), from "
                "where the model has no way there"
            )
            raise refusal(file, fault, "Correct the row, or add transitions.", lines[m])


def _reached(model: MultiStateModel, state: str) -> set[str]:
    """Return a state and all to which ways lead from it."""
    reached = {state}
    while new := {t.to_state for t in model.transitions if t.from_state in reached} - reached:
        reached |= new
    return reached
