"""The estimand of a trial in the five attributes of ICH E9(R1): as stated, or as it follows."""

from __future__ import annotations

from collections.abc import Iterator

from lupusim.report.document.parts import Part, Section, Table, Words
from lupusim.report.words.effects import listed
from lupusim.report.words.trials import doses_in_words
from lupusim.trial import Trial
from lupusim.trial.endpoints import good_direction
from lupusim.trial.scenario import Scenario

ATTRIBUTES = ("population", "treatment", "variable", "intercurrent events", "summary measure")
_FOLLOWS = " (as the scenario has it)"


def estimand_section(scenario: Scenario) -> Section:
    """Return the estimand, and what of it nobody can tell from the scenario.

    Parameters
    ----------
    scenario : Scenario
        Whose first design tells what it does not state itself.
    """
    stated, trial = scenario.estimand, scenario.points[0].trial
    derived = {name: f"{words}{_FOLLOWS}" for name, words in _derived(trial)}
    known = {**derived, **{str(name): str(words) for name, words in stated.items()}}
    names = [*ATTRIBUTES, *(name for name in known if name not in ATTRIBUTES)]
    rows = [(name, known.get(name, "not stated")) for name in names]
    for event in trial.intercurrent_events:
        strategy = event.strategy_of(trial.primary.name).value.replace("_", " ")
        rows.append((f"simulated: {event.name}", f"{strategy} strategy"))
    parts: list[Part] = []
    if missing := [name for name in ATTRIBUTES if name not in known]:
        fault = f"The scenario does not state its {', '.join(missing)}: add 'estimand:' to it."
        parts.append(Words(text=fault, loud=True))
    caption = "The estimand in the five attributes of ICH E9(R1)."
    head = ("attribute", "in this trial")
    parts.append(Table(caption=caption, head=head, rows=tuple(rows), wordy=True))
    return Section(title="Estimand of the trial", parts=tuple(parts))


def _derived(trial: Trial) -> Iterator[tuple[str, str]]:
    """Yield the attributes that follow from the trial; the population is that of the protocol."""
    names = [arm.name.replace("_", " ") for arm in trial.arms]
    dosed = "".join(f"; {what}: {words}" for what, words in doses_in_words(trial))
    alone = names[0] if len(names) == 1 else f"{listed(names[1:], 'or')} against {names[0]}"
    yield "treatment", alone + dosed
    primary = trial.primary
    better = "" if primary.levels else f", where {good_direction(primary)} is better"
    yield "variable", f"{primary.name}{better}"
    events = [
        f"{event.name}: {event.strategy_of(primary.name).value.replace('_', ' ')} strategy"
        for event in trial.intercurrent_events
    ]
    leaves = trial.dropout.per_year > 0 or trial.dropout.hazard is not None
    missing = "; who leaves the trial early is not followed any further" if leaves else ""
    yield "intercurrent events", f"{'; '.join(events) or 'none beside the endpoint'}{missing}"
    if trial.analysis is not None:
        yield "summary measure", f"{trial.analysis.effect}, of all who are randomized"
