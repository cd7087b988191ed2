from lupusim.api.averages import assurance as assurance
from lupusim.api.models import ever as ever
from lupusim.api.models import first_passage as first_passage
from lupusim.api.models import life_expectancy as life_expectancy
from lupusim.api.models import next_states as next_states
from lupusim.api.models import occupancy as occupancy
from lupusim.api.models import simulate as simulate
from lupusim.api.models import sojourn_times as sojourn_times
from lupusim.api.models import time_in_state as time_in_state
from lupusim.api.models import transition_probabilities as transition_probabilities
from lupusim.api.models import visits as visits
from lupusim.api.scenarios import run as run
from lupusim.api.scenarios import sample_size as sample_size
from lupusim.api.scenarios import simulate_trial as simulate_trial
from lupusim.api.scenarios import solve as solve
from lupusim.engines.cohort import trace as trace
from lupusim.engines.exact import closest_generator as closest_generator
from lupusim.engines.exact import in_cycles as in_cycles
from lupusim.report.models.diagram import diagram as diagram
from lupusim.scenario import load_cohort_model as load_cohort_model
from lupusim.scenario import load_decision as load_decision
from lupusim.scenario import load_model as load_model
from lupusim.scenario import load_scenario as load_scenario
from lupusim.scenario.calibrate import calibrate as calibrate

__version__: str
