"""Trials stated by their outcomes: the models, endpoints and numbers that follow from the words."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

import lupusim
from lupusim.errors import ScenarioError
from lupusim.scenario import load_scenario
from lupusim.scenario.files.scenario import scenario_from_mapping
from lupusim.scenario.outcomes.ordinal import proportional_odds
from tolerance import SEED, assert_within_mcse

WEEKS = 1 / 52.1775
Z = scipy.stats.norm.ppf(0.975)


def stated(outcomes, control, treated, **more):
    """Return the trial of two arms whose outcomes are stated."""
    content = {
        "schema": "lupusim/scenario/1",
        "title": "stated",
        "outcomes": outcomes,
        "arms": [
            {"name": "control", "control": True, "outcomes": control},
            {"name": "treated", "outcomes": treated},
        ],
        "enrollment": "10 per month",
        "analysis": {"test": "pooled_z"},
        "sample_size": 100,
    } | more
    return scenario_from_mapping(content).points[0].trial


def occupancy(arm, time):
    """Return the exact share of an arm's patients in each state at a study time, by name."""
    table = lupusim.occupancy(arm.law, [time])
    return dict(zip(table.columns, table.iloc[0], strict=True))


def problems(**changes):
    with pytest.raises(ScenarioError) as caught:
        stated(**changes)
    return [(p.key, p.fault, p.fix) for p in caught.value.problems]


@pytest.mark.parametrize("outcomes", [{}, {"bad": {"kind": "?"}}])
def test_endpoints_of_outcomes_that_cannot_be_read_raise_no_other_error(outcomes):
    levels = [{"outcome": "bad"}, {"outcome": "worse"}]
    for primary in ({"outcome": "bad"}, {"kind": "hierarchy", "name": "w", "levels": levels}):
        endpoints = {"primary": primary}
        found = problems(outcomes=outcomes, control={}, treated={}, endpoints=endpoints)
        assert found[0][0].startswith("outcomes")
        assert not [key for key, _, _ in found if key.endswith(".outcome")]


RESPONSE = {"response": {"kind": "response", "at": "24 weeks"}}


@pytest.mark.parametrize(
    ("said", "share"),
    [
        ("55 %", 0.55),
        (0.55, 0.55),
        ({"share": "55 %"}, 0.55),
        ({"odds_ratio": 3.0}, 0.5625),  # odds 3/7 times 3 are 9/7
        ({"difference": "25 %"}, 0.55),
        ({"difference": "-5 %"}, 0.25),
        ({"difference": -0.05}, 0.25),
        ({"ratio": 1.5}, 0.45),
        ("0 %", 0.0),
    ],
)
def test_a_share_of_responders_is_what_the_exact_engine_finds_at_the_visit(said, share):
    trial = stated(RESPONSE, {"response": "30 %"}, {"response": said})
    assert occupancy(trial.arms[0], 24 * WEEKS)["response"] == pytest.approx(0.3, abs=1e-9)
    assert occupancy(trial.arms[1], 24 * WEEKS)["response"] == pytest.approx(share, abs=1e-9)
    assert trial.follow_up == trial.primary.at == trial.visits[0] == pytest.approx(24 * WEEKS)


def test_shares_by_stratum_hold_in_each_stratum_and_the_null_twin_keeps_those_of_the_control():
    by = {"by": "nephritis", "levels": {"no": "40 %", "yes": "20 %"}}
    more = {"population": {"strata": {"nephritis": {"yes": 0.5, "no": 0.5}}}}
    more |= {"simulation": {"replicates": 1, "seed": SEED}, "sample_size": 40_000}
    control = {"response": by}
    for treated, expected in (
        ({"response": {"by": "nephritis", "levels": {"yes": "35 %", "no": "70 %"}}}, (0.35, 0.7)),
        ({"response": "50 %"}, (0.5, 0.5)),
        ({}, (0.2, 0.4)),  # as in the control
    ):
        trial = stated(RESPONSE, control, treated, **more)
        for twin, shares in ((trial, expected), (trial.null_twin(), (0.2, 0.4))):
            found = _responses_by_stratum(twin)
            for level, share in zip(("yes", "no"), shares, strict=True):
                n, mean = found["treated", level]
                assert_within_mcse(mean, share, mcse=math.sqrt(share * (1 - share) / n))


