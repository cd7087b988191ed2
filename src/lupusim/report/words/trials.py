"""What a scenario means: its trial in a paragraph, its arms, where its numbers come from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from lupusim.planning.theory.expected_times import enrolled_by_looks, expected_enrollment
from lupusim.report.words.coming import supply_in_words, who_comes_in_words
from lupusim.report.words.effects import (
    analysis_in_words,
    covariate_effect_in_words,
    effect_in_words,
    listed,
    ways_in_words,
)
from lupusim.report.words.paths import naming
from lupusim.report.words.rules import rules_of_trial
from lupusim.report.words.sources import source_in_words
from lupusim.scenario.document.durations import format_duration
from lupusim.simulation.looks.null_hypothesis import error_quantity
from lupusim.trial import Arm, Infusions, Trial
from lupusim.trial.durations import MONTHS_PER_YEAR
from lupusim.trial.endpoints import Endpoint, good_direction
from lupusim.trial.looks import Cutoff
from lupusim.trial.scenario import Scenario, shown
from lupusim.trial.treatment.arms import Lots

_MILLION = 1e6
_ALL, _NEARLY_ALL = 0.995, 0.9  # of patients
_NEARLY_A_YEAR = 0.005  # 52 weeks are
_FEW_TIMES = 3  # of infusions that are told one by one


def what_it_means(scenario: Scenario) -> str:
    """Return the trial of a scenario in a paragraph; of several designs what varies, and the first.

    Returns
    -------
    str
        Sentences: patients and arms, enrollment, follow-up, what each arm does, the endpoint, the
        looks, and when the trial succeeds.
    """
    return " ".join(sentences(scenario))


def sentences(scenario: Scenario) -> list[str]:
    """Return the sentences of :func:`what_it_means`."""
    trial = scenario.points[0].trial
    return [
        *_varies(scenario),
        _patients(trial),
        *who_comes_in_words(trial),
        follow_up_in_words(trial),
        *(f"{who}: {words}." for who, words in arms_in_words(trial)),
        *models_in_short(trial),
        *(f"{what}: {words}." for what, words in doses_in_words(trial)),
        *supply_in_words(trial),
        *_correlated(trial),
        _endpoints(trial),
        *_looks(trial),
        *rules_of_trial(trial),
        _success(trial),
    ]


def _correlated(trial: Trial) -> list[str]:
    correlated = trial.population.correlated
    return [] if correlated is None else [f"Outcomes of a patient: {correlated.words}."]


def scenario_in_words(scenario: Scenario) -> str:
    """Return a scenario with its question, estimand and the sources of its numbers, in lines."""
    lines = [scenario.title, "", what_it_means(scenario)]
    if scenario.question:
        lines += ["", f"Question: {' '.join(scenario.question.split())}"]
    if scenario.estimand:
        lines += ["", "Estimand:"]
        lines += [f"  {name}: {words}" for name, words in scenario.estimand.items()]
    if scenario.sources:
        lines += ["", "Where its numbers come from:"]
        lines += [f"  {key}: {source_in_words(words)}" for key, words in scenario.sources.items()]
    return "\n".join(lines)


def arms_in_words(trial: Trial) -> Iterator[tuple[str, str]]:
    """Yield names of arms and how their patients fare, identical arms together."""
    yield from ((listed([arm.name for arm in arms]), law) for arms, law in arms_alike(trial))


def arms_alike(trial: Trial) -> Iterator[tuple[list[Arm], str]]:
    """Yield arms whose patients fare alike, and how."""
    laws: dict[str, list[Arm]] = {}
    for arm in trial.arms:
        laws.setdefault(_law(arm, trial), []).append(arm)
    yield from ((arms, law) for law, arms in laws.items())


def models_in_words(trial: Trial) -> Iterator[tuple[str, str]]:
    """Yield the models that patients follow and what their files say of them, where they do."""
    for model in {arm.model.name: arm.model for arm in trial.arms if not arm.stated}.values():
        if model.description:
            yield f"model {model.name}", model.description


def models_in_short(trial: Trial) -> Iterator[str]:
    """Yield a sentence for each of :func:`models_in_words`, without what follows a semicolon."""
    for which, words in models_in_words(trial):
        yield f"The {which}: {words.partition(';')[0].rstrip('.')}."


def doses_in_words(trial: Trial) -> Iterator[tuple[str, str]]:
    """Yield what is given in which arms; nothing where no infusion is stated."""
    doses: dict[str, list[str]] = {}
    for arm in trial.arms:
        if arm.infusions is not None:
            doses.setdefault(_doses(arm.infusions, _entry(trial)), []).append(arm.name)
    if doses:
        given = (f"{dose} ({listed(names)})" for dose, names in doses.items())
        yield "Cells per kg", "; ".join(given)


def _law(arm: Arm, trial: Trial) -> str:
    """Return how an arm fares: what is stated of it, or its model and effects."""
    if arm.stated:
        return arm.stated
    said = [f"as in {arm.model.name}", *map(effect_in_words, arm.effects)]
    said += [covariate_effect_in_words(e) for e in trial.population.effects if e.arm == arm.name]
    if arm.switch is not None:
        to = arm.switch.arm.name
        said.append(f"on {listed(arm.switch.on, 'or')} the treatment of arm {_plain(to)}")
    return "; ".join(said)


def _entry(trial: Trial) -> str:
    return "randomization" if trial.is_randomized else "entry"


def _doses(infusions: Infusions, entry: str) -> str:
    n, at = infusions.cells_per_kg, infusions.at
    number = f"{n / _MILLION:g} million" if n >= _MILLION else f"{n:.3g}"
    steps = {round(b - a, 6) for a, b in pairwise(at)}
    again = f", again on {listed(infusions.again_on, 'or')}" if infusions.again_on else ""
    missed = f", each missed by {100 * infusions.missed:g} of 100" if infusions.missed else ""
    ends = f"{again}{missed}{_lots(infusions.lots) if infusions.lots else ''}"
    if len(at) > _FEW_TIMES and len(steps) == 1:
        every = f"every {format_duration(at[1] - at[0])} from {_time(at[0], entry)} on"
        return f"{number} {every}, {len(at)} times{ends}"
    return f"{number} at {listed([_time(time, entry) for time in at])}{ends}"


def _lots(lots: Lots) -> str:
    """Return how many doses a lot gives, and how unequal lots are in what they do."""
    acts = ((lots.raises, "raise"), (lots.lowers, "lower"))
    does = [f"{what} the hazard of {ways_in_words(on)}" for on, what in acts if on]
    spread = f"by log hazard ratios of sd {lots.sd:g}"
    return f", from lots of {lots.doses} doses that {' and '.join(does)} {spread}"


def _time(years: float, entry: str) -> str:
    return format_duration(years) if years else entry


def _patients(trial: Trial) -> str:
    ratio = ":".join(str(arm.allocation) for arm in trial.arms)
    names = " : ".join(arm.name for arm in trial.arms)
    shares = f", {ratio} ({names})" if len(trial.arms) > 1 else ""
    strata = f", stratified by {', '.join(trial.stratify_by)}" if trial.stratify_by else ""
    outside = f"; nobody is randomized to {listed(trial.external)}" if trial.external else ""
    return f"{trial.n_patients} patients{shares}{strata}, enrolled{over_months(trial)}{outside}."


def over_months(trial: Trial) -> str:
    """Return over how many months enrollment is expected to go; nothing where it may not end."""
    months = MONTHS_PER_YEAR * expected_enrollment(trial)
    return f" over about {months:.0f} months" if months < math.inf else ""


def follow_up_in_words(trial: Trial) -> str:
    """Return how long patients are followed, and how many leave."""
    if trial.follow_up < math.inf:
        until = f"Each patient is followed for {format_duration(trial.follow_up)}"
    else:
        until = "All are followed until the last look"
    number = len(trial.visits)
    visits = f", with {number} visit{'s' if number > 1 else ''}" if number else ""
    return f"{until}{visits}; {dropout_in_words(trial)}."


def dropout_in_words(trial: Trial) -> str:
    """Return how many leave early."""
    dropout = trial.dropout
    if dropout.hazard is not None:
        return "patients leave at a hazard of its own"
    if dropout.per_year == 0:
        return "nobody leaves early"
    leave = -100 * math.expm1(-dropout.per_year)
    places = {**dropout.by_state, **dropout.by_arm}
    unequal = f" ({', '.join(f'{r:g} times as many in {_plain(p)}' for p, r in places.items())})"
    return f"{leave:.3g} of 100 leave within a year{unequal if places else _by_the_end(trial)}"


def who_left_in_words(trial: Trial) -> str:
    """Return what the response of those counts as who have left; empty where it is no question."""
    nobody = trial.dropout.hazard is None and trial.dropout.per_year == 0
    if nobody or not trial.primary.is_response:
        return ""
    return "Who has left before the response is seen counts as a non-responder"


def fewer_than_stated(trial: Trial) -> str:
    """Return a sentence, after a blank, where fewer respond than the stated share."""
    who = who_left_in_words(trial) if all(arm.stated for arm in trial.arms) else ""
    return f" {who}: fewer respond than stated." if who else ""


def _by_the_end(trial: Trial) -> str:
    """Return how many leave within follow-up, where that is one time and no year of 52 weeks."""
    years = trial.follow_up
    if not math.isfinite(years) or math.isclose(years, 1.0, rel_tol=_NEARLY_A_YEAR):
        return ""
    leave = -100 * math.expm1(-trial.dropout.per_year * years)
    return f", {leave:.3g} within {format_duration(years)}"


def endpoint_in_words(endpoint: Endpoint, trial: Trial) -> str:
    """Return what an endpoint is called, and what it is, where its name alone can't say it."""
    states = _states_in_words(endpoint, trial)
    return f"{endpoint.name} ({states})" if states else endpoint.name


