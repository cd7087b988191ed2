"""When a trial looks at its data: a calendar time for every replicate, whatever it waits for.

A new kind of timing is one module, which registers it under its key of a scenario's ``when``,
and one line here.
"""

from lupusim.trial.looks.calendar import AfterLastPatient, AfterPatients, AtCalendarTime
from lupusim.trial.looks.combined import WhenAll, WhenAny
from lupusim.trial.looks.events import AtEvents, AtEventsOf
from lupusim.trial.looks.limited import Limited
from lupusim.trial.looks.stopping import StoppingRule, may_succeed_early
from lupusim.trial.looks.timing import (
    TIMINGS,
    Cutoff,
    Entries,
    EventCount,
    EventsOf,
    Expectations,
    LookTiming,
    counts_in,
)

__all__ = [
    "TIMINGS",
    "AfterLastPatient",
    "AfterPatients",
    "AtCalendarTime",
    "AtEvents",
    "AtEventsOf",
    "Cutoff",
    "Entries",
    "EventCount",
    "EventsOf",
    "Expectations",
    "Limited",
    "LookTiming",
    "StoppingRule",
    "WhenAll",
    "WhenAny",
    "counts_in",
    "may_succeed_early",
]
