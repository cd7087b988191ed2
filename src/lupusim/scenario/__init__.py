"""Files in, objects out; every problem of a file is reported at once, with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lupusim.common.lazy import attributes

if TYPE_CHECKING:
    from lupusim.scenario.document.durations import format_duration, parse_duration
    from lupusim.scenario.files.cohort_model import cohort_model_from_mapping, load_cohort_model
    from lupusim.scenario.files.decision import decision_from_mapping, load_decision
    from lupusim.scenario.files.model import load_model, load_model_document, model_from_mapping
    from lupusim.scenario.files.model_writer import model_to_mapping, write_model
    from lupusim.scenario.files.packaged import packaged_names
    from lupusim.scenario.files.scenario import load_scenario, scenario_from_mapping

__all__ = [
    "cohort_model_from_mapping",
    "decision_from_mapping",
    "format_duration",
    "load_cohort_model",
    "load_decision",
    "load_model",
    "load_model_document",
    "load_scenario",
    "model_from_mapping",
    "model_to_mapping",
    "packaged_names",
    "parse_duration",
    "scenario_from_mapping",
    "write_model",
]

# Imported when first used: who reads a scenario needs no decisions, and their economics.
_HOMES = {
    "cohort_model_from_mapping": ".files.cohort_model",
    "decision_from_mapping": ".files.decision",
    "format_duration": ".document.durations",
    "load_cohort_model": ".files.cohort_model",
    "load_decision": ".files.decision",
    "load_model": ".files.model",
    "load_model_document": ".files.model",
    "load_scenario": ".files.scenario",
    "model_from_mapping": ".files.model",
    "model_to_mapping": ".files.model_writer",
    "packaged_names": ".files.packaged",
    "parse_duration": ".document.durations",
    "scenario_from_mapping": ".files.scenario",
    "write_model": ".files.model_writer",
}
__getattr__ = attributes(__name__, _HOMES)