def _states_in_words(endpoint: Endpoint, trial: Trial) -> str:
    """Return which states, at which visits, an endpoint is; empty where no file names them."""
    response = endpoint.response_at_visits
    if response is None or any(arm.stated for arm in trial.arms):
        return ""
    first, *later = map(format_duration, response.visits)
    when = f"at each visit from {first} to {later[-1]}" if later else f"at {first}"
    return f"{listed(response.states, 'or')} {when}"


def _endpoints(trial: Trial) -> str:
    states, good = _states_in_words(trial.primary, trial), good_direction(trial.primary)
    what = f"{states}; {good}" if states else good
    said = f"Primary endpoint: {trial.primary.name} ({what} is better)"
    others = ", ".join(endpoint.name for endpoint in trial.secondary)
    left = f" {who}." if (who := who_left_in_words(trial)) else ""
    return f"{said}; also {others}.{left}" if others else f"{said}.{left}"


def _looks(trial: Trial) -> Iterator[str]:
    """Yield a sentence for each look, with its bounds where they are known before the trial."""
    bounds = [""]
    if trial.interims:
        from lupusim.report.words.bounds import bounds_of_looks, giving_up_in_words

        bounds = bounds_of_looks(trial)
    come = enrolled_by_looks(trial) if trial.interims else []
    for number, look in enumerate(trial.looks, 1):
        when = _by_then(*come[number - 1]) if look is not trial.cutoff else ""
        yield f"{_name(look, number, trial)}: {look.words(trial)}{bounds[number - 1]}{when}."
    if trial.interims:
        yield from giving_up_in_words(trial)
    late = [number for number, (_, share) in enumerate(come, 1) if share >= _NEARLY_ALL]
    if late and trial.stopping is not None:
        which = f"look{'s' if len(late) > 1 else ''} {listed(map(str, late))}"
        yield f"By {which} nearly all patients have come: stopping there spares few of them."