def _responses_by_stratum(trial):
    from lupusim.records import StateAt
    from lupusim.simulation.generation.generation import Block, generate

    listener = StateAt([trial.primary.at], trial.n_patients)
    generated = generate(trial, Block(seed=SEED, number=0, n_replicates=1), listeners=[listener])
    response = np.isin(listener.states[0], [trial.states.index(s) for s in trial.primary.states])
    found = {}
    for number, name in enumerate(("yes", "no")):
        here = (generated.arm[0] == 1) & (generated.levels["nephritis"][0] == number)
        found["treated", name] = (here.sum(), response[here].mean())
    return found


DEATH = {"death": {"kind": "time_to_event"}}


@pytest.mark.parametrize(
    ("said", "time", "survival"),
    [
        ("14 months", 14 / 12, 0.5),
        ({"median": "14 months"}, 14 / 12, 0.5),
        ({"survival": "60 %", "at": "1 year"}, 1.0, 0.6),
        ({"event_by": "40 %", "at": "1 year"}, 1.0, 0.6),
        ("20 % a year", 1.0, 0.8),
        ("0.3 per year", 1.0, math.exp(-0.3)),
        ({"per_year": 0.3}, 2.0, math.exp(-0.6)),
        ({"hazard_ratio": 0.5}, 1.0, 0.25**0.5),
        ({"hazard_ratio": 0.5, "onset": "6 months"}, 1.0, 0.25**0.75),
        (
            {"pieces": [{"until": "3 months", "hazard_ratio": 1}, {"hazard_ratio": 0}]},
            1,
            0.25**0.25,
        ),
    ],
)
def test_a_time_is_what_its_words_say(said, time, survival):
    control = {"death": {"survival": "25 %", "at": "1 year"}}
    trial = stated(
        DEATH, control, {"death": said}, analysis={"test": "logrank"}, follow_up="3 years"
    )
    assert occupancy(trial.arms[1], time)["no death"] == pytest.approx(survival, abs=1e-7)
    assert trial.primary.events == ("death",)
    assert trial.arms[0].model.absorbing == ("death",)


def test_a_shape_bends_the_hazard_around_the_median():
    outcomes = {"death": {"kind": "time_to_event", "shape": 2}}
    more = {"analysis": {"test": "logrank"}, "follow_up": "3 years"}
    trial = stated(outcomes, {"death": "1 year"}, {"death": {"hazard_ratio": 0.5}}, **more)
    assert occupancy(trial.arms[0], 2.0)["no death"] == pytest.approx(0.5**4, abs=1e-7)
    assert occupancy(trial.arms[1], 2.0)["no death"] == pytest.approx(0.5**2, abs=1e-7)


def test_competing_events_have_rates_of_their_own():
    outcomes = {"relapse": {"kind": "time_to_event", "competing": ["death"]}, **DEATH}
    control = {"relapse": "0.5 per year", "death": "0.1 per year"}
    more = {"analysis": {"test": "gray"}, "follow_up": "2 years"}
    trial = stated(outcomes, control, {"relapse": {"hazard_ratio": 0.5}}, **more)
    assert trial.primary.events == ("relapse and no death",)
    assert trial.primary.competing == ("death",)
    assert [endpoint.name for endpoint in trial.endpoints] == ["time to relapse"]
    found = occupancy(trial.arms[1], 2.0)
    assert found["death"] == pytest.approx(1 - math.exp(-0.2), abs=1e-7)
    assert found["relapse and no death"] == pytest.approx(
        math.exp(-0.2) * (1 - math.exp(-0.5)), abs=1e-7
    )


def test_counts_have_the_mean_and_the_variance_of_their_negative_binomial_distribution():
    outcomes = {"flares": {"kind": "event_count", "until": "1 year", "dispersion": 0.8}}
    trial = stated(
        outcomes,
        {"flares": "1.5 per year"},
        {"flares": {"rate_ratio": 0.6}},
        analysis={"test": "negative_binomial"},
        sample_size=60_000,
    )
    from lupusim.simulation.generation.generation import Block, generate

    generated = generate(trial, Block(seed=SEED, number=0, n_replicates=1))
    outcome = generated.measurements[0].outcome(_complete(generated))
    for position, mean in enumerate((1.5, 0.9)):
        counts = outcome.count[0][generated.arm[0] == position]
        law = scipy.stats.nbinom(1 / 0.8, 1 / (1 + 0.8 * mean))
        assert law.var() == pytest.approx(mean + 0.8 * mean**2)
        assert_within_mcse(counts.mean(), mean, mcse=law.std() / math.sqrt(counts.size))
        share = (counts == 0).mean()
        mcse = math.sqrt(law.pmf(0) * (1 - law.pmf(0)) / counts.size)
        assert_within_mcse(share, law.pmf(0), mcse=mcse)
        poisson = math.exp(-mean)  # negative control: without dispersion
        assert abs(share - poisson) > 8 * mcse


