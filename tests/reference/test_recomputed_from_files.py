"""Ten analyses of one exported trial, done again by other programs from the files alone."""

from __future__ import annotations

import math
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import survdiff
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.stats.contingency_tables import StratifiedTable

from lupusim.endpoints import (
    EventCount,
    MarkerChange,
    OrdinalState,
    Responder,
    TimeInStates,
    TimeToEvent,
)
from lupusim.model import TreatmentEffect
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.cutoffs import analyze, cut
from lupusim.simulation.patient_level.tables import simulate_trial
from lupusim.trial import Arm, Dropout, Population
from lupusim.trial.observation import IntercurrentEvent, Marker, Strategy, VisitConduct
from lupusim.trial.population.covariates import NormalCovariate
from tolerance import SEED
from trials import DISEASE, analysis, disease_trial, scenario

RANKING = (("death",), ("active", "relapse"), ("remission",))
RESPONSE = Responder(name="e", states=("remission",), at=1.0)
DEATH = TimeToEvent(name="e", events=("relapse", "death"))
RANK = OrdinalState(name="e", ranking=RANKING, at=1.0)
YEARS = TimeInStates(name="e", states=("remission",), until=1.0)
CHANGE = MarkerChange(name="e", at=1.0)
RELAPSES = EventCount(name="e", events=("relapse",))


def made(endpoint, test, **asked):
    """Return a trial with strata, a covariate, a marker, rescue, dropout and missed visits."""
    effect = TreatmentEffect(on=(("active", "remission"),), hazard_ratio=2.0)
    arms = (
        Arm(name="placebo", model=DISEASE),
        Arm(name="cells", model=DISEASE, effects=(effect,)),
    )
    marker = Marker(
        name="SLEDAI",
        mean={"active": 11.5, "remission": 3.2, "relapse": 11.5},
        sd={"active": 3.7, "remission": 2.8, "relapse": 3.7},
        correlation=0.5,
    )
    rescue = IntercurrentEvent(
        name="rescue",
        hazard_per_year={"active": 0.4, "relapse": 0.8},
        strategy=Strategy.COMPOSITE,
    )
    return disease_trial(
        arms=arms,
        n_patients=240,
        primary=endpoint,
        secondary=(),
        population=Population(
            factors={"nephritis": {"yes": 0.4, "no": 0.6}},
            covariates={"age": NormalCovariate(mean=40.0, sd=10.0)},
        ),
        dropout=Dropout(per_year=0.3),
        visit_conduct=VisitConduct(missed=0.1),
        intercurrent_events=(rescue,),
        marker=marker,
        analysis=analysis(test, **asked),
    )


class Files:
    """What a statistician is given: the folder of one trial."""

    def __init__(self, folder):
        self.patients = pd.read_csv(folder / "patients.csv").set_index("patient")
        self.visits, self.events = (
            pd.read_csv(folder / f"{name}.csv") for name in ("visits", "events")
        )
        self.arm = (self.patients["arm"] == "cells").to_numpy().astype(float)
        self.rescue = self.patients["rescue_time"].fillna(math.inf)
        assert (self.patients["rescue_seen"] == np.isfinite(self.rescue)).all()

    def of(self, column):
        return self.patients[column].to_numpy()

    def first(self, *states):
        """Return when each patient first enters one of the states; inf for never seen."""
        entries = self.events[self.events["to_state"].isin(states)]
        return (
            entries.groupby("patient")["study_time"]
            .min()
            .reindex(self.patients.index, fill_value=math.inf)
        )

    def last_visit(self, column):
        """Return what the visit at one year shows; a rescue before it is a failure."""
        there = self.visits[self.visits["study_time"] == 1.0].set_index("patient")[column]
        return there.reindex(self.patients.index)[self.rescue > 1.0].reindex(self.patients.index)

    def survival(self):
        event = np.minimum(self.first("relapse", "death"), self.rescue)
        time = np.minimum(event, self.patients["seen_until"])
        return time.to_numpy(), (event <= self.patients["seen_until"]).to_numpy().astype(int)

    def response(self):
        return (self.last_visit("state") == "remission").to_numpy().astype(float)

    def change(self):
        change = self.last_visit("SLEDAI" if "SLEDAI" in self.visits else "marker")
        return (change - self.patients["SLEDAI_baseline"]).fillna(0.0).to_numpy()

    def rank(self):
        rank = self.last_visit("state").map({"remission": 2, "active": 1, "relapse": 1})
        return rank.fillna(0).to_numpy()

    def years(self):
        """Return the years in remission up to one year, rescue, death or leaving."""
        end = np.minimum(np.minimum(self.rescue, 1.0), self.patients["seen_until"])
        found = []
        for patient in self.patients.index:
            mine = self.events[self.events["patient"] == patient]
            begin = [0.0, *mine["study_time"]]
            state = ["active", *mine["to_state"]]
            stop = [*mine["study_time"], math.inf]
            found.append(
                sum(
                    max(min(b, end[patient]) - min(a, end[patient]), 0.0)
                    for a, b, s in zip(begin, stop, state, strict=True)
                    if s == "remission"
                )
            )
        return np.array(found)

    def counts(self):
        relapses = self.events[self.events["to_state"] == "relapse"].groupby("patient").size()
        count = relapses.reindex(self.patients.index, fill_value=0) + self.of("rescue_seen")
        return count.to_numpy(), self.of("seen_until")


