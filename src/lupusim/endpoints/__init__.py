"""What a trial wants to know of each patient, and how that is measured at a data cutoff.

A kind of endpoint is one module that registers itself in :data:`ENDPOINTS`, a line here for its
name in files, and one in `__init__.pyi` for its name in Python.
"""

from __future__ import annotations

from lupusim.common.lazy import declared
from lupusim.endpoints.base import ENDPOINTS

# Each is imported when first used, so that who needs one pays for no other.
__getattr__, __all__ = declared(__name__, __file__)

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
