"""Trials of two arms with scores, responses and counts, as a scenario states them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lupusim.scenario.files.scenario import scenario_from_mapping
from lupusim.trial import Trial

_SCORE = {"kind": "score", "at": "24 weeks", "baseline": 20, "sd": 8, "correlation": 0.6}
_CHANGE = "change of score at 24 weeks"


def value_trial(test: str, outcome: str = "score", second: str = "", **changes: object) -> Trial:
    """Return a trial of a score, a response or flares, or of a response and a score by Holm.

    With `doses`, the name of a procedure, there is a third arm, of a lower dose.

    Parameters
    ----------
    test : str
        Of the primary endpoint.
    outcome : str
        Its kind, ``score``, ``response`` or ``flares``.
    second : str
        Test of the score beside a response; empty for none.
    """
    doses = str(changes.get("doses", ""))
    names = ("control", "treated", "low dose")[: 3 if doses else 2]
    of_kinds = _outcomes(outcome, second, changes)
    outcomes = {name: said for name, (said, _) in of_kinds.items()}
    arms = [
        {"name": name, "outcomes": {one: values[k] for one, (_, values) in of_kinds.items()}}
        for k, name in enumerate(names)
    ]
    arms[0]["control"] = True
    analysis: dict[str, object] = {"test": test, "alpha": 0.025, "sided": 1}
    if second:
        also = [{"endpoint": _CHANGE, "test": second}]
        analysis["multiplicity"] = {"method": "holm", "endpoints": also}
    if doses:
        analysis["multiplicity"] = {"method": doses}
    words = {
        "schema": "lupusim/scenario/1",
        "title": "Values",
        "question": "none",
        "outcomes": outcomes,
        "arms": arms,
        "enrollment": "10 per month",
        "dropout": "15 % a year",
        "analysis": analysis,
        "sample_size": 100,
        "simulation": {"replicates": 400, "seed": 20260101},
        "source": "assumption",
    }
    told = ("missing", "lowest", "dispersion", "doses")
    others = {k: v for k, v in changes.items() if k not in told}
    return scenario_from_mapping(words | others).points[0].trial


def _outcomes(
    outcome: str, second: str, changes: Mapping[str, object]
) -> dict[str, tuple[object, Sequence[object]]]:
    """Return what is said of each outcome, and its values in the arms."""
    found: dict[str, tuple[object, Sequence[object]]] = {}
    if outcome == "response":
        shares = ("30 %", "50 %", "45 %")
        found["response"] = {"kind": "response", "at": "24 weeks"}, shares
    if outcome == "flares":
        dispersion = changes.get("dispersion", 0.8)
        said = {"kind": "event_count", "until": "1 year", "dispersion": dispersion}
        found["flares"] = said, ("1.5 per year", "0.7 per year", "0.8 per year")
    if outcome == "score" or second:
        of_score = {k: v for k, v in changes.items() if k in ("missing", "lowest")}
        found["score"] = _SCORE | of_score, [{"24 weeks": change} for change in (-3, -6.5, -6)]
    return found
