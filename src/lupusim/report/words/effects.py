"""What a treatment does to hazards, and the test of a trial, in words of a protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lupusim.common.ranges import durations_of
from lupusim.model import Effect
from lupusim.scenario.document.durations import format_duration
from lupusim.trial import Analysis
from lupusim.trial.population.covariates import CovariateEffect
from lupusim.trial.test_method import TESTS

# Where the name in the registry is no English, or its author wants a capital.
_TESTS = {
    "ancova": "ANCOVA",
    "andersen_gill": "the Andersen-Gill model",
    "barnard": "Barnard's exact test",
    "boschloo": "Boschloo's exact test",
    "cochran_mantel_haenszel": "the Cochran-Mantel-Haenszel test",
    "cox": "Cox regression",
    "fine_gray": "the Fine-Gray model",
    "fine_gray_weighted": "the Fine-Gray model with weights",
    "fisher_exact": "Fisher's exact test",
    "fleming_harrington": "the Fleming-Harrington test",
    "gray": "Gray's test",
    "incidence_difference": "the difference of cumulative incidences",
    "logistic_regression": "logistic regression",
    "logrank": "the log-rank test",
    "magirr_burman": "the log-rank test with the weights of Magirr and Burman",
    "max_combo": "the MaxCombo test",
    "miettinen_nurminen": "the Miettinen-Nurminen test",
    "mmrm": "a mixed model for repeated measures",
    "negative_binomial": "negative binomial regression",
    "net_benefit": "the net benefit",
    "one_sample_logrank": "the one-sample log-rank test",
    "odds_ratio": "the odds ratio",
    "peto": "Peto's test",
    "posterior_difference": "the posterior probability of a difference",
    "posterior_probability": "the posterior probability",
    "posterior_rank": "the posterior rank",
    "proportional_odds": "the proportional odds model",
    "rate_ratio": "the ratio of rates",
    "restricted_mean": "the difference of restricted means",
    "risk_ratio": "the risk ratio",
    "risk_ratio_score": "the score test of the risk ratio",
    "simon": "Simon's two-stage test",
    "subdistribution_logrank": "the log-rank test of subdistributions",
    "survival_difference": "the difference of survival",
    "t_test": "the t test",
    "welch": "Welch's t test",
    "wilcoxon": "the Wilcoxon rank-sum test",
    "win_odds": "the win odds",
    "win_ratio": "the win ratio",
}


def analysis_in_words(analysis: Analysis) -> str:
    """Return the test of an analysis: its name, level, strata, covariates, and what it is told.

    Returns
    -------
    str
        Such as ``the log-rank test (one-sided alpha 0.025, stratified by nephritis)``.
    """
    name = _TESTS.get(analysis.name, f"the {analysis.name.replace('_', ' ')} test")
    said = [f"{'one' if analysis.sided == 1 else 'two'}-sided alpha {analysis.alpha:g}"]
    if analysis.stratify_by:
        said.append(f"stratified by {listed(analysis.stratify_by)}")
    if analysis.adjust_for:
        said.append(f"adjusted for {listed(analysis.adjust_for)}")
    said += [f"{_plain(asked)} {value}" for asked, value in told_of_test(analysis)]
    said += [f"{whose} {prior}" for whose, prior in analysis.test.prior_words.items()]
    return f"{name} ({', '.join(said)})"


def told_of_test(analysis: Analysis) -> Iterator[tuple[str, str]]:
    """Yield the parameters that a test must be told, or that are not what they usually are."""
    usual, durations = TESTS[analysis.name], durations_of(analysis.test)
    for asked, value in analysis.test.parameters.items():
        if asked in usual.required or value != usual.parameters[asked]:
            yield asked, format_duration(value) if asked in durations else f"{value:.4g}"


def effect_in_words(effect: Effect) -> str:
    """Return what an effect does to which transitions, from when on and for how long.

    Examples
    --------
    >>> from lupusim.model.effects import TreatmentEffect
    >>> ways = (("ill", "well"), ("ill", "better"))
    >>> effect_in_words(TreatmentEffect(on=ways, hazard_ratio=1.5, onset=0.5))
    'hazard ratio 1.5 on ill to well or better, from 6 months on'
    """
    return f"hazard ratio {_course(effect)}"


def covariate_effect_in_words(effect: CovariateEffect) -> str:
    """Return what goes with a covariate, or with a level of a factor, and on which transitions.

    Examples
    --------
    >>> from lupusim.trial.population.covariates import CovariateEffect
    >>> ways = (("active", "remission"),)
    >>> effect = CovariateEffect(covariate="history", level="relapsed", on=ways, hazard_ratio=0.4)
    >>> covariate_effect_in_words(effect)
    'hazard ratio 0.4 on active to remission with history relapsed'
    """
    name, level = _plain(effect.covariate), effect.level
    each = f"for each unit of {name} above {effect.reference:g}"
    whose = each if level is None else f"with {name} {_plain(level)}"
    return f"hazard ratio {effect.hazard_ratio:.4g} on {ways_in_words(effect.on)} {whose}"


def _course(effect: Effect) -> str:
    """Return the ratio, where it acts, and when."""
    onset, ((_, ratio), *later) = effect.course
    begin = f", from {format_duration(onset)} on" if onset else ""
    said = f"{ratio:.4g} on {ways_in_words(effect.on)}{begin}"
    if not later:
        return said
    (until, following), *others = later
    lasts = f", for {format_duration(until)}" if until else ""
    if effect.half_life is not None:
        return f"{said}{lasts}, fading with a half-life of {format_duration(effect.half_life)}"
    if not others and following == 1:
        return f"{said}{lasts}"
    return ", ".join([said, *(f"{r:.4g} after {format_duration(years)}" for years, r in later)])


def ways_in_words(ways: Sequence[tuple[str, str]]) -> str:
    """Return transitions in words, those that share an end told together.

    Examples
    --------
    >>> ways_in_words([("active", "flare"), ("low_activity", "flare")])
    'active or low activity to flare'
    >>> ways_in_words([("a", "b"), ("a", "c"), ("d", "e")])
    'a to b or c, and d to e'
    """
    begins, ends = (dict.fromkeys(way[k] for way in ways) for k in (0, 1))
    by_begin = {b: [e for one, e in ways if one == b] for b in begins}
    by_end = {e: [b for b, one in ways if one == e] for e in ends}
    if len(by_end) < len(by_begin):
        said = [f"{listed(those, 'or')} to {_plain(end)}" for end, those in by_end.items()]
    else:
        said = [f"{_plain(begin)} to {listed(those, 'or')}" for begin, those in by_begin.items()]
    return ", and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)


def listed(names: Iterable[str], word: str = "and") -> str:
    """Return names as a list in words.

    Examples
    --------
    >>> listed(["once", "twice", "monthly"])
    'once, twice and monthly'
    """
    *most, last = map(_plain, names)
    return f"{', '.join(most)} {word} {last}" if most else last


def _plain(name: str) -> str:
    return name.replace("_", " ")
