"""What changes a trial while it runs, and what holds the error of several hypotheses, in words.

The sentences are those of the rules and procedures themselves, so that check, report and page say
the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lupusim.trial import Arm, Trial
from lupusim.trial.enrollment.arm_periods import Controls, arms_change
from lupusim.trial.multiplicity import Ends, GivesUp

if TYPE_CHECKING:
    from lupusim.simulation.looks.look_statistics import Comparison

_CONTROLS = {
    Controls.CONCURRENT: "the controls randomized while it was open",
    Controls.ALL: "all controls, as if they had come at the same time",
    Controls.ADJUSTED: "all controls, with the set of open arms as a stratum",
}

_PAIR = 2  # arms
_GIVEN_UP = {
    GivesUp.ALL: "A hypothesis is given up where its statistic is not above a look's futility "
    "bound, and the trial stops when none is left.",
    GivesUp.PRIMARY: "A hypothesis of the primary endpoint is given up where its statistic is "
    "not above a look's futility bound; the others go on as long as they can be reached.",
}


def rules_of_trial(trial: Trial) -> Iterator[str]:
    """Yield sentences that a protocol can take over; nothing for a trial that goes as planned.

    Parameters
    ----------
    trial : Trial
        Its arms that join or leave, its adaptation, its hypotheses.
    """
    yield from _platform(trial)
    if trial.adaptation is not None:
        yield from trial.adaptation.in_words(trial)
    yield from _family(trial)


def _platform(trial: Trial) -> Iterator[str]:
    if not arms_change(trial.arms):
        return
    for arm in trial.arms:
        if said := list(_period(arm)):
            yield f"Arm {arm.name} {' and '.join(said)}."
    if trial.analysis is not None:
        controls = trial.analysis.controls or Controls.CONCURRENT
        yield f"Each arm is compared with {_CONTROLS[controls]}."


def _period(arm: Arm) -> Iterator[str]:
    if arm.joins is not None:
        yield f"joins {arm.joins.in_words}"
    if arm.closes is not None:
        yield f"closes {arm.closes.in_words}"


def _family(trial: Trial) -> Iterator[str]:
    if trial.family is None or trial.analysis is None:
        return
    from lupusim.simulation.looks.look_statistics import comparisons

    names = [hypothesis_name(one, trial) for one in comparisons(trial)]
    yield trial.family.procedure.in_words(names)
    if trial.stopping is not None and trial.stopping.gives_up:
        yield _GIVEN_UP[trial.family.gives_up]
    if trial.interims and len(trial.arms) > _PAIR:
        yield "An arm of which nothing is left to be shown randomizes nobody from that look on."
    if trial.interims and trial.family.ends is Ends.FIRST:
        yield "The trial stops as soon as one is shown."


def hypothesis_name(one: Comparison, trial: Trial) -> str:
    """Return a hypothesis in words: the endpoint, and the arm where there are several."""
    endpoint = trial.endpoints[one.endpoint].name
    return endpoint if len(trial.arms) <= 2 else f"{endpoint}, {one.arm_name.replace('_', ' ')}"
