"""What a trial wants to know of each patient, and how that is measured at a data cutoff.

A kind of endpoint is one module that registers itself in :data:`ENDPOINTS`, and two lines here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lupusim.common.lazy import attributes
from lupusim.endpoints.base import ENDPOINTS, Around, Fields, Kind, Measurement

if TYPE_CHECKING:
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

# Imported when first used: who needs one of them pays for no other.
_HOMES = {
    "EventCount": "lupusim.endpoints.event_count",
    "Hierarchy": "lupusim.endpoints.hierarchy",
    "MarkerChange": "lupusim.endpoints.marker_change",
    "MarkerResponder": "lupusim.endpoints.marker_responder",
    "MissingTime": "lupusim.endpoints.time_in_states",
    "OrdinalState": "lupusim.endpoints.ordinal_state",
    "Responder": "lupusim.endpoints.responder",
    "SustainedResponder": "lupusim.endpoints.responder",
    "TimeInStates": "lupusim.endpoints.time_in_states",
    "TimeToEvent": "lupusim.endpoints.time_to_event",
}
__getattr__ = attributes(__name__, _HOMES)

ENDPOINTS.offer(
    __name__,
    {
        "event_count": "event_count",
        "hierarchy": "hierarchy",
        "marker_change": "marker_change",
        "marker_responder": "marker_responder",
        "ordinal_state": "ordinal_state",
        "responder": "responder",
        "time_in_states": "time_in_states",
        "time_to_event": "time_to_event survival",
    },
)
