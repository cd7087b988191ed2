"""How the power of a trial will be known, told before anything is simulated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from lupusim.planning.controls.kinds import why_counted
from lupusim.planning.theory.counts.claims import is_of_counts
from lupusim.planning.theory.counts.design import is_enumerated
from lupusim.planning.theory.counts.tables import too_large
from lupusim.planning.theory.power import exact_rate_looks
from lupusim.trial import Trial
from lupusim.trial.checks.at_a_glance import EXACT

_EXACT_OF_ONE = "exact, by sums over all numbers of responders; a run simulates trials to check it"
_COUNTS = (
    "by tables of counts, all of them or, where these are too many, some that are drawn; "
    "a run says which, and simulates trials to check it"
)
_CONTROLLED = "simulated, with known chance taken out unless --plain is given"


def how_known(trials: Sequence[Trial]) -> str:
    """Return how the power of designs will be known, in one line; empty where none is tested."""
    found = Counter(_of(trial) for trial in trials if trial.analysis is not None)
    if not found:
        return ""
    if len(found) == 1 and found.total() == len(trials):
        return f"Power: {next(iter(found))}."
    told = (f"of {n} of {len(trials)} designs {words}" for words, n in found.items())
    return f"Power: {'; '.join(told)}."


def _too_large(trial: Trial) -> str:
    """Return up to where all tables are gone through, if arms are too large; empty if not."""
    assert trial.analysis is not None  # of those that are asked about
    control, new = (trial.n_patients * part // sum(trial.ratio) for part in trial.ratio)
    return too_large(trial.analysis, (control, new))


def _of(trial: Trial) -> str:
    if is_enumerated(trial):
        limit = _too_large(trial)
        return f"simulated: all tables are known {limit}" if limit else EXACT
    if exact_rate_looks(trial) is not None:
        return _EXACT_OF_ONE
    if is_of_counts(trial):
        return _COUNTS
    why_not = why_counted(trial)
    return f"simulated: trials are counted, since {why_not}" if why_not else _CONTROLLED
