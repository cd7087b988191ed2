"""Write docs/reference/methods_of_tests.md: each test's formula, assumptions, source and checks.

Formulas stand here; what a test estimates and takes, and its sources, come from the code, and
where it is compared with other programs from the tests. A test without a formula is an error.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from pathlib import Path

from lupusim import analysis
from lupusim.analysis.registry import TESTS

TOP = Path(__file__).resolve().parents[1]
PAGE = TOP / "docs/reference/methods_of_tests.md"


@dataclass(frozen=True)
class Method:
    """What a test computes, under what assumption, and by which functions."""

    formula: str
    assumes: str
    functions: tuple[str, ...]


_LARGE = "independent patients; a normal approximation, so a fair number of responders and others"
_EXACT = "independent patients; none about numbers"
_LOGRANK = "censoring that does not depend on the outlook, given stratum"
_NUMBERS = "independent patients; equal or normal errors matter in small arms only"
_WINS = "pairs are compared over the time both were followed; U statistics, so fair numbers"
_COUNTS = "follow-up that does not depend on the number of events; fair numbers of patients"

METHODS = {
    "pooled_z": Method(
        r"$z = (\hat p_1 - \hat p_0) / \sqrt{\bar p (1 - \bar p)(1/n_1 + 1/n_0)}$, "
        r"$\bar p$ the proportion of both arms together; Newcombe's interval",
        _LARGE,
        ("risk_difference",),
    ),
    "unpooled_z": Method(
        r"$z = (\hat p_1 - \hat p_0 + m) / "
        r"\sqrt{\hat p_1 (1 - \hat p_1) / n_1 + \hat p_0 (1 - \hat p_0) / n_0}$, $m$ the margin",
        _LARGE + "; liberal in small arms",
        ("risk_difference_wald",),
    ),
    "miettinen_nurminen": Method(
        r"$z = (\hat p_1 - \hat p_0 + m) / \sqrt{\tilde v}$, "
        r"$\tilde v = \frac{N}{N - 1} (\tilde p_1 (1 - \tilde p_1) / n_1 "
        r"+ \tilde p_0 (1 - \tilde p_0) / n_0)$ at the likeliest rates with $\tilde p_1 - "
        r"\tilde p_0 = -m$; the interval holds every margin that is not rejected",
        _LARGE,
        ("risk_difference_score",),
    ),
    "risk_ratio": Method(
        r"$z = (\log(\hat p_1 / \hat p_0) - \log m) / "
        r"\sqrt{1/x_1 - 1/n_1 + 1/x_0 - 1/n_0}$, $x$ responders; 1/2 is added to every cell "
        r"where an arm has none",
        _LARGE,
        ("risk_ratio",),
    ),
    "risk_ratio_score": Method(
        r"score statistic of $p_1 = m p_0$ at the likeliest rates with that ratio, "
        r"variance times $N / (N - 1)$",
        _LARGE,
        ("risk_ratio_score",),
    ),
    "odds_ratio": Method(
        r"$z = (\log \widehat{OR} - \log m) / \sqrt{1/a + 1/b + 1/c + 1/d}$; 1/2 is added to "
        r"every cell where one is 0",
        _LARGE,
        ("odds_ratio",),
    ),
    "fisher_exact": Method(
        r"$p = P(X \ge x_1 \mid x_1 + x_0)$, hypergeometric; the two-sided one adds all tables "
        r"no more likely",
        _EXACT + ", given both margins; conservative",
        ("fisher_exact",),
    ),
    "boschloo": Method(
        r"$p = \max_\pi P_\pi(p_F \le p_F^{obs})$, $p_F$ Fisher's one-sided p-value",
        _EXACT,
        ("boschloo",),
    ),
    "barnard": Method(
        r"$p = \max_\pi P_\pi(z \ge z^{obs})$, $z$ the pooled statistic",
        _EXACT,
        ("barnard",),
    ),
    "cochran_mantel_haenszel": Method(
        r"$z = \sum_s (a_s - n_{1s} m_s / N_s) / \sqrt{\sum_s n_{1s} n_{0s} m_s (N_s - m_s) / "
        r"(N_s^2 (N_s - 1))}$, no continuity correction; the estimate is the log of Mantel and "
        r"Haenszel's odds ratio",
        "one odds ratio in all strata for the estimate; not for the test's level",
        ("cochran_mantel_haenszel",),
    ),
    "logistic_regression": Method(
        r"maximum likelihood of $\mathrm{logit}\,p_i = \alpha_{s(i)} + \beta a_i + x_i' \gamma$; "
        r"$z = \hat\beta / se$",
        "the model; many more responders, and others, than coefficients",
        ("logistic_regression",),
    ),
    "logrank": Method(
        r"$z = (O - E) / \sqrt V$, $E = \sum_j d_j Y_{1j} / Y_j$, $V = \sum_j d_j "
        r"\frac{Y_{1j}}{Y_j} (1 - \frac{Y_{1j}}{Y_j}) \frac{Y_j - d_j}{Y_j - 1}$; strata add up; "
        r"the estimate is Cox's",
        _LOGRANK + "; most powerful where hazards are proportional",
        ("logrank",),
    ),
    "peto": Method(
        r"as `logrank`; the estimate is $(O - E) / V$ with standard error $1 / \sqrt V$",
        _LOGRANK + "; a small effect and arms of equal size, for the estimate",
        ("logrank",),
    ),
    "cox": Method(
        r"partial likelihood, Efron's ties: $U(\hat\beta) = 0$; $z = (\hat\beta - \log m) / se$",
        _LOGRANK + "; proportional hazards, for the estimate",
        ("cox", "cox_regression"),
    ),
    "fleming_harrington": Method(
        r"$z = \sum_j w_j (d_{1j} - d_j Y_{1j} / Y_j) / \sqrt{\sum_j w_j^2 V_j}$, "
        r"$w = \hat S(t-)^\rho (1 - \hat S(t-))^\gamma$",
        _LOGRANK + "; its estimate is Cox's, which is an average where hazards are not "
        "proportional",
        ("weighted_logrank", "FlemingHarrington"),
    ),
    "magirr_burman": Method(
        r"as `fleming_harrington` with $w = 1 / \max(\hat S(t-), \hat S(t^*))$",
        _LOGRANK,
        ("weighted_logrank", "MagirrBurman"),
    ),
    "max_combo": Method(
        r"$\max_k z_k$ over $(\rho, \gamma) \in \{(0,0), (0,1), (1,0), (1,1)\}$; p by the "
        r"four's joint normal law with their estimated correlations",
        _LOGRANK,
        ("max_combo",),
    ),
    "survival_difference": Method(
        r"$z = (\hat S_1(t) - \hat S_0(t) + m) / \sqrt{\hat v_1 + \hat v_0}$, Greenwood's "
        r"variances; the interval joins the arms' log-log intervals",
        _LOGRANK + "; survivors followed up to that time",
        ("survival_difference", "kaplan_meier"),
    ),
    "restricted_mean": Method(
        r"$\hat\mu = \int_0^\tau \hat S(t) dt$, $\hat v = \sum_{t_j \le \tau} "
        r"\frac{d_j}{Y_j (Y_j - d_j)} (\int_{t_j}^\tau \hat S)^2$; $z$ of the difference",
        _LOGRANK + "; follow-up up to the horizon",
        ("rmst_difference", "rmst"),
    ),
    "incidence_difference": Method(
        r"$\hat F(t) = \sum_{t_j \le t} \hat S(t_j-) d_{1j} / Y_j$ in each arm, variances by the "
        r"delta method; $z$ of the difference",
        _LOGRANK + "; competing events may depend on each other",
        ("cumulative_incidence_difference", "cumulative_incidence"),
    ),
    "gray": Method(
        r"$s = \sum_j (d_{1j} - d_j R_{1j} / (R_{0j} + R_{1j}))$, $R_k = Y_k (1 - \hat F_k(t-)) "
        r"/ \hat S_k(t-)$; $z = s / se$",
        "censoring at random within arm and stratum",
        ("gray",),
    ),
    "fine_gray": Method(
        r"Cox's partial likelihood where patients with a competing event stay at risk until "
        r"they would have been censored",
        "that time is known, as in a simulation or without dropout; proportional "
        "subdistribution hazards, for the estimate",
        ("subdistribution_times",),
    ),
    "fine_gray_weighted": Method(
        r"as `fine_gray` with weight $\hat G(t-) / \hat G(T-)$ after a competing event at $T$, "
        r"$G$ the chance not to be censored; robust variance",
        "censoring at random within stratum",
        ("fine_gray_weighted",),
    ),
    "subdistribution_logrank": Method(
        r"`logrank` on the subdistribution's times of `fine_gray`",
        "as `fine_gray`",
        ("subdistribution_times",),
    ),
    "t_test": Method(
        r"$t = (\bar y_1 - \bar y_0) / (s \sqrt{1/n_1 + 1/n_0})$, $N - 2$ degrees of freedom",
        _NUMBERS + "; one variance in both arms",
        ("pooled_t_test",),
    ),
    "welch": Method(
        r"$t = (\bar y_1 - \bar y_0) / \sqrt{s_1^2 / n_1 + s_0^2 / n_0}$, Welch's degrees of "
        r"freedom",
        _NUMBERS,
        ("welch_test",),
    ),
    "ancova": Method(
        r"least squares of $y_i = \alpha_{s(i)} + \beta a_i + x_i' \gamma + \epsilon_i$; "
        r"Student's t of $\hat\beta$",
        _NUMBERS + "; the covariates act alike in both arms, for the estimate's meaning",
        ("ancova",),
    ),
    "mmrm": Method(
        r"restricted maximum likelihood of $y_i \sim N(X_i \beta, \Sigma)$ over all visits, "
        r"$\Sigma$ unstructured and common; Kenward and Roger's error and degrees of freedom",
        "values missing at random; normal values; one covariance in both arms",
        ("mmrm",),
    ),
    "wilcoxon": Method(
        r"$z = (U - n_1 n_0 / 2) / \sqrt{\frac{n_1 n_0}{12} (N + 1 - \sum (t^3 - t) / "
        r"(N (N - 1)))}$, no continuity correction",
        "independent patients",
        ("wilcoxon",),
    ),
    "proportional_odds": Method(
        r"maximum likelihood of $\mathrm{logit}\,P(Y \le k) = \theta_k - \beta a$; "
        r"$z = \hat\beta / se$",
        "one odds ratio for every cut of the ranks",
        ("proportional_odds",),
    ),
    "rate_ratio": Method(
        r"$\log \hat r_1 / \hat r_0$, $\hat r = \sum c_i / \sum e_i$, variance in each arm "
        r"$\sum (c_i - \hat r e_i)^2 / (\sum c_i)^2$",
        _COUNTS + "; rates constant in time",
        ("rate_ratio",),
    ),
    "negative_binomial": Method(
        r"maximum likelihood of $E y_i = e_i \exp(\alpha_{s(i)} + \beta a_i) = \mu_i$, "
        r"$\mathrm{var}\,y_i = \mu_i + k \mu_i^2$; Wald's z",
        _COUNTS + "; the variance is as stated",
        ("negative_binomial",),
    ),
    "andersen_gill": Method(
        r"Cox's partial likelihood over all events; variance $\sum_i U_i^2 / I^2$ over patients",
        _COUNTS + "; proportional rates over time",
        ("andersen_gill",),
    ),
    "win_ratio": Method(
        r"$\log(\text{wins} / \text{losses})$; $z$ by U statistics", _WINS, ("win_statistics",)
    ),
    "win_odds": Method(
        r"$\log((\text{wins} + \text{ties} / 2) / (\text{losses} + \text{ties} / 2))$; $z$ by U "
        r"statistics",
        _WINS,
        ("win_statistics",),
    ),
    "net_benefit": Method(
        r"$(\text{wins} - \text{losses}) / \text{pairs}$; $z$ by U statistics",
        _WINS,
        ("win_statistics",),
    ),
    "exact_binomial": Method(
        r"$p = P(X \ge x)$, $X \sim \mathrm{Bin}(n, p_0)$; Clopper and Pearson's interval",
        _EXACT + "; the null rate is known",
        ("exact_binomial",),
    ),
    "simon": Method(
        r"go on if more than $r_1$ of $n_1$ respond, claim if more than $r$ of $n$ do; level "
        r"and power are sums over both stages",
        _EXACT + "; the null rate is known",
        ("simon",),
    ),
    "posterior_probability": Method(
        r"success where $P(p > p_0 \mid x) \ge c$, $p \mid x$ a mixture of beta distributions",
        "the prior; it is no test at the level $1 - c$",
        ("BetaPrior", "power_prior", "robust_prior"),
    ),
    "posterior_difference": Method(
        r"success where $P(p_1 > p_0 + m \mid x) \ge c$, by integrating over both posteriors",
        "the priors, independent of each other; it is no test at the level $1 - c$",
        ("posterior_probability", "power_prior", "robust_prior"),
    ),
    "posterior_rank": Method(
        r"success where $P(\theta > 1/2 \mid x) \ge c$, $\theta = P(Y_1 > Y_0) + P(Y_1 = Y_0) / 2$ "
        r"under Dirichlet posteriors; its law is a beta with the exact mean and variance",
        "the prior; it is no test at the level $1 - c$",
        (),
    ),
    "one_sample_logrank": Method(
        r"$z = (O - E) / \sqrt E$, $E = \sum_i H_0(t_i)$",
        "the reference hazard is known and without error",
        ("one_sample_logrank",),
    ),
}
_HEAD = """# Methods of the tests

