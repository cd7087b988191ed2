"""What a scenario means: its trial in a paragraph, its arms, where its numbers come from."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lupusim.model import Effect
from lupusim.planning.theory.expected_times import expected_enrollment
from lupusim.planning.theory.group_sequential import planned_bounds
from lupusim.report.words.rules import rules_of_trial
from lupusim.scenario.document.durations import format_duration
from lupusim.simulation.looks.null_hypothesis import error_quantity
from lupusim.trial import Analysis, Arm, Trial
from lupusim.trial.looks import Cutoff
from lupusim.trial.scenario import Scenario, shown

_MONTHS = 12


def what_it_means(scenario: Scenario) -> str:
    """Return the trial of a scenario in a paragraph; of several designs the first, and what varies.

    Parameters
    ----------
    scenario : Scenario
        One or several designs.

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
        _patients(trial),
        _observed(trial),
        *(f"{arm.name}: {arm_in_words(arm, trial)}." for arm in trial.arms),
        *_correlated(trial),
        _endpoints(trial),
        *_looks(trial),
        *rules_of_trial(trial),
        _success(trial),
        *_varies(scenario),
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
        lines += [f"  {key}: {words}" for key, words in scenario.sources.items()]
    return "\n".join(lines)


def arm_in_words(arm: Arm, trial: Trial) -> str:
    """Return what an arm does: what is stated of it, or its model, cells and effects."""
    if arm.stated:
        return arm.stated
    own = any(effect.arm == arm.name for effect in trial.population.effects)
    said = [f"as in {arm.model.name}"]
    if arm.infusions is not None:
        times = ", ".join(format_duration(t) if t else "randomization" for t in arm.infusions.at)
        said.append(f"{arm.infusions.cells_per_kg:.3g} cells per kg at {times}")
    said += map(_effect, arm.effects)
    if own:
        said.append("effects that differ between strata")
    if arm.switch is not None:
        to = arm.switch.arm.name
        said.append(f"going over to {to} on {', '.join(map(_plain, arm.switch.on))}")
    return "; ".join(said)


def _effect(effect: Effect) -> str:
    moves = ", ".join(f"{_plain(start)} -> {_plain(end)}" for start, end in effect.on)
    return f"hazard ratio {effect.hazard_ratio:.4g} on {moves}{_timing(effect)}"


def _timing(effect: Effect) -> str:
    """Return from when on an effect acts, for how long, and how it fades."""
    timed = {
        "from {} on": getattr(effect, "onset", 0.0) or math.inf,
        "for {}": getattr(effect, "lasts", math.inf),
        "fading with a half-life of {}": getattr(effect, "half_life", None) or math.inf,
    }
    words = [
        form.format(format_duration(years)) for form, years in timed.items() if years < math.inf
    ]
    return "".join(f", {said}" for said in words)


def _patients(trial: Trial) -> str:
    ratio = ":".join(str(arm.allocation) for arm in trial.arms)
    names = " : ".join(arm.name for arm in trial.arms)
    shares = f", {ratio} ({names})" if len(trial.arms) > 1 else ""
    strata = f", stratified by {', '.join(trial.stratify_by)}" if trial.stratify_by else ""
    months = _MONTHS * expected_enrollment(trial)
    over = f"enrolled over about {months:.0f} months" if months < math.inf else "enrolled"
    return f"{trial.n_patients} patients{shares}{strata}, {over}."


def _observed(trial: Trial) -> str:
    if trial.follow_up < math.inf:
        until = f"Each is followed for {format_duration(trial.follow_up)}"
    else:
        until = "All are followed until the last look"
    number = len(trial.visits)
    visits = f", with {number} visit{'s' if number > 1 else ''}" if number else ""
    return f"{until}{visits}; {_dropout(trial)}."


def _dropout(trial: Trial) -> str:
    dropout = trial.dropout
    if dropout.hazard is not None:
        return "patients leave at a hazard of its own"
    if dropout.per_year == 0:
        return "nobody leaves early"
    leave = -100 * math.expm1(-dropout.per_year)
    places = {**dropout.by_state, **dropout.by_arm}
    unequal = f" (times {', '.join(f'{r:g} in {_plain(p)}' for p, r in places.items())})"
    return f"{leave:.3g} of 100 leave within a year{unequal if places else ''}"


def _endpoints(trial: Trial) -> str:
    better = trial.primary.better.name.lower()
    said = f"Primary endpoint: {trial.primary.name} ({better} is better)"
    others = ", ".join(endpoint.name for endpoint in trial.secondary)
    return f"{said}; also {others}." if others else f"{said}."


def _looks(trial: Trial) -> Iterator[str]:
    """Yield a sentence for each look, with its bounds where they are known before the trial."""
    plan = planned_bounds(trial)
    for number, look in enumerate(trial.looks, 1):
        bounds = ""
        if plan is not None:
            at = {"success above": plan.efficacy, "failure below": plan.futility}
            if look is trial.cutoff:
                del at["failure below"]  # it is what the success leaves
            known = {
                words: z[number - 1] for words, z in at.items() if math.isfinite(z[number - 1])
            }
            bounds = "".join(f", {words} z = {z:.3f}" for words, z in known.items())
        yield f"{_name(look, number, trial)}: {look.words(trial)}{bounds}."


def _name(look: Cutoff, number: int, trial: Trial) -> str:
    if len(trial.looks) == 1:
        return "Analysis"
    return "Last look" if look is trial.cutoff else f"Look {number}"


def _success(trial: Trial) -> str:
    if trial.rule.decides:
        return "Success if an arm succeeds by this rule."
    if trial.analysis is None:
        return "Nothing is tested: the trial estimates."
    if trial.family is not None:
        sides = _level(trial.analysis)
        return (
            f"Success if any hypothesis of the family is shown by {trial.analysis.name}, {sides}."
        )
    test = f"{_plain(trial.analysis.name)} is significant{_margin(trial)}"
    return f"Success if {test}, {_level(trial.analysis)}."


def _margin(trial: Trial) -> str:
    assert trial.analysis is not None  # by _success
    if error_quantity(trial) is not None:
        return " for a benefit"
    return f" for being not worse by the margin of {getattr(trial.analysis.test, 'margin', 0):g}"


def _level(analysis: Analysis) -> str:
    return f"{'one' if analysis.sided == 1 else 'two'}-sided at {100 * analysis.alpha:g} %"


def _varies(scenario: Scenario) -> Iterator[str]:
    """Yield what varies between the designs, if there are several."""
    values: dict[str, dict[str, None]] = {}
    for point in scenario.points:
        for path, value in point.values.items():
            values.setdefault(path, {})[str(shown(value))] = None
    tried = "; ".join(f"{path} {', '.join(found)}" for path, found in values.items())
    if tried:
        yield f"{len(scenario.points)} designs are compared, of which this is the first: {tried}."


def _plain(name: str) -> str:
    return name.replace("_", " ")
