"""What is decided before calibration: states, transitions, classes, and which numbers are free."""

from __future__ import annotations

from typing import Any

STATES = ["active", "partial_remission", "complete_remission", "relapse", "death"]

# Deaths: of those who died 27.5 % had been in low disease activity for half of the time, of
# those alive 52.7 % (Kandane-Rathnayake 2022, Lancet Rheumatology 4:e822, PMID 38261390).
# The odds ratio stands for the hazard ratio, deaths being rare: 80 of 3811.
DEATH_RATIO_IN_REMISSION = round((0.275 / 0.725) / (0.527 / 0.473), 2)

# Flares per person-year in low disease activity and in clinical remission (Hao 2022, Lupus
# Science and Medicine 9:e000553).
RELAPSE_RATIO_AFTER_PARTIAL = round(0.23 / 0.12, 2)

DEATHS = {
    "active -> death.rate": 1.0,
    "relapse -> death.rate": 1.0,
    "partial_remission -> death.rate": DEATH_RATIO_IN_REMISSION,
    "complete_remission -> death.rate": DEATH_RATIO_IN_REMISSION,
}


def constant(begin: str, end: str) -> dict[str, Any]:
    """Return a transition with a constant hazard, 0.1 a year until it is calibrated."""
    return {"from": begin, "to": end, "hazard": {"family": "exponential", "rate": 0.1}}


def free(
    name: str, places: dict[str, float], transform: str, mean: float, sd: float
) -> dict[str, Any]:
    """Return a free parameter with a normal prior on its transformed scale."""
    prior = {"family": "normal", "mean": mean, "sd": sd}
    return {"name": name, "places": places, "transform": transform, "prior": prior}


def rate(name: str, places: dict[str, float], mean: float, sd: float = 1.0) -> dict[str, Any]:
    """Return a free hazard per year; nobody stays for less than a week on average."""
    return {**free(name, places, "log", mean, sd), "bounds": [1e-4, 52.0]}


def _model(name: str, description: str, **rest: Any) -> dict[str, Any]:
    head = {"schema": "lupusim/model/1", "name": name, "description": description}
    return {**head, "states": STATES, "start": "active", "clock": "reset", **rest}


def markov_sat0244() -> dict[str, Any]:
    """Return eight constant hazards, of which the abstract identifies four combinations."""
    edges = [
        ("active", "partial_remission"),
        ("active", "complete_remission"),
        ("partial_remission", "relapse"),
        ("complete_remission", "relapse"),
        ("active", "death"),
        ("partial_remission", "death"),
        ("complete_remission", "death"),
        ("relapse", "death"),
    ]
    return _model(
        "markov-sat0244",
        "Constant hazards fitted to SAT0244 alone; for teaching, wrong in the first year",
        transitions=[constant(*edge) for edge in edges],
        calibration={
            "target_set": "literal",
            "evidence": ["SAT0244"],
            "parameters": [
                rate(
                    f"{begin} to {end}".replace("_", " "),
                    {f"{begin} -> {end}.rate": 1.0},
                    # 0.035 deaths a year in SAT0244 as a whole; 0.1 relapses and remissions.
                    -3.4 if end == "death" else -2.3,
                )
                for begin, end in edges
            ],
        },
    )


_MSC_EVIDENCE = [
    "SAT0244",
    "wang-2013",
    "wang-2014",
    "gu-2014",
    "wen-2019",
    "ranjbar-2022",
    "deng-2017",
]
_STANDARD_EVIDENCE = [
    "tulip-placebo",
    "bliss-doris",
    "hao-2022",
    "feng-2016",
    "bliss-lldas",
    "aplc-2025",
    "cstar-2021",
    "aplc-2022",
    "tselios-2021",
]
_NEVER = {"active -> partial_remission": 0, "active -> complete_remission": 0}


def _msc(name: str, description: str, relapse: dict[str, Any], own: list[Any]) -> dict[str, Any]:
    """Return responders, who remit soon, and others, who never do."""
    edges = [("active", "partial_remission"), ("active", "complete_remission")]
    deaths = [(state, "death") for state in STATES if state != "death"]
    relapses = [
        {"from": state, "to": "relapse", "hazard": relapse}
        for state in ("partial_remission", "complete_remission")
    ]
    return _model(
        name,
        description,
        transitions=[
            *(constant(*edge) for edge in edges),
            *relapses,
            *(constant(*edge) for edge in deaths),
        ],
        classes=[
            {"name": "responder", "probability": 0.5},
            {"name": "non_responder", "probability": 0.5, "hazard_ratios": _NEVER},
        ],
        calibration={
            "target_set": name.removeprefix("msc-"),
            "evidence": _MSC_EVIDENCE,
            "parameters": [
                free("responders", {"classes.responder.probability": 1.0}, "logit", 0.0, 1.0),
                rate("partial remission", {"active -> partial_remission.rate": 1.0}, 0.0),
                rate("complete remission", {"active -> complete_remission.rate": 1.0}, 0.0),
                *own,
                rate("death", DEATHS, -3.4),
            ],
        },
    )


