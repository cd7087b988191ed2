"""Whether identical arms lie in the null hypothesis: what a claim of them is.

They do not where a test allows the experimental arm to be worse by a margin: arms that are
alike are then what it wants to show, and who claims so makes no type I error.
"""

from __future__ import annotations

from collections.abc import Iterator

from lupusim.trial import TestMethod, Trial
from lupusim.trial.endpoints import Better


def fares_as_control(trial: Trial, arm: int) -> bool:
    """Return whether patients of an arm, by its position, truly fare as the control's do."""
    one, control = trial.arms[arm], trial.arms[0]
    own = {effect.arm for effect in trial.population.effects}
    return one.model is control.model and one.effects == control.effects and one.name not in own


def true_nulls(trial: Trial) -> tuple[bool, ...]:
    """Return of each endpoint's test whether its null hypothesis holds if arms are identical.

    The primary endpoint's first, then those of the trial's family; empty without a test.
    """
    return tuple(not test.alike_is_enough(better) for test, better in _tests(trial))


def _tests(trial: Trial) -> Iterator[tuple[TestMethod, Better]]:
    if trial.analysis is None:
        return
    yield trial.analysis.test, trial.primary.better
    by_name = {endpoint.name: endpoint for endpoint in trial.endpoints}
    for one in trial.family.hypotheses if trial.family else ():
        yield one.test, by_name[one.endpoint].better


def error_quantity(trial: Trial) -> str | None:
    """Return what of the null twin's replicates is a type I error; None for nothing.

    Any claim (``reject``), unless the arms, which are identical, lie within the margin of a test:
    then what is claimed by the other tests (``false_rejection``), and nothing without others.
    """
    nulls = true_nulls(trial)
    if all(nulls):
        return "reject"
    return "false_rejection" if any(nulls) else None


WITHIN_THE_MARGIN = (
    "identical arms lie within the margin, and to claim so is no type I error: give effects "
    "that put the arms the margin apart, and read the power"
)
"""Why such a trial's null twin has no type I error."""