def _complete(generated):
    from lupusim.records import Observation

    return Observation(
        arm=generated.arm,
        enrollment_time=generated.enrollment_time,
        watched_until=generated.watched_until,
        cutoff=np.array([1e6]),
    )


def test_ordinal_shares_and_an_odds_ratio_between_arms():
    outcomes = {"status": {"kind": "ordinal", "at": "1 year", "levels": ["worse", "same", "well"]}}
    more = {"analysis": {"test": "wilcoxon"}}
    control = {"status": ["20 %", "50 %", "30 %"]}
    trial = stated(outcomes, control, {"status": {"odds_ratio": 2.0}}, **more)
    shares = occupancy(trial.arms[1], 1.0)
    odds = [(1 - 0.2) / 0.2 * 2, 0.3 / 0.7 * 2]
    above = [odd / (1 + odd) for odd in odds]
    assert [shares[s] for s in ("worse", "same", "well")] == pytest.approx(
        [1 - above[0], above[0] - above[1], above[1]]
    )
    assert trial.primary.ranking == (("worse",), ("same",), ("well",))
    by_name = stated(
        outcomes, control, {"status": {"worse": 0.1, "same": 0.4, "well": 0.5}}, **more
    )
    assert occupancy(by_name.arms[1], 1.0)["well"] == pytest.approx(0.5)
    assert proportional_odds([0.2, 0.8], 1.0) == pytest.approx((0.2, 0.8))


def test_who_has_died_ranks_below_every_level_and_a_response_is_beside_an_event():
    outcomes = {
        "status": {"kind": "ordinal", "at": "1 year", "levels": ["worse", "well"]},
        **RESPONSE,
        **DEATH,
    }
    control = {"status": [0.4, 0.6], "response": "30 %", "death": "10 % a year"}
    trial = stated(outcomes, control, {}, analysis={"test": "wilcoxon"}, follow_up="1 year")
    assert trial.primary.ranking[0] == ("death",)
    found = occupancy(trial.arms[0], 1.0)
    well = [share for state, share in found.items() if state.startswith("well")]
    assert sum(well) == pytest.approx(0.9 * 0.6, abs=1e-7)
    assert [e.name for e in trial.endpoints] == [
        "status at 1 year",
        "response at 24 weeks",
        "time to death",
    ]


def test_a_score_has_the_stated_means_spread_and_correlations():
    outcomes = {
        "sledai": {
            "kind": "score",
            "at": "24 weeks",
            "baseline": 12,
            "sd": {"randomization": 6, "24 weeks": 9},
            "correlation": {"visits": 0.6, "baseline": 0.5},
        }
    }
    control = {"sledai": {"12 weeks": -1, "24 weeks": -2}}
    trial = stated(
        outcomes,
        control,
        {"sledai": {"difference": -4}},
        analysis={"test": "ancova"},
        sample_size=40_000,
    )
    visits = lupusim.simulate_trial(_scenario_of(trial), engine="vector", seed=SEED).visits
    arms = lupusim.simulate_trial(_scenario_of(trial), engine="vector", seed=SEED).patients
    wide = visits.pivot(index="patient", columns="study_time", values="marker")
    wide["arm"] = arms.set_index("patient")["arm"]
    last = 24 * WEEKS
    columns = [c for c in wide.columns if c != "arm"]
    assert columns == pytest.approx([12 * WEEKS, last])
    for arm, means in (("control", (11, 10)), ("treated", (9, 6))):
        here = wide[wide["arm"] == arm]
        for column, mean, sd in zip(columns, means, (7.5, 9.0), strict=True):
            assert_within_mcse(here[column].mean(), mean, mcse=sd / math.sqrt(len(here)))
            assert_within_mcse(here[column].std(), sd, mcse=sd / math.sqrt(2 * len(here)))
        found = np.corrcoef(here[columns[0]], here[columns[1]])[0, 1]
        assert_within_mcse(found, 0.6, mcse=0.64 / math.sqrt(len(here)))


