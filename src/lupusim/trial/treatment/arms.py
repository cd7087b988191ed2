"""The arms of a trial: which disease, which infusions, what they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace

from lupusim.common.frozen import dataclass
from lupusim.common.ranges import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, check_ranges
from lupusim.model import Edge, Effect, MultiStateModel
from lupusim.trial.enrollment.arm_periods import Closes, Joins


@dataclass(frozen=True, slots=True, kw_only=True)
class Lots:
    """Manufactured lots, whose potency varies.

    Patients are treated from one lot after another, in the order of their enrollment on the
    arm. Each lot has a potency, normal with mean 0, that all its patients share; it is added
    to the log hazard ratio of the transitions that a better lot raises, and taken from that
    of those it lowers, for as long as patients are followed. Trials of a product without any
    average effect (null twins) keep it: their patients are clustered all the same.

    Parameters
    ----------
    doses : int
        Doses that one lot gives, at least 1. A patient's whole course is of one lot.
    sd : float
        Standard deviation of the potency, on the scale of log hazard ratios; 0 or above.
    raises, lowers : tuple of (from_state, to_state)
        Transitions whose hazard a better lot raises, or lowers.

    Examples
    --------
    >>> Lots(doses=12, sd=0.3, raises=(("active", "remission"),)).doses
    12
    """

    doses: int = field(metadata=COUNT)
    sd: float = field(metadata=NOT_NEGATIVE)
    raises: tuple[Edge, ...] = ()
    lowers: tuple[Edge, ...] = ()

    def __post_init__(self) -> None:
        check_ranges(self)
        if not (self.raises or self.lowers):
            raise ValueError("lots act on no transition. Name those they raise or lower")
        if both := sorted(set(self.raises) & set(self.lowers)):
            raise ValueError(f"a better lot cannot both raise and lower {both}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Infusions:
    """Cells given to the patients of an arm.

    Parameters
    ----------
    cells_per_kg : float
        Dose of each infusion, cells per kg of body weight, above 0.
    at : tuple of float
        Study times (years) of the infusions.
    again_on : tuple of str
        States whose entry starts the whole course again; what was left of the old one, and
        of its effect, ends there.
    missed : float
        Probability that an infusion is missed, each by itself; from 0 to 1.
    lots : Lots or None
        Where the cells come from; None for lots that are all alike.

    Examples
    --------
    >>> Infusions(cells_per_kg=1e6, at=(0.0, 0.5)).cells_per_kg
    1000000.0
    """

    cells_per_kg: float = field(metadata=POSITIVE)
    at: tuple[float, ...] = (0.0,)
    again_on: tuple[str, ...] = ()
    missed: float = field(default=0.0, metadata=SHARE)
    lots: Lots | None = None

    def __post_init__(self) -> None:
        check_ranges(self)
        if not self.at or min(self.at) < 0:
            raise ValueError(f"at={self.at} must name at least one study time, 0 or above")

    @property
    def same_for_all(self) -> bool:
        """Whether all patients get the same doses, of lots that are alike, at the same times."""
        return not (self.again_on or self.lots or self.missed)

    @property
    def patients_per_lot(self) -> int:
        """How many patients a lot treats: a whole course is of one lot."""
        return max(self.lots.doses // len(self.at), 1) if self.lots is not None else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One arm of a trial.

    Parameters
    ----------
    name : str
        What to call it.
    model : MultiStateModel
        The disease of its patients before `effects` are put on top.
    allocation : int
        Its part of the allocation ratio, at least 1.
    infusions : Infusions or None
        Cells given; None for an arm without cells.
    effects : tuple of Effect
        Hazard ratios, in time since the latest infusion (since randomization without one).
    switch : Switch or None
        When its patients go over to another arm's treatment.
    joins, closes : OnDate, OnceRandomized, OnceOnArm (closes alone) or None
        From when on, and until when, patients are randomized to it; None for the whole trial.
    stated : str
        What a protocol states of its outcomes, in words: told, never computed with.
    external : bool
        Whether its patients come from outside the trial, such as a registry, and nobody is
        randomized to it: told, never computed with.

    Examples
    --------
    >>> import lupusim
    >>> trial = lupusim.load_scenario("survival_200_events").points[0].trial
    >>> [arm.name for arm in trial.arms]
    ['control', 'experimental']
    """

    name: str
    model: MultiStateModel
    allocation: int = 1
    infusions: Infusions | None = None
    effects: tuple[Effect, ...] = ()
    switch: Switch | None = None
    joins: Joins | None = None
    closes: Closes | None = None
    stated: str = field(default="", compare=False)
    external: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if self.allocation < 1:
            raise ValueError(f"allocation={self.allocation!r} must be at least 1")

    @property
    def law(self) -> MultiStateModel:
        """The model with the effects put on top: the law of this arm's patients."""
        # SPEED: every block of trials asks for it (benchmarks/cases.py)
        if id(self) not in _LAWS:
            if len(_LAWS) >= _MOST_LAWS:
                _LAWS.clear()
            law = self.law_after(self.infusions.at if self.infusions else (0.0,))
            _LAWS[id(self)] = (self, law)
        return _LAWS[id(self)][1]

    @property
    def unequal_lots(self) -> Lots | None:
        """Lots that differ in potency, so that the patients of one share their luck."""
        lots = self.infusions.lots if self.infusions is not None else None
        return None if lots is None or lots.sd == 0 else lots

    def law_after(self, infusion_times: Sequence[float]) -> MultiStateModel:
        """Return the law of patients who had their infusions at these study times (years)."""
        law = self.model.treated(self.effects, infusion_times) if self.effects else self.model
        if self.switch is not None:
            return replace(law, restarts=self.switch.on, afterwards=self.switch.arm.law)
        if self.infusions is not None and self.infusions.again_on and self.effects:
            return replace(law, restarts=self.infusions.again_on)
        return law


_MOST_LAWS = 256
_LAWS: dict[int, tuple[Arm, MultiStateModel]] = {}  # an arm that is kept keeps its id


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Going over to another arm's treatment, with its clock at 0, on entry into a state.

    Parameters
    ----------
    on : tuple of str
        States whose first entry makes patients switch.
    arm : Arm
        Whose treatment they then have, for good. Its lots and missed infusions are not theirs.

    Examples
    --------
    >>> import lupusim
    >>> trial = lupusim.load_scenario("survival_200_events").points[0].trial
    >>> Switch(on=("progressed",), arm=trial.arms[0]).on
    ('progressed',)
    """

    on: tuple[str, ...]
    arm: Arm
