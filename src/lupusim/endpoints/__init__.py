"""What a trial wants to know of each patient, and how that is measured at a data cutoff.

A kind of endpoint is one module that registers itself in :data:`ENDPOINTS`, and one line here.
"""

from lupusim.endpoints.base import ENDPOINTS, Around, Fields, Kind, Measurement
from lupusim.endpoints.event_count import EventCount
from lupusim.endpoints.hierarchy import Hierarchy
from lupusim.endpoints.marker_change import MarkerChange
from lupusim.endpoints.marker_responder import MarkerResponder
from lupusim.endpoints.ordinal_state import OrdinalState
from lupusim.endpoints.responder import Responder, SustainedResponder
from lupusim.endpoints.time_in_states import MissingTime, TimeInStates
from lupusim.endpoints.time_to_event import TimeToEvent

__all__ = [
    "ENDPOINTS",
    "Around",
    "EventCount",
    "Fields",
    "Hierarchy",
    "Kind",
    "MarkerChange",
    "MarkerResponder",
    "Measurement",
    "MissingTime",
    "OrdinalState",
    "Responder",
    "SustainedResponder",
    "TimeInStates",
    "TimeToEvent",
]