def _scenario_of(trial):
    from lupusim.trial.scenario import DesignPoint, Scenario

    return Scenario(
        name="stated", title="stated", question="", points=(DesignPoint(values={}, trial=trial),)
    )


def test_endpoints_may_name_an_outcome_and_say_more():
    outcomes = {**RESPONSE, **DEATH}
    control = {"response": "30 %", "death": "10 % a year"}
    endpoints = {
        "primary": {"outcome": "death", "name": "survival"},
        "secondary": [{"outcome": "response", "at": "12 weeks"}],
    }
    trial = stated(
        outcomes,
        control,
        {"response": "55 %"},
        analysis={"test": "logrank"},
        endpoints=endpoints,
        follow_up="2 years",
        visits=["12 weeks", "24 weeks"],
    )
    assert [e.name for e in trial.endpoints] == ["survival", "response at 12 weeks"]


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"treated": {"response": "155 %"}}, "arms.1.outcomes.response", "not from 0 to 100 %"),
        ({"treated": {"response": 55}}, "arms.1.outcomes.response", "55 is not a share"),
        ({"treated": {"response": "100 %"}}, "arms.1.outcomes.response", "share of 1"),
        ({"treated": {"response": "0,55"}}, "arms.1.outcomes.response", "not a share"),
        ({"treated": {"respons": "55 %"}}, "arms.1.outcomes.respons", "no such outcome"),
        ({"treated": {"response": {"ratio": 4}}}, "arms.1.outcomes.response.ratio", "share of 1.2"),
        ({"control": {}}, "arms.0.outcomes.response", "nothing is stated"),
        ({"control": {"response": {"ratio": 2}}}, "arms.0.outcomes.response.ratio", "the control"),
        (
            {"control": {"response": {"by": "sex", "levels": {"f": "20 %", "m": "30 %"}}}},
            "arms.0.outcomes.response.by",
            "no stratum",
        ),
        ({"model": "survival"}, "model", "outcomes are stated"),
        ({"outcomes": {"response": {"kind": "respons"}}}, "outcomes.response.kind", "choices"),
        ({"outcomes": {}}, "outcomes", "no outcome"),
        ({"enrollment": "ten a month"}, "enrollment", "not a rate"),
        ({"dropout": "15 %"}, "dropout", "not a rate"),
        ({"allocation": "1:2:3"}, "allocation", "3 arms"),
        ({"allocation": "one to two"}, "allocation", "not a ratio"),
    ],
)
def test_what_cannot_be_read_is_one_message_with_its_key(changes, key, words):
    base = {
        "outcomes": RESPONSE,
        "control": {"response": "30 %"},
        "treated": {"response": "55 %"},
    }
    found = problems(**(base | changes))
    assert [k for k, _, _ in found] == [key]
    assert words in found[0][1]


@pytest.mark.parametrize(
    ("kind", "control", "treated", "key", "words"),
    [
        ("event_count", "1e5 per year", {}, "arms.0.outcomes.it", "100000 a year"),
        ("event_count", "0 per year", {}, "arms.0.outcomes.it", "nobody ever"),
        ("event_count", "2 per year", {"it": {"rate_ratio": 1e5}}, "rate_ratio", "too many"),
        ("event_count", "2 per year", {"it": {"rate_ratio": 1e300}}, "rate_ratio", "out of range"),
        ("time_to_event", "1e-9 days", {}, "arms.0.outcomes", "times in a day"),
    ],
)
def test_what_would_never_end_is_refused_where_it_is_stated(kind, control, treated, key, words):
    found = problems(
        outcomes={"it": {"kind": kind}},
        control={"it": control},
        treated=treated,
        follow_up="52 weeks",
        analysis={"test": "rate_ratio" if kind == "event_count" else "logrank"},
    )
    assert found[0][0].endswith(key)
    assert words in found[0][1].replace("1e+05 events", "100000 a year")


def test_a_count_beside_an_outcome_that_does_not_end_all_is_refused():
    outcomes = {"flares": {"kind": "event_count"}, **RESPONSE}
    control = {"flares": "1 per year", "response": "30 %"}
    found = problems(
        outcomes=outcomes,
        control=control,
        treated={},
        analysis={"test": "rate_ratio"},
        follow_up="1 year",
    )
    assert any("a count beside 'response'" in fault for _, fault, _ in found)


