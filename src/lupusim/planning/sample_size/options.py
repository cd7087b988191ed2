"""How far and how precisely to look for the size of a trial."""

from __future__ import annotations

from lupusim.common.frozen import dataclass
from lupusim.planning.execution.bench import Bench
from lupusim.planning.runs.replicates import FEWEST_KNOWN
from lupusim.trial import Analysis

FIRST_ROUND = 2_000
"""Replicates of the first round of a fit."""

PEEK = 500
"""Replicates of a size while the target is still being bracketed."""

_PEEK_PATIENTS = 1_000_000  # they are fewer where they have more patients than this,
_FEWEST_PEEK = 100  # and never less than these, or than show what is known in law
_FINELY_CONFIRMED = 100.0  # counted replicates times precision: 10,000 where that is 0.01
_FEWEST_TO_CONFIRM, _MOST_TO_CONFIRM = 2_000, 50_000
_FEWEST_SIMULATED = 500  # however much each is worth
_CHECKED_PATIENTS = 500_000
_FEWEST_CHECKS, _MOST_CHECKS = 250, 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How far and how precisely to look for a size.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    seed: int  # seed of the search; the confirmation has streams of its own
    n_jobs: int = 1
    """Processes; -1 for one per core. The same bits for any number."""
    max_patients: int = 20_000  # the largest trial to consider
    precision: float = 0.01
    """Half the width of the 95 % interval, relative to the size; the search stops there, or where
    the interval is one step of the allocation wide."""
    max_replicates: int = 400_000
    """The most replicates that the search may spend; the interval says what they bought."""
    bench: Bench | None = None  # who works, instead of `n_jobs` processes
    event: str = "any"
    """What the power is of, where several hypotheses are tested: ``any`` of them, ``all``, or one
    by its name."""

    curve_at: tuple[float, ...] = (0.4, 0.55, 0.7, 0.85, 1.15, 1.35, 1.6)
    """Sizes whose power is shown beside the answer's, as shares of that."""

    @property
    def shows_answers_alone(self) -> bool:
        """Whether nothing is shown beside an answer, neither a curve nor what checks it."""
        return not self.curve_at

    def __post_init__(self) -> None:
        if self.max_patients < 4:
            raise ValueError(f"max_patients={self.max_patients!r} must be at least 4")
        if not 0 < self.precision < 1:
            raise ValueError(f"precision={self.precision!r} must lie between 0 and 1")
        if self.max_replicates < FIRST_ROUND:
            raise ValueError(f"max_replicates={self.max_replicates!r} must be {FIRST_ROUND} up")

    def to_confirm(self, worth: float) -> int:
        """Return how many replicates show the power as precisely as the size is asked for.

        Each is worth so many that are counted.
        """
        enough = max(_FINELY_CONFIRMED / self.precision, _FEWEST_TO_CONFIRM) / max(worth, 1.0)
        return round(min(max(enough, _FEWEST_SIMULATED), _MOST_TO_CONFIRM))


def peek_of(n_patients: int, *, is_controlled: bool) -> int:
    """Return how many replicates of a trial show roughly what its power is."""
    fewest = FEWEST_KNOWN if is_controlled else _FEWEST_PEEK
    return min(max(_PEEK_PATIENTS // n_patients, fewest), PEEK)


def checks_of(n_patients: int) -> int:
    """Return how many replicates of a trial check its exact power: fewer of a large one."""
    return min(max(_CHECKED_PATIENTS // n_patients, _FEWEST_CHECKS), _MOST_CHECKS)


def check_target(analysis: Analysis, power: float) -> None:
    """Raise ValueError where a test cannot be asked for a power."""
    if not analysis.alpha < power < 1:
        raise ValueError(
            f"power={power!r}, which is {100 * power:.12g} %, must lie between the test's level, "
            f"{analysis.alpha:g}, and 1. Give such as 0.9 or 90 %"
        )