def msc_durable() -> dict[str, Any]:
    """Return the reading of SAT0244: a quarter of remissions is lost within five years."""
    return _msc(
        "msc-durable",
        "Stem cells, remissions that last: SAT0244; not the relapses of its siblings: 1 of 24 by "
        "month 12 is expected, 7 were seen",
        {"family": "exponential", "rate": 0.1},
        [
            rate("relapse after partial", {"partial_remission -> relapse.rate": 1.0}, -2.3),
            rate("relapse after complete", {"complete_remission -> relapse.rate": 1.0}, -2.3),
        ],
    )


_WAYS = [f"{state} -> relapse" for state in ("partial_remission", "complete_remission")]


def _with_ratio(content: dict[str, Any]) -> dict[str, Any]:
    """Return a model in which partial remission is lost sooner than complete remission.

    The targets cannot tell the two apart, so the ratio is that of flares in low disease
    activity and in remission.
    """
    ratio = {"partial_remission -> relapse": RELAPSE_RATIO_AFTER_PARTIAL}
    for latent_class in content["classes"]:
        latent_class["hazard_ratios"] = {**latent_class.get("hazard_ratios", {}), **ratio}
    return content


def msc_fading() -> dict[str, Any]:
    """Return the reading of the 12-month siblings: a quarter is lost within the first year."""
    content = _msc(
        "msc-fading",
        "Stem cells, remissions that fade early: relapse of the 12-month siblings; not SAT0244's "
        "remissions: 49 of 81 ever are expected, 37 were seen",
        {"family": "weibull", "shape": 0.7, "scale": 5.0},
        [
            {
                **free("relapse shape", {f"{way}.shape": 1.0 for way in _WAYS}, "log", -0.4, 0.4),
                "bounds": [0.1, 5.0],
            },
            {
                **free("relapse scale", {f"{way}.scale": 1.0 for way in _WAYS}, "log", 1.6, 1.0),
                "bounds": [0.1, 10000.0],
            },
        ],
    )
    return _with_ratio(content)


def msc_central() -> dict[str, Any]:
    """Return the reading of both: relapses come in the first year of remission or hardly at all.

    A Weibull hazard falls so steeply on these targets that a tenth would relapse on the first
    day; two rates with a change after a year fit as well.
    """
    content = _msc(
        "msc-central",
        "Stem cells, SAT0244 and its siblings together: relapses come in the first year of a "
        "remission or hardly at all; not ranjbar-2022's remissions: 4 of 9 by month 3 are "
        "expected, 7 were seen",
        {"family": "piecewise_exponential", "breaks": [1.0], "rates": [0.3, 0.05]},
        [
            rate("relapse in the first year", {f"{way}.rates.0": 1.0 for way in _WAYS}, -1.2),
            rate("relapse later", {f"{way}.rates.1": 1.0 for way in _WAYS}, -2.3),
        ],
    )
    return _with_ratio(content)


def standard_care() -> dict[str, Any]:
    """Return standard care: complete remission is DORIS, partial LLDAS without DORIS."""
    edges = [
        ("active", "partial_remission"),
        ("active", "complete_remission"),
        ("relapse", "partial_remission"),
        ("relapse", "complete_remission"),
        ("partial_remission", "relapse"),
        ("complete_remission", "relapse"),
        *((state, "death") for state in STATES if state != "death"),
    ]
    partial = {f"{state} -> partial_remission.rate": 1.0 for state in ("active", "relapse")}
    complete = {f"{state} -> complete_remission.rate": 1.0 for state in ("active", "relapse")}
    return _model(
        "standard-care",
        "Standard care, from placebo arms and registries; a flare after remission is a relapse; "
        "not milder registries: 283 deaths of 3811 are expected, 80 were seen",
        transitions=[constant(*edge) for edge in edges],
        calibration={
            "target_set": "standard-care",
            "evidence": _STANDARD_EVIDENCE,
            "parameters": [
                rate("partial remission", partial, -1.6),
                rate("complete remission", complete, -2.3),
                rate("flare after partial", {"partial_remission -> relapse.rate": 1.0}, -1.6),
                rate("flare after complete", {"complete_remission -> relapse.rate": 1.0}, -2.0),
                rate("death", DEATHS, -4.0),
            ],
        },
    )


TEMPLATES = (markov_sat0244, msc_durable, msc_fading, msc_central, standard_care)