def by_survdiff(files):
    time, event = files.survival()
    chi_squared, _ = survdiff(time, event, files.arm)
    return {"abs_z": math.sqrt(chi_squared)}


def by_phreg(files):
    time, event = files.survival()
    fit = PHReg(time, files.arm[:, None], status=event, ties="efron").fit()
    return {"estimate": fit.params[0], "standard_error": fit.bse[0]}


def by_phreg_in_strata(files):
    time, event = files.survival()
    columns = np.column_stack([files.arm, files.of("age")])
    strata = files.of("nephritis")
    fit = PHReg(time, columns, status=event, strata=strata, ties="efron").fit()
    return {"estimate": fit.params[0], "standard_error": fit.bse[0]}


def by_two_shares(files):
    shares = [files.response()[files.arm == k] for k in (1, 0)]
    error = math.sqrt(sum(s.mean() * (1 - s.mean()) / s.size for s in shares))
    return {"estimate": shares[0].mean() - shares[1].mean(), "standard_error": error}


def by_fisher(files):
    table = pd.crosstab(1 - files.arm, 1 - files.response()).to_numpy()
    return {"p_value": stats.fisher_exact(table, alternative="greater").pvalue}


def by_stratified_table(files):
    data = pd.DataFrame({"a": 1 - files.arm, "r": 1 - files.response(), "s": files.of("nephritis")})
    tables = StratifiedTable.from_data("a", "r", "s", data)
    return {"abs_z": math.sqrt(tables.test_null_odds(correction=False).statistic)}


def by_logit(files):
    columns = sm.add_constant(np.column_stack([files.arm, files.of("age")]))
    fit = sm.Logit(files.response(), columns).fit(disp=0)
    return {"estimate": fit.params[1], "standard_error": fit.bse[1]}


def by_welch(files):
    groups = [files.years()[files.arm == k] for k in (1, 0)]
    found = stats.ttest_ind(*groups, equal_var=False, alternative="greater")
    return {"p_value": found.pvalue, "estimate": groups[0].mean() - groups[1].mean()}


def by_ols(files):
    columns = np.column_stack([files.arm, files.of("SLEDAI_baseline")])
    fit = sm.OLS(files.change(), sm.add_constant(columns)).fit()
    return {"estimate": fit.params[1], "standard_error": fit.bse[1]}


def by_mannwhitneyu(files):
    groups = [files.rank()[files.arm == k] for k in (1, 0)]
    found = stats.mannwhitneyu(*groups, alternative="greater", use_continuity=False)
    return {"p_value": found.pvalue}


def by_ordered_model(files):
    model = OrderedModel(files.rank().astype(int), files.arm[:, None], distr="logit")
    fit = model.fit(method="bfgs", disp=0, gtol=1e-8)
    return {"estimate": fit.params[0]}


def by_poisson(files):
    count, years = files.counts()
    fit = sm.GLM(
        count, sm.add_constant(files.arm), family=sm.families.Poisson(), offset=np.log(years)
    ).fit()
    return {"estimate": fit.params[1]}