def _by_then(time: float, share: float) -> str:
    """Return when a look is to be expected, and who has come by then; nothing where unknown."""
    if not math.isfinite(time):
        return ""
    who = "all" if share >= _ALL else f"{100 * share:.0f} % of the"
    return f", to be expected in month {MONTHS_PER_YEAR * time:.1f} with {who} patients enrolled"


def _name(look: Cutoff, number: int, trial: Trial) -> str:
    if len(trial.looks) == 1:
        return "Analysis"
    return "Last look" if look is trial.cutoff else f"Look {number}"


def _success(trial: Trial) -> str:
    if trial.rule.decides:
        return "Success if an arm succeeds by this rule."
    if trial.analysis is None:
        return "Nothing is tested: the trial estimates."
    what = "a benefit" if error_quantity(trial) is not None else "being not worse by the margin"
    if trial.family is not None:
        what = "any hypothesis of the family"
    return f"Success if {what} is shown by {analysis_in_words(trial.analysis)}."


def _varies(scenario: Scenario) -> Iterator[str]:
    """Yield what varies between the designs, if there are several."""
    values, called = dict[str, dict[str, None]](), naming(scenario)
    for point in scenario.points:
        for path, value in point.values.items():
            values.setdefault(path, {})[str(shown(value))] = None
    tried = "; ".join(f"{called(path)}: {', '.join(found)}" for path, found in values.items())
    if tried:
        yield f"{len(scenario.points)} designs are compared, by {tried}. The first of them is this."


def _plain(name: str) -> str:
    return name.replace("_", " ")
