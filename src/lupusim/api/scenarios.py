"""The planner's questions to a scenario: a name, a path, or one that was read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lupusim.api.by_name import by_name
from lupusim.planning.runs import run as running
from lupusim.planning.sample_size import search
from lupusim.simulation.patient_level import tables
from lupusim.trial.scenario import Scenario

if TYPE_CHECKING:
    from lupusim.planning.solving.results import Solution


def load(name_or_path: str | Path) -> Scenario:
    """Return the scenario of a file; files are known only where one is named."""
    from lupusim.scenario.files.scenario import load_scenario

    return load_scenario(name_or_path)


run = by_name(load)(running.run)
sample_size = by_name(load)(search.sample_size)
simulate_trial = by_name(load)(tables.simulate_trial)


def solve(  # noqa: PLR0913 - the face of a search; all but two are keywords
    scenario: str | Path,
    path: str,
    power: float = 0.8,
    *,
    between: tuple[float, float] | None = None,
    n_replicates: int = 10_000,
    seed: int | None = None,
    n_jobs: int = 1,
) -> Solution:
    """Return the value of a number of a scenario file at which the trial has a power.

    Parameters
    ----------
    scenario : str or Path
        Name of a packaged scenario, or the path of a file.
    path : str
        Where the number stands, such as ``dropout.per_year``.
    power : float
        To be reached, between 0 and 1.
    between : (float, float) or None
        Where to look, in the unit of the file; None for all around the file's value.
    n_replicates : int
        Of each value near the answer.
    seed : int or None
        Default is the scenario's own.
    n_jobs : int
        Processes; -1 for one per core.

    Raises
    ------
    ScenarioError
        If there is no such file, or anything in it is wrong.
    NotReachedError
        If no value gives the power; it says what was seen where.
    ValueError
        If there is no single number at the path, or the trial has no test.

    Examples
    --------
    >>> import lupusim
    >>> between = (60, 200)
    >>> found = lupusim.solve("two_rates", "sample_size", 0.8, between=between, seed=1)
    >>> found
    Solution: 120 (0) for power 0.8; confirmed 0.804 (0.004)
    """
    from lupusim.planning.solving.goal import Goal
    from lupusim.planning.solving.search import Effort, find_value
    from lupusim.scenario.files.number_at import number_at

    chosen = load(scenario).seed if seed is None else seed
    effort = Effort(seed=chosen, n_replicates=n_replicates, n_jobs=n_jobs)
    number = number_at(scenario, [path]).number(between)
    return find_value(number, Goal(target=power), effort)
