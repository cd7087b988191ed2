"""What every rule that changes a running trial answers for itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.registry import Registry
from lupusim.errors import Problem
from lupusim.trial.multiplicity import Hypothesis

if TYPE_CHECKING:
    from lupusim.records import FirstEntry
    from lupusim.simulation.adaptation.base import Conducted
    from lupusim.simulation.generation.generation import Block
    from lupusim.trial.design import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a table of results.

    Parameters
    ----------
    words : str
        What is said.
    quantity : str
        Whose mean over the replicates is said.
    is_share : bool
        Whether it is a share, else a number.
    no_effect : bool
        Whether it is of the trial in which all arms are identical.
    if_any : bool
        Whether it is left out where it is 0.

    Examples
    --------
    >>> Row(words="chance to go on", quantity="goes_on").is_share
    True
    """

    words: str
    quantity: str
    is_share: bool = True
    no_effect: bool = False
    if_any: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsOfStage:
    """Events that a stage waits for.

    Parameters
    ----------
    words : str
        Whose.
    events : int
        How many.
    n_patients : int
        Of how many patients.
    at_most : bool
        Whether a decision may leave fewer patients.

    Examples
    --------
    >>> EventsOfStage(words="first stage", events=60, n_patients=100).events
    60
    """

    words: str
    events: int
    n_patients: int
    at_most: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownStages:
    """Two stages of a trial; who is in which depends on enrollment alone, for arms that go on.

    Parameters
    ----------
    weights : (float, float)
        Squared weights of the stages in the last analysis.
    shares : (float, float)
        Of the places of stage 2, on the control and on an arm that goes on.

    Examples
    --------
    >>> KnownStages(weights=(0.5, 0.5), shares=(0.5, 0.5)).weights
    (0.5, 0.5)
    """

    weights: tuple[float, float]
    shares: tuple[float, float]

    @classmethod
    def of(
        cls, ratio: Sequence[int], weights: tuple[float, float] | None, keep: int | None
    ) -> Self | None:
        """Return stages of which the second goes to some arms; None where either is not fixed.

        Arms with several parts of the ratio count as one of the mean of them.

        Parameters
        ----------
        ratio : sequence of int
            Of the allocation, control first.
        weights : (float, float) or None
            Squared weights of the stages.
        keep : int or None
            How many arms go on beside the control.
        """
        if weights is None or keep is None:
            return None
        control, *others = ratio
        mean = sum(others) / len(others)
        whole = control + keep * mean
        return cls(weights=weights, shares=(control / whole, mean / whole))


class Facts:
    """What is known of a rule before the trial; as here where a rule does not say otherwise.

    Examples
    --------
    >>> Facts.__mro__[-1] is object
    True
    """

    __slots__ = ()

    changes: ClassVar[bool] = True
    """Whether anything may go otherwise than planned."""
    decides: ClassVar[bool] = False
    """Whether it judges the arms by itself: then the trial has no analysis."""
    holds_error: ClassVar[bool] = False
    """Whether it holds the error of several arms by itself."""
    picks_arms: ClassVar[bool] = False
    """Whether it picks the arm of each patient, who must then be followed on every arm."""
    picks_patients: ClassVar[bool] = False
    """Whether who is enrolled further depends on a look."""
    shares_patients: ClassVar[bool] = False
    """Whether rules that differ in their numbers can judge the same patients."""
    keeps_bounds: ClassVar[bool] = False
    """Whether the looks have the bounds and the information of a trial without it."""
    takes_supply: ClassVar[bool] = False
    """Whether a supply of cells may stand beside it."""

    def generation(self, trial: Trial) -> tuple[object, ...]:
        """Return what of the rule and the looks the patients depend on: all, or nothing."""
        return () if self.shares_patients else (self,)

    def known_stages(self, trial: Trial) -> KnownStages | None:
        """Return the two stages, where enrollment alone tells who is in which: None."""
        return None

    def scaled(self, factor: float) -> Self:
        """Return the rule of a trial of `factor` times the patients and events: the same."""
        return self

    def early_tests(self) -> tuple[tuple[str, Hypothesis], ...]:
        """Return the file's key and the hypothesis of further endpoints: none."""
        return ()

    def problems(self, trial: Trial) -> Iterator[Problem]:
        """Yield what is wrong with the rule in a trial: nothing."""
        yield from ()

    def stage_events(self, trial: Trial) -> Sequence[EventsOfStage]:
        """Return what the last look waits for where stages wait for their own: nothing."""
        return ()

    def decision_words(self, trial: Trial, found: Mapping[str, FloatArray], look: int) -> str:
        """Return what a look (from 1) of one trial picked, in words: nothing."""
        return ""

    def in_words(self, trial: Trial) -> Iterator[str]:
        """Yield sentences that a protocol can take over: as here its name and its numbers."""
        yield f"While it runs, the trial follows the rule {self!r}."

    def rows(self, trial: Trial) -> Iterator[Row]:
        """Yield what a table of results says of the rule: nothing."""
        yield from ()


