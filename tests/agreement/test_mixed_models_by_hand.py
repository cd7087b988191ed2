"""Mixed models for repeated measures by the formulas of Kenward and Roger, patient by patient."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import pytest

from lupusim import analysis
from lupusim.scenario.files.scenario import scenario_from_mapping
from lupusim.simulation.patient_level.tables import simulate_trial
from tolerance import SEED

WEEK = 7 / 365.25  # years
SCENARIO: dict[str, Any] = {
    "schema": "lupusim/scenario/1",
    "title": "two looks at a score, more leave the treated arm",
    "outcomes": {
        "score": {
            "kind": "score", "at": "24 weeks", "baseline": 20, "sd": 8, "correlation": 0.6,
            "missing": "left_out",
        }
    },
    "visits": ["12 weeks", "24 weeks"],
    "arms": [
        {"name": "control", "control": True,
         "outcomes": {"score": {"12 weeks": -2, "24 weeks": -3}}},
        {"name": "treated", "outcomes": {"score": {"12 weeks": -4, "24 weeks": -7}}},
    ],
    "allocation": "1:2",
    "enrollment": "10 per month",
    "dropout": {"per_year": 0.5, "by_arm": {"treated": 2}},
    "analysis": {"test": "mmrm"},
    "looks": [
        {"when": {"patients": 60, "followed": "24 weeks"}, "efficacy": {"spending": "pocock"}},
        {"when": {"last_patient": "24 weeks"}},
    ],
    "sample_size": 110,
}  # fmt: skip


class MixedModel:
    """Restricted maximum likelihood by Fisher scoring; Kenward and Roger (1997), *Biometrics* 53.

    Every column of `design` has an effect of its own at each visit; the second is the arm.
    """

    def __init__(self, values: np.ndarray, design: np.ndarray) -> None:
        self.values, self.design, self.n_visits = values, design, values.shape[1]
        self.pairs = list(combinations_with_replacement(range(self.n_visits), 2))
        self.whole = np.zeros((len(self.pairs), self.n_visits, self.n_visits))
        for one, (a, b) in zip(self.whole, self.pairs, strict=True):
            one[a, b] = one[b, a] = 1.0

    def patients(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield the visits of each patient who was seen, her values and her rows of the design."""
        for seen, row in zip(self.values, self.design, strict=True):
            at = np.flatnonzero(np.isfinite(seen))
            if at.size:
                yield at, seen[at], np.kron(np.eye(self.n_visits)[at], row)

    def sums(self, covariance: np.ndarray, ways: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return Phi, beta, P, Q, information and score; `ways` are those the covariance may go."""
        each = list(self.patients())
        inverses = [np.linalg.inv(covariance[np.ix_(at, at)]) for at, _, _ in each]
        known = sum(x.T @ v @ x for (_, _, x), v in zip(each, inverses, strict=True))
        phi = np.linalg.inv(np.asarray(known))
        beta = phi @ sum(x.T @ v @ y for (_, y, x), v in zip(each, inverses, strict=True))
        n, size = len(ways), len(beta)
        p, q = np.zeros((n, size, size)), np.zeros((n, n, size, size))
        score, information = np.zeros(n), np.zeros((n, n))
        for (at, y, x), v in zip(each, inverses, strict=True):
            turned = [v @ way[np.ix_(at, at)] for way in ways]
            left = v @ (y - x @ beta)
            for r, first in enumerate(turned):
                p[r] -= x.T @ first @ v @ x
                way = ways[r][np.ix_(at, at)]
                score[r] += 0.5 * (left @ way @ left - np.trace(first))
                for s, second in enumerate(turned):
                    q[r, s] += x.T @ first @ second @ v @ x
                    information[r, s] += 0.5 * np.trace(first @ second)
        score -= 0.5 * np.einsum("ij,rji->r", phi, p)
        spread = phi @ p
        information -= np.einsum("ij,rsji->rs", phi, q)
        information += 0.5 * np.einsum("rij,sji->rs", spread, spread)
        return phi, beta, p, q, information, score

    def fit(self) -> tuple[float, float, float]:
        """Return the difference at the last visit, its error and its degrees of freedom."""
        covariance = np.diag(np.nanvar(self.values, axis=0))
        step = np.ones(len(self.pairs))
        while np.abs(step).max() > 1e-10:
            *_, information, score = self.sums(covariance, self.whole)
            step = np.linalg.solve(information, score)
            change = np.einsum("r,rab->ab", step, self.whole)
            while np.linalg.eigvalsh(covariance + change)[0] <= 0:
                change /= 2
            covariance = covariance + change
        root = np.linalg.cholesky(covariance)  # the same model, in parameters of like size
        phi, beta, p, q, information, _ = self.sums(covariance, root @ self.whole @ root.T)
        doubt = np.linalg.inv(information)
        bent = q - np.einsum("rij,jk,skl->rsil", p, phi, p)
        adjusted = phi + 2 * phi @ np.einsum("rs,rsij->ij", doubt, bent) @ phi
        arm = (self.n_visits - 1) * self.design.shape[1] + 1
        slopes = np.array([(phi @ one @ phi)[arm, arm] / phi[arm, arm] for one in p])
        degrees = 2 / (slopes @ doubt @ slopes)  # of one contrast the scale is 1
        return float(beta[arm]), float(np.sqrt(adjusted[arm, arm])), float(degrees)


@pytest.mark.parametrize(("n", "n_visits", "share"), [(34, 3, 0.5), (30, 4, 0.4), (26, 2, 0.4)])
def test_estimate_error_and_degrees_are_those_of_the_formulas(n, n_visits, share):
    rng = np.random.default_rng([SEED, n])
    stratum, baseline = rng.integers(0, 2, n), rng.normal(size=n)
    arm = (rng.random(n) < share).astype(int)
    mixed = rng.normal(size=(n_visits, n_visits)) / 3 + np.eye(n_visits)
    values = rng.normal(size=(n, n_visits)) @ mixed + 0.5 * baseline[:, None]
    leaves = rng.integers(1, 2 * n_visits, n)
    values[np.arange(n_visits) >= leaves[:, None]] = np.nan
    values[rng.random(values.shape) < 0.05] = np.nan
    found = analysis.mmrm(values, arm, baseline[:, None], stratum=stratum)
    design = np.column_stack([np.ones(n), arm, baseline, stratum])
    by_hand = MixedModel(values, design).fit()
    shown = [found.estimate.item(), found.standard_error.item(), found.degrees.item()]
    np.testing.assert_allclose(shown, by_hand, rtol=1e-6)


def test_a_look_takes_every_visit_so_far_also_of_those_still_followed():
    trial = simulate_trial(scenario_from_mapping(SCENARIO), seed=SEED)
    first, last = trial.looks.to_dict("records")[:2]
    patients, visits = trial.patients, trial.visits
    cutoff = patients["enrollment_time"].iloc[59] + 24 * WEEK
    for look, until in ((first, cutoff + 1e-4), (last, np.inf)):
        values = np.full((len(patients), 2), np.nan)
        seen = visits[visits["calendar_time"] <= until]
        at = np.rint(seen["study_time"] / (12 * WEEK)).astype(int) - 1
        values[seen["patient"], at] = seen["marker"]
        baseline = patients["score_baseline"].to_numpy()
        treated = (patients["arm"] == "treated").to_numpy().astype(float)
        design = np.column_stack([np.ones(len(patients)), treated, baseline])
        estimate, error, _ = MixedModel(values - baseline[:, None], design).fit()
        assert look["estimate"] == pytest.approx(estimate, rel=1e-7)
        assert look["standard_error"] == pytest.approx(error, rel=1e-7)
    due = patients["enrollment_time"] + 24 * WEEK <= cutoff + 1e-4
    still_followed = seen["patient"].isin(patients.index[~due])
    assert (still_followed & (seen["calendar_time"] <= cutoff)).sum() > 5  # at the first look
