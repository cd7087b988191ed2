"""The prices of a scenario file."""

from __future__ import annotations

from lupusim.scenario.document.section import Number, Section, Text
from lupusim.trial.treatment.costs import Costs

_PRICES = ("fixed", "per_patient", "per_screened", "per_month", "per_infusion", "per_visit")


def read_costs(top: Section) -> Costs | None:
    """Return the prices at the key ``cost``; None where there are none."""
    if not top.has("cost"):
        return None
    section = top.section("cost")
    prices = {name: section.read(name, Number(at_least=0), 0.0) for name in _PRICES}
    currency = section.read("currency", Text(), "")
    return section.build(lambda: Costs(**prices, currency=currency))
