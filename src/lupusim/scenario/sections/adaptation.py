"""What a scenario's trial changes while it runs."""

from __future__ import annotations

from collections.abc import Sequence

from lupusim.scenario.document.section import Section
from lupusim.trial import Endpoint
from lupusim.trial.adaptation import Adaptation


def read_adaptation(top: Section, endpoints: Sequence[Endpoint]) -> Adaptation | None:
    """Return what the trial changes; None where the file says nothing of it."""
    if not top.has("adaptation"):
        return None
    from lupusim.scenario.sections.rules import read_rule

    return read_rule(top.section("adaptation"), endpoints)
