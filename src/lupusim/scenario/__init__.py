"""Files in, objects out; every problem of a file is reported at once, with its line."""

from __future__ import annotations

from lupusim.scenario.durations import format_duration, parse_duration
from lupusim.scenario.model_files import load_model, load_model_document, model_from_mapping
from lupusim.scenario.model_writing import model_to_mapping, write_model
from lupusim.scenario.packaged import packaged_names

__all__ = [
    "format_duration",
    "load_model",
    "load_model_document",
    "model_from_mapping",
    "model_to_mapping",
    "packaged_names",
    "parse_duration",
    "write_model",
]
