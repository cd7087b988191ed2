"""Scenarios that hold every key of the file format, and what any key of them could say."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

from format_keys import Asked, Path, asked_of, can_hold, values_of
from lupusim.errors import ScenarioError
from lupusim.scenario import load_scenario, packaged_names
from lupusim.scenario.document.yaml_reader import parse_document
from lupusim.scenario.starters import STARTERS, starter_text

EFFECT = {"on": ["healthy -> ill"], "hazard_ratio": 0.5}
CONTROL = {"name": "placebo", "control": True}
CELLS = {"name": "cells", "effects": [EFFECT]}

BASE: dict[str, Any] = {
    "schema": "lupusim/scenario/1",
    "title": "Every pair of keys",
    "model": "illness-death",
    "arms": [CONTROL, CELLS],
    "enrollment": {"kind": "uniform", "duration": "6 months"},
    "follow_up": "52 weeks",
    "visits": ["26 weeks", "52 weeks"],
    "endpoints": {"primary": {"kind": "time_to_event", "events": ["ill", "death"]}},
    "analysis": {"test": "logrank"},
    "sample_size": 60,
}
RESPONDER = {"kind": "responder", "states": ["healthy"], "at": "52 weeks"}
SPENDING = {"spending": "obrien_fleming"}

# A value of a key is a path with what stands there; several paths where one needs another.
ALTERNATIVES: dict[str, dict[str, dict[str, Any]]] = {
    "arms": {
        "1:2": {"arms": [CONTROL, CELLS | {"allocation": 2}]},
        "three": {"arms": [CONTROL, CELLS, CELLS | {"name": "more"}],
                  "analysis.multiplicity": {"method": "holm"}},
        "one": {"arms": [CELLS], "analysis": None},
        "simon": {"arms": [CELLS], "endpoints.primary": RESPONDER | {"better": "more"},
                  "analysis": {"test": "simon", "null_rate": 0.3, "alternative_rate": 0.5,
                               "design": {"first_patients": 20, "first_responders": 6,
                                          "patients": 50, "responders": 20}},
                  "sample_size": 50},
        "late effect": {"arms": [CONTROL, CELLS | {"effects": [
            EFFECT | {"onset": "8 weeks", "lasts": "6 months", "half_life": "2 months"}]}]},
        "never": {"arms": [CONTROL, CELLS | {"effects": [EFFECT | {"hazard_ratio": 0}]}]},
        "infusions": {"arms": [CONTROL, CELLS | {"infusions": {
            "cells_per_kg": 1e6, "at": ["0 weeks", "4 weeks"], "missed": 0.1}}]},
        "dose": {"arms": [CONTROL, CELLS | {
            "infusions": {"cells_per_kg": 1e6, "at": ["0 weeks"], "lots": {
                "doses": 4, "sd": 0.3, "raises": ["ill -> healthy"], "lowers": ["healthy -> ill"]}},
            "effects": [{"on": "healthy -> ill", "emax": {
                "log_hazard_ratio": -0.9, "ed50": 1e6, "hill": 2}}]}]},
        "pieces": {"arms": [CONTROL, CELLS | {"effects": [{"on": "healthy -> ill", "pieces": [
            {"until": "3 months", "hazard_ratio": 1}, {"hazard_ratio": 0.5}]}]}]},
        "switch": {"arms": [CONTROL | {"switch": {"to": "cells", "on": ["ill"]}}, CELLS]},
        "joins": {"arms": [CONTROL, CELLS, CELLS | {"name": "late", "joins": "3 months"}],
                  "analysis.multiplicity": {"method": "none"}},
    },
    "enrollment": {
        "poisson": {"enrollment": {"kind": "poisson", "sites": 5, "per_site_per_month": 3}},
        "ramp": {"enrollment": {"kind": "poisson", "sites": 5, "per_site_per_month": 3,
                                "ramp_up": "3 months", "screen_failure": 0.3}},
        "pieces": {"enrollment": {"kind": "piecewise", "breaks": ["2 months"],
                                  "per_month": [5, 20]}},
        "by the year": {"enrollment": {"kind": "poisson", "sites": 5, "per_site_per_year": 30}},
        "regions": {"enrollment": {"kind": "regions", "regions": [
            {"name": "east", "sites": 3, "per_site_per_month": 4, "closes": "12 months"},
            {"name": "west", "sites": 3, "per_site_per_month": 2, "opens": "1 month"}],
            "pauses": [{"begins": "2 months", "ends": "3 months"}]}},
    },
    "allocation": {
        "simple": {"allocation": {"method": "simple"}},
        "coin": {"allocation": {"method": "biased_coin", "probability": 0.7}},
        "urn": {"allocation": {"method": "urn"}},
        "strata": {"allocation": {"method": "permuted_block", "block_size": 6,
                                  "stratify_by": ["nephritis"]}},
        "minimization": {"allocation": {"method": "minimization", "probability": 0.8,
                                        "stratify_by": ["nephritis"]}},
    },
    "dropout": {
        "constant": {"dropout": {"per_year": 0.3}},
        "by state": {"dropout": {"per_year": 0.2, "by_state": {"ill": 3}}},
        "by arm": {"dropout": {"per_year": 0.2, "by_arm": {"cells": 3}}},
        "hazard": {"dropout": {"hazard": {"family": "weibull", "shape": 0.7, "scale": 4}}},
    },
    "population": {
        "effects": {"population.effects": [
            {"covariate": "age", "on": ["healthy -> ill"], "hazard_ratio": 1.02}]},
        "frailty": {"population.frailty": [
            {"on": "healthy -> ill", "variance": 0.5, "distribution": "gamma"}]},
        "screening": {"population.screening": {
            "sledai": {"mean": 9, "sd": 3}, "eligible": [{"sledai": 6}], "tests": 2,
            "every": "4 weeks", "correlation": 0.5}},
        "bilag": {"population.screening": {
            "sledai": {"mean": 9, "sd": 3}, "bilag": {"systems": 5, "grade_a": 0.1, "grade_b": 0.2},
            "eligible": [{"sledai": 6, "bilag_a": 1}, {"bilag_b": 1}]}},
        "codes": {"population.codes": {"nephritis": {"yes": 1, "no": 0}},
                  "analysis.adjust_for": ["nephritis"], "analysis.test": "cox"},
    },
    "visit_conduct": {
        "missed": {"visit_conduct": {"missed": 0.1}},
        "misread": {"visit_conduct": {"missed": 0.05, "window": "1 week"}},
        "misread states": {"visit_conduct": {"misread": {"healthy": {"ill": 0.05}}}},
    },
    "intercurrent_events": {
        name: {"intercurrent_events": {
            "rescue": {"hazard_per_year": {"ill": 0.8}, "strategy": name}}}
        for name in ("treatment_policy", "composite", "hypothetical", "while_on_treatment")
    } | {"by endpoint": {
        "intercurrent_events": {"rescue": {
            "hazard_per_year": {"ill": 0.8}, "strategy": "treatment_policy",
            "by_endpoint": {"survival": "composite"}}},
        "endpoints.secondary": [{"kind": "survival", "name": "survival"}]}},
    "endpoint": {
        "survival": {"endpoints.primary": {"kind": "survival"}},
        "responder": {"endpoints.primary": RESPONDER, "analysis.test": "pooled_z"},
        "lasting": {"endpoints.primary": RESPONDER | {"since": "26 weeks"},
                    "analysis.test": "risk_ratio_score", "analysis.margin": 1.5},
        "margin": {"endpoints.primary": RESPONDER, "analysis.test": "unpooled_z",
                   "analysis.margin": 0.1},
        "late": {"analysis.test": "fleming_harrington", "analysis.rho": 0, "analysis.gamma": 1},
        "fisher": {"endpoints.primary": RESPONDER, "analysis.test": "fisher_exact"},
        "risk ratio": {"endpoints.primary": RESPONDER, "analysis.test": "risk_ratio"},
        "gray": {"endpoints.primary": {"kind": "time_to_event", "events": ["ill"],
                                       "competing": ["death"]}, "analysis.test": "gray"},
        "cox": {"analysis.test": "cox"},
        "max combo": {"analysis.test": "max_combo"},
        "years": {"endpoints.primary": {"kind": "time_in_states", "states": ["healthy"],
                                        "until": "52 weeks"}, "analysis.test": "t_test"},
        "wilcoxon": {"endpoints.primary": {"kind": "time_in_states", "states": ["healthy"],
                                           "until": "52 weeks"}, "analysis.test": "wilcoxon"},
        "count": {"endpoints.primary": {"kind": "event_count", "events": ["ill"],
                                        "until": "52 weeks"}, "analysis.test": "negative_binomial"},
        "win ratio": {"endpoints.primary": {"kind": "hierarchy", "levels": [
            {"kind": "survival"}, RESPONDER]}, "analysis.test": "win_ratio"},
    },
    "secondary": {
        "described": {"endpoints.secondary": [{"kind": "survival"}]},
        "graph": {"endpoints.secondary": [{"kind": "survival", "name": "survival"}],
                  "analysis.multiplicity": {
                      "method": "graph", "weights": [0.8, 0.2], "transitions": [[0, 1], [1, 0]],
                      "endpoints": [{"endpoint": "survival", "test": "logrank"}]}},
        "tested": {"endpoints.secondary": [{"kind": "survival", "name": "survival"}],
                   "analysis.multiplicity": {"method": "fixed_sequence", "endpoints": [
                       {"endpoint": "survival", "test": "logrank"}]}},
    },
    "sided": {
        "two": {"analysis.sided": 2, "analysis.alpha": 0.05},
        "liberal": {"analysis.alpha": 0.3},
    },
    "stratify_by": {"analysis": {"analysis.stratify_by": ["nephritis"]}},
    "adjust_for": {"age": {"analysis.adjust_for": ["age"], "analysis.test": "cox"}},
    "true_effect": {"simulated": {"analysis.true_effect": "simulated"},
                    "given": {"analysis.true_effect": 0.0}},
    "looks": {
        "events": {"looks": [{"when": {"events": 10}, "efficacy": SPENDING},
                             {"when": {"events": 20}}]},
        "information": {"looks": [
            {"when": {"information": 0.5}, "efficacy": SPENDING,
             "futility": SPENDING | {"binding": False}}, {"when": {"events": 25}}]},
        "futility": {"looks": [{"when": {"information": 0.5}, "futility": {"z": 0.0}},
                               {"when": {"events": 25}}]},
        "date": {"looks": [{"when": {"calendar_time": "12 months"}, "efficacy": {"z": 2.5}},
                           {"when": {"calendar_time": "20 months"}}]},
        "last": {"looks": [{"when": {"events": 25}}]},
        "all of": {"looks": [
            {"when": {"all": [{"events": 10}, {"calendar_time": "6 months"}]},
             "efficacy": {"haybittle_peto": 3}},
            {"when": {"any": [{"events": 25}, {"calendar_time": "24 months"}]}}]},
        "p": {"looks": [{"when": {"events": 10}, "efficacy": {"p": 0.001}},
                        {"when": {"events": 25}}]},
        "wang_tsiatis": {"looks": [{"when": {"events": 10}, "efficacy": {"wang_tsiatis": 0.2}},
                                   {"when": {"events": 25}, "efficacy": {"wang_tsiatis": 0.2}}]},
        "effect": {"looks": [{"when": {"events": 10}, "efficacy": SPENDING | {"effect": -0.2},
                              "futility": {"effect": 0.3}}, {"when": {"events": 25}}]},
        "conditional": {"looks": [{"when": {"events": 10}, "futility": {"conditional_power": 0.1}},
                                  {"when": {"events": 25}}]},
        "predictive": {"looks": [{"when": {"events": 10}, "futility": {"predictive_power": 0.1}},
                                 {"when": {"events": 25}}]},
        "posterior": {"looks": [
            {"when": {"events": 10}, "efficacy": {"posterior": 0.99}, "futility": {
                "posterior": 0.2}}, {"when": {"events": 25}, "efficacy": {"posterior": 0.99}}]},
    },
    "supply": {"lots": {
        "arms": [CONTROL, CELLS | {"infusions": {"cells_per_kg": 1e6, "at": ["0 weeks"]}}],
        "supply": {"lots": {"doses": 4, "every": "1 month", "lead_time": "4 weeks"},
                   "patience": "8 weeks"}}},
    "cost": {"priced": {"cost": {"per_patient": 1000, "per_visit": 100, "currency": "EUR"}}},
    "adaptation": {
        "zone": {"adaptation": {"kind": "promising_zone", "planned": 45},
                 "endpoints.primary": RESPONDER, "analysis.test": "pooled_z",
                 "looks": [{"when": {"patients": 30, "followed": "52 weeks"}},
                           {"when": {"patients": 60, "followed": "52 weeks"}}]},
        "blinded": {"adaptation": {"kind": "blinded_size", "planned": 60, "difference": 0.3},
                    "endpoints.primary": RESPONDER, "analysis.test": "pooled_z",
                    "looks": [{"when": {"patients": 30, "followed": "52 weeks"}},
                              {"when": {"patients": 60, "followed": "52 weeks"}}]},
        "select": {"adaptation": {"kind": "select_arms", "keep": 1, "first_events": 8},
                   "arms": [CONTROL, CELLS, CELLS | {"name": "more"}],
                   "looks": [{"when": {"patients": 20}}, {"when": {"events": 25}}]},
        "best": {"adaptation": {"kind": "select_arms", "epsilon": 0.5, "at_least": 0.0,
                                "first_events": 8},
                 "arms": [CONTROL, CELLS, CELLS | {"name": "more"}],
                 "looks": [{"when": {"patients": 20}}, {"when": {"events": 25}}]},
        "bayes": {"adaptation": {"kind": "bayesian_response", "success_at_end": 0.975, "drop": 0.05,
                                 "shares": {"power": 0.5, "least": 0.1, "most": 0.8}},
                  "arms": [CONTROL, CELLS, CELLS | {"name": "more"}],
                  "endpoints.primary": RESPONDER, "analysis": None,
                  "looks": [{"when": {"patients": 30, "followed": "52 weeks"}},
                            {"when": {"patients": 60, "followed": "52 weeks"}}]},
    },
    "vary": {"ratio": {"vary": {"arms.1.effects.0.hazard_ratio": [0.5, 1.0]}},
             "size": {"vary": {"sample_size": [40, 60]}}},
}  # fmt: skip
ONE_ARM = {"arms": [CELLS], "endpoints.primary": RESPONDER | {"better": "more"}}
RANKS = {"kind": "ordinal_state", "ranking": ["death", "ill", "healthy"], "at": "52 weeks"}
SCORE = {
    "name": "score",
    "correlation": 0.5,
    "by_state": {
        state: {"mean": mean, "sd": 2}
        for state, mean in (("healthy", 4), ("ill", 8), ("death", 12))
    },
}
LAWS: dict[str, dict[str, Any]] = {
    "exponential": {"rate": 0.3},
    "gamma": {"shape": 0.8, "rate": 0.3},
    "generalized_gamma": {"mu": 1, "sigma": 1.2, "q": 0.5},
    "gompertz": {"shape": 0.2, "rate": 0.3},
    "loglogistic": {"shape": 1.2, "scale": 3},
    "lognormal": {"meanlog": 1, "sdlog": 1},
    "piecewise_exponential": {"breaks": [0.5], "rates": [0.4, 0.1]},
}
# Values that need others beside them: each is a carrier, and stands beside some others only.
RARE: dict[str, dict[str, dict[str, Any]]] = {
    "one arm": {
        "exact_binomial": ONE_ARM | {"analysis": {"test": "exact_binomial", "null_rate": 0.3}},
        "posterior_probability": ONE_ARM | {"analysis": {
            "test": "posterior_probability", "null_rate": 0.3, "threshold": 0.975}},
        "one_sample_logrank": {"arms": [CELLS], "analysis": {
            "test": "one_sample_logrank", "against": {"hazard_per_year": 1}}},
    },
    "test": {
        "magirr_burman": {"analysis": {"test": "magirr_burman", "until": "30 weeks"}},
        "restricted_mean": {"analysis": {"test": "restricted_mean", "until": "52 weeks"}},
        "posterior_difference": {"endpoints.primary": RESPONDER, "analysis": {
            "test": "posterior_difference", "threshold": 0.975, "borrowing": {
                "method": "robust_mixture", "responders": 33, "patients": 40, "weight": 0.3,
                "vague": [1, 1]}}},
        "posterior_rank": {"endpoints.primary": RANKS, "analysis": {
            "test": "posterior_rank", "threshold": 0.975}},
    },
    "score": {
        "ordinal_state": {"endpoints.primary": RANKS, "analysis.test": "proportional_odds"},
        "marker_responder": {"marker": SCORE, "analysis.test": "pooled_z", "endpoints.primary": {
            "kind": "marker_responder", "at": "52 weeks", "fall": 2}},
    },
    "spending": {
        name: {"looks": [{"when": {"events": events}, "efficacy": {"spending": name, **more}}
                         for events in (10, 25)]}
        for name, more in (("hwang_shih_decani", {"gamma": -4}), ("kim_demets", {"rho": 2}),
                           ("pocock", {}))
    },
    "law of dropout": {
        family: {"dropout": {"hazard": {"family": family, **law}}} for family, law in LAWS.items()
    },
    "gate": {
        "at " + of: {
            "adaptation": {"kind": "gate", "endpoint": "early", "test": "pooled_z", of: least},
            "endpoints.secondary": [RESPONDER | {"name": "early", "at": "26 weeks"}],
            "looks": [{"when": {"patients": 30, "followed": "26 weeks"}, "efficacy": SPENDING},
                      {"when": {"last_patient": "52 weeks"}}]}
        for of, least in (("z", 0.0), ("estimate", 0.05))},
}  # fmt: skip
POPULATION = {
    "strata": {"nephritis": {"yes": 0.5, "no": 0.5}},
    "covariates": {"age": {"mean": 35, "sd": 10}},
}
VALUES = [(key, name) for key, names in ALTERNATIVES.items() for name in names]
RARE_VALUES = [(key, name) for key, names in RARE.items() for name in names]


def document(*values: tuple[str, str]) -> dict[str, Any]:
    """Return the base scenario with some values of its keys; nothing else is changed."""
    content = copy.deepcopy(BASE) | {"population": copy.deepcopy(POPULATION)}
    for key, name in values:
        for path, value in (ALTERNATIVES | RARE)[key][name].items():
            holder = content
            *steps, last = path.split(".")
            for step in steps:
                if not isinstance(holder.get(step), dict):
                    holder[step] = {}
                holder = holder[step]
            holder[last] = copy.deepcopy(value)
    return {key: value for key, value in content.items() if value is not None}


OF_ITS_OWN = {"schema", "title", "question", "replicates", "seed", "name", "label", "source"}
"""Words, names and what a test sets itself."""
Change = tuple[Path, Any]


def read(text: str) -> dict[str, Any]:
    return dict(parse_document(text, "scenario", ScenarioError).content)


@cache
def carriers() -> dict[str, dict[str, Any]]:
    """Return documents that hold the keys of the format: one a value, and what is packaged."""
    found = {" ".join(value): document(value) for value in VALUES + RARE_VALUES}
    for name in packaged_names("scenarios"):
        found[name] = read(load_scenario(name).text)
    return found | {f"new {kind}": read(starter_text(kind, {})) for kind in STARTERS}


@cache
def asked(carrier: str) -> Asked:
    return asked_of(carriers()[carrier])


def given(content: Any) -> Iterator[str]:
    """Yield every key that a document has."""
    if isinstance(content, dict):
        yield from map(str, content)
    if isinstance(content, dict | list):
        for value in content.values() if isinstance(content, dict) else content:
            yield from given(value)


def changes(carrier: str) -> list[Change]:
    """Return what a single key of a carrier could say, whether it stands there or not."""
    return [
        (path, value)
        for path, kind in asked(carrier).kinds.items()
        if path[-1] not in OF_ITS_OWN and can_hold(carriers()[carrier], path)
        for value in values_of(kind)
        if path[-1] != "allocation" or value != 20  # three controls: no test has its level
    ]
