"""The tables of one trial as CDISC ADaM organises them: a record per subject, and per time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lupusim.common.output import apart

if TYPE_CHECKING:
    import pandas as pd

_DAYS_PER_YEAR = 365.2425
_DATES = {"first_test_time": "SCRNDY", "enrollment_time": "RANDDY", "end_time": "EOSDY"}
_NAMES = {"seen_until": "TRTDURY", "left": "DCSREAS"}
_SEEN, _TIME = "_seen", "_time"


def adsl(patients: pd.DataFrame) -> pd.DataFrame:
    """Return a record per subject, from the table of patients.

    Dates are days since the first site opened; TRTDURY is in years.
    """
    import pandas as pd

    columns = {"USUBJID": _subject(patients), "TRT01P": patients["arm"].astype(str)}
    names = [str(name) for name in patients.columns.drop(["patient", "arm"])]
    events = {
        name.removesuffix(_SEEN)
        for name in names
        if name.endswith(_SEEN) and patients[name].dtype == bool
    }
    for name in names:
        column, event = patients[name], name.removesuffix(_SEEN)
        if name in _DATES:
            columns[_DATES[name]] = (column * _DAYS_PER_YEAR).round().astype(int)
        elif event != name and event in events:
            columns[_own(f"{event.upper()}_FL", columns)] = column.map({True: "Y", False: "N"})
        elif name.removesuffix(_TIME) != name and name.removesuffix(_TIME) in events:
            days = (column * _DAYS_PER_YEAR).round(2)
            columns[_own(f"{name.removesuffix(_TIME).upper()}_DY", columns)] = days
        else:
            columns[_NAMES[name] if name in _NAMES else _own(name.upper(), columns)] = column
    return pd.DataFrame(columns)


def _own(name: str, taken: Iterable[str]) -> str:
    """Return a column of its own, beside those taken and those of ADaM itself."""
    return apart([name], {*taken, *_DATES.values(), *_NAMES.values()})[0]


def adtte(patients: pd.DataFrame, endpoints: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a record per subject and time to an event, of those who are in its analysis."""
    import pandas as pd

    columns = ["USUBJID", "TRT01P", "PARAM", "AVAL", "CNSR"]
    records = [pd.DataFrame(columns=columns)]
    for name, table in endpoints.items():
        if "time" not in table:
            continue
        record = {
            "USUBJID": _subject(patients),
            "TRT01P": patients["arm"].astype(str),
            "PARAM": name,
            "AVAL": (table["time"] * _DAYS_PER_YEAR).round(2),
            "CNSR": 1 - table["event"].astype(int),
        }
        records.append(pd.DataFrame(record)[table["in_analysis"]])
    return pd.concat(records[1:]) if len(records) > 1 else records[0]


def _subject(patients: pd.DataFrame) -> pd.Series:
    return "LUPUSIM-" + patients["patient"].add(1).astype(str).str.zfill(5)
