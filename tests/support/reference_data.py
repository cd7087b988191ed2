"""The patients of `tests/reference/analysis/make_data.R`, by data set and column."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

_FILE = Path(__file__).parents[1] / "reference/analysis/data.json"
DATA = {
    name: {key: np.array(values) for key, values in columns.items()}
    for name, columns in json.loads(_FILE.read_text()).items()
}
