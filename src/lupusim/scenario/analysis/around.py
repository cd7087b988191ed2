"""What a test with a design of its own depends on, and what it says of the trial around it."""

from __future__ import annotations

from typing import Any

from lupusim.common.frozen import dataclass
from lupusim.scenario.document.section import Integer, Section
from lupusim.scenario.sections.arms import Models
from lupusim.trial import AfterPatients, Analysis, Arm, Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The parts of a scenario that such a test depends on."""

    primary: Endpoint
    arms: tuple[Arm, ...]
    models: Models
    follow_up: float


def read_size(top: Section, analysis: Analysis | None) -> int:
    """Return the number of patients, which a two-stage design says by itself."""
    size = Integer(at_least=1, at_most=1_000_000)
    stages = None if analysis is None else analysis.test.two_stages
    if stages is not None:
        return top.read("sample_size", size, stages.n_patients)
    return top.read("sample_size", size)


def in_stages(top: Section, analysis: Analysis | None, primary: Endpoint) -> dict[str, Any]:
    """Return `interims` and `stopping` of a two-stage design; nothing for another analysis."""
    stages = None if analysis is None else analysis.test.two_stages
    if stages is None:
        return {}
    top.refuse("looks", "the two stages of 'simon' are its looks", "Remove them.")
    if not top.place.child("analysis").is_sound:
        return {}  # the design of another question
    due = primary.due_time or 1.0
    first = AfterPatients(patients=stages.first_patients, follow_up=due)
    return {"interims": (first,), "stopping": stages}