def by_survival_of_r(files):
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed")
    time, event = files.survival()
    columns = {"t": time, "e": event, "a": files.arm, "s": files.of("nephritis")}
    text = pd.DataFrame(columns).to_csv(index=False)
    code = (
        "suppressMessages(library(survival)); d <- read.csv(file('stdin'));"
        "f <- survdiff(Surv(t, e) ~ a + strata(s), d); cat(format(sqrt(f$chisq), digits=12))"
    )
    found = subprocess.run(
        ["Rscript", "-e", code], input=text, capture_output=True, text=True, check=True
    )
    return {"abs_z": float(found.stdout)}


IN_STRATA = {"stratify_by": ("nephritis",)}
ANALYSES = [
    (DEATH, "logrank", {}, by_survdiff),
    (DEATH, "logrank", IN_STRATA, by_survival_of_r),
    (DEATH, "cox", {}, by_phreg),
    (DEATH, "cox", {**IN_STRATA, "adjust_for": ("age",)}, by_phreg_in_strata),
    (RESPONSE, "unpooled_z", {}, by_two_shares),
    (RESPONSE, "fisher_exact", {}, by_fisher),
    (RESPONSE, "cochran_mantel_haenszel", IN_STRATA, by_stratified_table),
    (RESPONSE, "logistic_regression", {"adjust_for": ("age",)}, by_logit),
    (YEARS, "welch", {}, by_welch),
    (CHANGE, "ancova", {}, by_ols),
    (RANK, "wilcoxon", {}, by_mannwhitneyu),
    (RANK, "proportional_odds", {}, by_ordered_model),
    (RELAPSES, "rate_ratio", {}, by_poisson),
]


@pytest.mark.parametrize(
    ("endpoint", "test", "asked", "again"), ANALYSES, ids=[one[3].__name__ for one in ANALYSES]
)
def test_another_program_finds_the_same_in_the_files(tmp_path, endpoint, test, asked, again):
    trial = made(endpoint, test, **asked)
    simulate_trial(scenario(trial), engine="vector", seed=SEED).to_csv(tmp_path)
    generated = generate(trial, Block(seed=SEED, number=0, n_replicates=1))
    observation = cut(generated, trial.cutoff)
    outcome = generated.measurements[0].outcome(observation)
    verdict = analyze(trial, trial.analysis, observation, outcome, sided=1)
    for name, value in again(Files(tmp_path)).items():
        if name == "abs_z":
            found = abs(stats.norm.isf(verdict.p_value[0]))
        else:
            found = getattr(verdict, name)[0]
        assert found == pytest.approx(value, rel=1e-5, abs=1e-9)


def test_negative_control_files_without_the_rescue_say_another_thing(tmp_path):
    trial = made(RESPONSE, "unpooled_z")
    simulate_trial(scenario(trial), engine="vector", seed=SEED).to_csv(tmp_path)
    files = Files(tmp_path)
    right = by_two_shares(files)["estimate"]
    files.rescue = files.rescue + math.inf
    assert abs(by_two_shares(files)["estimate"] - right) > 1e-3


def test_adsl_holds_what_the_table_of_patients_holds(tmp_path):
    one = simulate_trial(scenario(made(RESPONSE, "unpooled_z")), engine="vector", seed=SEED)
    adsl = pd.read_csv(one.to_adam(tmp_path)[0])
    patients = one.patients
    assert (adsl["NEPHRITIS"] == patients["nephritis"]).all()
    np.testing.assert_allclose(adsl["AGE"], patients["age"])
    np.testing.assert_allclose(adsl["SLEDAI_BASELINE"], patients["SLEDAI_baseline"])
    assert (adsl["DCSREAS"] == patients["left"]).all()
    np.testing.assert_allclose(adsl["EOSDY"], patients["end_time"] * 365.2425, atol=0.51)
    assert ((adsl["RESCUE_FL"] == "Y") == patients["rescue_seen"]).all()
    assert (adsl["RESCUE_DY"].notna() == patients["rescue_seen"]).all()
    assert {"dropout", "death", "end of follow-up"} <= set(adsl["DCSREAS"])
