"""Trials of two arms with scores, responses and counts, as a scenario states them."""

from __future__ import annotations

from copy import deepcopy

from lupusim.scenario.files.scenario import scenario_from_mapping
from lupusim.trial import Trial

_SCORE = {"kind": "score", "at": "24 weeks", "baseline": 20, "sd": 8, "correlation": 0.6}
_CHANGE = "change of score at 24 weeks"


def value_trial(test: str, outcome: str = "score", second: str = "", **changes: object) -> Trial:
    """Return a trial of a score, a response or flares, or of a response and a score by Holm.

    Parameters
    ----------
    test : str
        Of the primary endpoint.
    outcome : str
        Its kind, ``score``, ``response`` or ``flares``.
    second : str
        Test of the score beside a response; empty for none.
    """
    of_score = {k: v for k, v in changes.items() if k in ("missing", "lowest")}
    outcomes: dict[str, object] = {}
    arms: list[dict[str, object]] = [
        {"name": "control", "control": True, "outcomes": {}},
        {"name": "treated", "outcomes": {}},
    ]
    analysis: dict[str, object] = {"test": test, "alpha": 0.025, "sided": 1}
    if outcome == "response":
        outcomes["response"] = {"kind": "response", "at": "24 weeks"}
        for arm, share in zip(arms, ("30 %", "50 %"), strict=True):
            arm["outcomes"]["response"] = share
    if outcome == "flares":
        dispersion = changes.get("dispersion", 0.8)
        outcomes["flares"] = {"kind": "event_count", "until": "1 year", "dispersion": dispersion}
        for arm, rate in zip(arms, ("1.5 per year", "0.7 per year"), strict=True):
            arm["outcomes"]["flares"] = rate
    if outcome == "score" or second:
        outcomes["score"] = deepcopy(_SCORE) | of_score
        for arm, change in zip(arms, (-3, -6.5), strict=True):
            arm["outcomes"]["score"] = {"24 weeks": change}
    if second:
        also = [{"endpoint": _CHANGE, "test": second}]
        analysis["multiplicity"] = {"method": "holm", "endpoints": also}
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
    told = ("missing", "lowest", "dispersion")
    others = {k: v for k, v in changes.items() if k not in told}
    return scenario_from_mapping(words | others).points[0].trial