def test_sections_in_a_few_words_are_spelled_out():
    trial = stated(
        RESPONSE,
        {"response": "30 %"},
        {"response": "55 %"},
        dropout="15 % a year",
        allocation="1:2",
        enrollment="10 per month",
    )
    assert trial.dropout.per_year == pytest.approx(-math.log(0.85))
    assert trial.ratio == (1, 2)
    assert trial.enrollment.per_site_per_year * trial.enrollment.sites == pytest.approx(120)


def test_two_packaged_rates_have_the_power_of_all_their_tables():
    power, mcse = _first_power("two_rates", 4000)
    x, y = np.meshgrid(np.arange(51), np.arange(51), indexing="ij")
    pooled = (x + y) / 100
    with np.errstate(invalid="ignore"):
        statistic = (y - x) / 50 / np.sqrt(pooled * (1 - pooled) * 2 / 50)
    chances = scipy.stats.binom.pmf(x, 50, 0.3) * scipy.stats.binom.pmf(y, 50, 0.55)
    assert_within_mcse(power, float(chances[statistic >= Z].sum()), mcse=mcse)


def test_the_packaged_score_has_the_power_of_an_ancova_s_noncentral_t():
    power, mcse = _first_power("score_change", 2000)
    completers = 80 * 0.85 ** (24 * WEEKS)  # patients with the visit, on average
    noncentrality = 4 / (8 * math.sqrt(1 - 0.6**2)) / math.sqrt(4 / completers)
    df = completers - 3
    by_t = scipy.stats.nct.sf(scipy.stats.t.ppf(0.975, df), df, noncentrality)
    assert_within_mcse(power, by_t, mcse=math.hypot(mcse, 0.005))  # completers vary


def test_looks_at_the_packaged_time_cost_a_little_of_schoenfeld_s_power():
    power, mcse = _first_power("time_to_event", 2000)
    without_looks = scipy.stats.norm.cdf(math.sqrt(180) / 2 * -math.log(0.65) - Z)
    assert without_looks - 0.04 < power < without_looks + 4 * mcse


def test_the_packaged_counts_have_the_power_of_the_large_sample_formula():
    power, mcse = _first_power("event_rate", 1000)
    years = (1 - 0.9) / -math.log(0.9)  # followed, on average
    variance = (1 / (1.5 * years) + 1 / (0.9 * years) + 2 * 0.8) / 100
    by_z = scipy.stats.norm.cdf(-math.log(0.6) / math.sqrt(variance) - Z)
    assert_within_mcse(power, by_z, mcse=math.hypot(mcse, 0.01))


def _first_power(name, n_replicates):
    from dataclasses import replace

    scenario = load_scenario(name)
    first = replace(scenario, points=scenario.points[:1])
    row = lupusim.run(first, n_replicates=n_replicates, seed=SEED).operating_characteristics.iloc[0]
    return row["power"], row["power_mcse"]


def test_stated_outcomes_without_arms_are_refused_once():
    whole = {"schema": "lupusim/scenario/1", "title": "no arms", "arms": []}
    whole |= {"outcomes": {"death": {"kind": "time_to_event"}}, "sample_size": 20}
    with pytest.raises(ScenarioError, match="arms"):
        scenario_from_mapping(whole)


COUNTED = ({"flares": {"kind": "event_count"}}, "1.2 per year")
TIMED = ({"event": {"kind": "time_to_event"}}, "14 months")


@pytest.mark.parametrize(
    ("of", "said", "told"),
    [
        (COUNTED, {"rate_ratio": "0.8 per year"}, ["'0.8 per year' is a rate", "ratio, 0.667."]),
        (COUNTED, {"rate_ratio": "many"}, ["'many' is not a number"]),
        (TIMED, {"hazard_ratio": "20 months"}, ["Write 'event: 20 months' without"]),
        (TIMED, {"hazard_ratio": "20 % a year"}, ["Write 'event: 20 % a year' without"]),
        (TIMED, {"hazard_ratio": 0.5, "on": "a -> b"}, ["no such key here"]),
        (TIMED, {"hazard_ratio": "low"}, ["'low' is not a number"]),
    ],
)
def test_what_is_no_ratio_is_told_how_to_be_stated(of, said, told) -> None:
    outcomes, control = of
    (name,) = outcomes
    ((_, fault, fix),) = problems(
        outcomes=outcomes,
        control={name: control},
        treated={name: said},
        follow_up="1 year",
        analysis={"test": "rate_ratio" if name == "flares" else "logrank"},
    )
    assert all(words in f"{fault}. {fix}" for words in told)