Every test that `analysis: {test: NAME}` can name. $a$ is 1 on the experimental arm, $n_1 + n_0 = N$
patients, $d$ events and $Y$ patients at risk at an event time; one-sided p-values point at benefit.
A statistic that does not exist (nobody at risk, no event) shows nothing: p = 1. The real level of
each is in [the table of levels](levels_of_tests.md); each runs at every size from 2 to 5,000
patients on any outcome in `tests/property/test_every_test.py`, and beside every other feature in
`tests/combinations`. Parameters are in [scenario files](../scenario_files.md).

Made by `scripts/methods_of_tests.py` from the registry of tests, their docstrings and the tests.
"""
_STATES = {
    "none": "without strata",
    "used": "stratified where asked",
    "needed": "always stratified",
}


def page() -> str:
    """Return the text of the page."""
    return _HEAD + "".join(_section(name) for name in sorted(TESTS))


def _section(name: str) -> str:
    test, method = TESTS[name], METHODS[name]
    kind = type(test)
    takes = re.sub(r"(?<!^)(?=[A-Z])", " ", kind.outcome.__name__).lower().split()[0]
    adjusted = ", adjusted for covariates" if kind.covariates else ""
    sources = " ".join(dict.fromkeys(filter(None, map(_source, method.functions))))
    calls = ", ".join(f"`{one}`" for one in method.functions)
    lines = [
        f"\n## `{name}`\n",
        f"- estimates: {test.effect}; outcome: {takes}; {_STATES[kind.strata]}{adjusted}",
        f"- formula: {method.formula}",
        f"- assumes: {method.assumes}",
        f"- source: {sources or 'see `help` of its class in ' + _module(kind)}",
        f"- in Python: {calls or _module(kind)}",
        f"- checked in: {', '.join(_checks(name, method))}",
    ]
    return "\n".join(lines) + "\n"


def _module(kind: type) -> str:
    return f"`{kind.__module__}`"


def _source(function: str) -> str:
    """Return the references of a function's docstring, in one line."""
    said = inspect.getdoc(getattr(analysis, function)) or ""
    _, _, after = said.partition("References\n----------\n")
    return " ".join(re.split(r"\n\n\w+\n---", after)[0].split()).replace("*", "_")


def _checks(name: str, method: Method) -> list[str]:
    """Return the files that compare a test with other programs, or else with plain sums."""
    words = re.compile("|".join(rf"\b{word}\b" for word in (name, *method.functions)))
    for folder in ("reference", "unit/analysis", "property"):
        files = sorted((TOP / "tests" / folder).rglob("test_*.py"))
        found = [path for path in files if words.search(path.read_text(encoding="utf-8"))]
        if found:
            return [f"`{path.relative_to(TOP).as_posix()}`" for path in found]
    raise ValueError(f"no test compares {name} with anything")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
