"""The kinds of stated outcomes, by the names that files give them."""

from __future__ import annotations

from collections.abc import Mapping

from lupusim.scenario.outcomes.base import StatedOutcome
from lupusim.scenario.outcomes.event_count import Count
from lupusim.scenario.outcomes.ordinal import Ordinal
from lupusim.scenario.outcomes.response import Response
from lupusim.scenario.outcomes.score import Score
from lupusim.scenario.outcomes.time_to_event import Time

OUTCOMES: Mapping[str, type[StatedOutcome]] = {
    "response": Response,
    "time_to_event": Time,
    "score": Score,
    "event_count": Count,
    "ordinal": Ordinal,
}
