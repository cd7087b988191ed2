from lupusim.scenario.document.durations import format_duration as format_duration
from lupusim.scenario.document.durations import parse_duration as parse_duration
from lupusim.scenario.files.cohort_model import (
    cohort_model_from_mapping as cohort_model_from_mapping,
)
from lupusim.scenario.files.cohort_model import load_cohort_model as load_cohort_model
from lupusim.scenario.files.decision import decision_from_mapping as decision_from_mapping
from lupusim.scenario.files.decision import load_decision as load_decision
from lupusim.scenario.files.model import load_model as load_model
from lupusim.scenario.files.model import load_model_document as load_model_document
from lupusim.scenario.files.model import model_from_mapping as model_from_mapping
from lupusim.scenario.files.model_writer import model_to_mapping as model_to_mapping
from lupusim.scenario.files.model_writer import write_model as write_model
from lupusim.scenario.files.packaged import packaged_names as packaged_names
from lupusim.scenario.files.scenario import load_scenario as load_scenario
from lupusim.scenario.files.scenario import scenario_from_mapping as scenario_from_mapping