class Patients(Protocol):
    """The patients of a block of trials."""

    @property
    def ended(self) -> tuple[FirstEntry, ...]:
        """When their histories end, where a price asks for it."""
        ...


class Adaptation(Protocol):
    """A rule that changes a trial while it runs."""

    changes: ClassVar[bool]
    decides: ClassVar[bool]
    holds_error: ClassVar[bool]
    picks_arms: ClassVar[bool]
    picks_patients: ClassVar[bool]
    shares_patients: ClassVar[bool]
    keeps_bounds: ClassVar[bool]
    takes_supply: ClassVar[bool]

    def generation(self, trial: Trial) -> tuple[object, ...]:
        """Return what of the rule and the looks the patients depend on.

        Trials of which all else is the same, and this as well, are judged together.
        """
        ...

    def known_stages(self, trial: Trial) -> KnownStages | None:
        """Return the two stages, where enrollment alone tells who is in which; None otherwise."""
        ...

    def scaled(self, factor: float) -> Self:
        """Return the rule of a trial of `factor` times the patients and events."""
        ...

    def early_tests(self) -> tuple[tuple[str, Hypothesis], ...]:
        """Return the file's key and the hypothesis of further endpoints that a look tests."""
        ...

    def problems(self, trial: Trial) -> Iterator[Problem]:
        """Yield what is wrong with the rule in a trial."""
        ...

    def stage_events(self, trial: Trial) -> Sequence[EventsOfStage]:
        """Return what the last look waits for where stages wait for their own events."""
        ...

    def followed(self, trial: Trial, block: Block) -> Trial:
        """Return the trial whose patients must be followed, so that the rule can pick."""
        ...

    def patients(self, trials: Sequence[Trial], block: Block) -> Patients:
        """Return the patients of a block, whom the rules of all these trials judge."""
        ...

    def conduct(self, trial: Trial, block: Block, patients: Any) -> Conducted:
        """Return how the trials of a block go: quantities, and who was enrolled.

        Parameters
        ----------
        trial : Trial
            With the rule.
        block : Block
            Which replicates.
        patients : Patients
            What `patients` of a rule of this kind has given.
        """
        ...

    def decision_words(self, trial: Trial, found: Mapping[str, FloatArray], look: int) -> str:
        """Return what a look (from 1) of one trial picked, in words."""
        ...

    def in_words(self, trial: Trial) -> Iterator[str]:
        """Yield sentences that a protocol can take over."""
        ...

    def rows(self, trial: Trial) -> Iterator[Row]:
        """Yield what a table of results says of the rule."""
        ...


class _Nothing(Facts):
    """What is true of a trial that goes as planned."""

    __slots__ = ()

    changes: ClassVar[bool] = False
    shares_patients: ClassVar[bool] = True
    keeps_bounds: ClassVar[bool] = True
    takes_supply: ClassVar[bool] = True


NOTHING = _Nothing()
"""What is true of a trial that goes as planned; see `Trial.rule`."""

ADAPTATIONS: Registry[type[Adaptation]] = Registry(
    "adaptation", group="lupusim.adaptations", needs=("conduct", "problems", "changes")
)
"""Kinds of adaptation by their name in files. A kind is a frozen dataclass; one that is not read
by a reader of its own is read field by field."""
