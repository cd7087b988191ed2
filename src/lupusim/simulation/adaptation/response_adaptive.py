"""Trials that change their allocation, their arms or their end by posterior probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import ClassVar

import numpy as np

from lupusim.common.frozen import dataclass
from lupusim.common.ranges import BELOW_ONE, INSIDE, NOT_NEGATIVE, POSITIVE, SHARE, check_ranges
from lupusim.errors import Problem
from lupusim.simulation.adaptation.base import Conducted
from lupusim.simulation.adaptation.response_course import Against, Course, Potential, potential
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.quantities import of_arm
from lupusim.simulation.totals import screening_totals
from lupusim.trial import Trial
from lupusim.trial.adaptation import ADAPTATIONS, Facts, Row
from lupusim.trial.looks import counts_in

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How new patients are shared among the arms after a look.

    The share of an arm is proportional to a power of its posterior probability to be the best
    (Thall and Wathen 2007), within limits.

    Parameters
    ----------
    power : float
        0 keeps the arms that are left in the planned ratio; 1 follows the probabilities.
    grows : bool
        Whether the power is multiplied by the share of the patients who are in by then.
    least, most : float
        Limits of the share of an arm that is not dropped.
    control : float or None
        A fixed share of the control; None lets it follow the rule.

    Raises
    ------
    ValueError
        If a share or the power is out of range.

    Examples
    --------
    >>> Shares(power=0.5, least=0.1).most
    1.0
    """

    power: float = field(default=0.0, metadata=NOT_NEGATIVE)
    grows: bool = False
    least: float = field(default=0.0, metadata=SHARE)
    most: float = field(default=1.0, metadata=SHARE)
    control: float | None = field(default=None, metadata=INSIDE)

    def __post_init__(self) -> None:
        check_ranges(self)
        if not self.least < self.most:
            raise ValueError(f"least={self.least!r} must lie below most={self.most!r}")

    def words(self, ratio: str) -> str:
        """Return the rule in words; `ratio` is the planned one."""
        if self.power == 0:
            return f"Patients are randomized {ratio} among the arms that are left."
        limits = ""
        if (self.least, self.most) != (0, 1):
            limits = f", each arm at least {self.least:g} and at most {self.most:g}"
        control = "" if self.control is None else f"; the control keeps a share of {self.control:g}"
        grows = ", times the share of the patients who are in by then," if self.grows else ""
        return (
            f"Patients are randomized {ratio} up to the first look, then in proportion to each "
            f"arm's posterior probability to be the best, raised to the power {self.power:g}{grows}"
            f"{limits}{control}."
        )


@ADAPTATIONS.register("bayesian_response")
@dataclass(frozen=True, slots=True, kw_only=True)
class BayesianResponse(Facts):
    """Judge response rates by their beta posteriors at every look.

    Patients come in the planned ratio up to the first look (burn-in), then by `shares`.
    The trial stops as soon as an arm succeeds, or none is left that could.

    Parameters
    ----------
    success : float
        An experimental arm succeeds where its posterior probability reaches this; above 1
        never.
    success_at_end : float or None
        The same at the last look; None for the same number.
    drop : float
        An experimental arm is dropped where its probability falls to this or below.
    against : Against
        What the probabilities compare with.
    prior : tuple of two floats
        Beta prior of every arm's response rate.
    shares : Shares
        How new patients are shared among the arms.

    Raises
    ------
    ValueError
        If a probability or the prior is out of range.

    References
    ----------
    Thall and Wathen (2007), *European Journal of Cancer* 43:859.

    Examples
    --------
    >>> BayesianResponse(success=0.98, drop=0.05).against
    <Against.CONTROL: 'control'>
    """

    decides: ClassVar[bool] = True
    picks_arms: ClassVar[bool] = True
    shares_patients: ClassVar[bool] = True

    success: float = field(default=0.99, metadata=POSITIVE)
    success_at_end: float | None = field(default=None, metadata=POSITIVE)
    drop: float = field(default=0.0, metadata=BELOW_ONE)
    against: Against = Against.CONTROL
    prior: tuple[float, float] = (1.0, 1.0)
    shares: Shares = field(default_factory=Shares)

    def __post_init__(self) -> None:
        check_ranges(self)
        if not self.drop < self.success:
            raise ValueError(f"drop={self.drop!r} must lie below success={self.success!r}")
        if not (len(self.prior) == 2 and min(self.prior) > 0 and max(self.prior) < math.inf):
            raise ValueError(f"prior={self.prior!r} must be two numbers above 0")

    @property
    def at_end(self) -> float:
        """The probability that succeeds at the last look."""
        return self.success if self.success_at_end is None else self.success_at_end

    def generation(self, trial: Trial) -> tuple[object, ...]:
        """Return the looks: patients are followed on every arm, up to them."""
        return "adaptive allocation", trial.looks

    def problems(self, trial: Trial) -> Iterator[Problem]:
        """Yield what is wrong with the rule in a trial."""
        if trial.primary.response_at_visit is None:
            yield Problem(
                key="endpoints.primary.kind",
                fault="posterior probabilities of response need a response at a visit",
                fix="Use 'kind: responder', or bounds at the looks.",
            )
        if trial.analysis is not None or trial.stopping is not None:
            yield Problem(
                key="adaptation",
                fault="two rules decide: the posterior probabilities, and the analysis or its "
                "bounds",
                fix="Remove the analysis and the bounds at the looks, or the adaptation.",
            )
        if len(trial.arms) == 1:
            yield Problem(key="adaptation", fault="there is one arm only", fix="Add a control.")
        yield from share_problems(self.shares, len(trial.arms))
        looks = (*trial.interims, trial.cutoff)
        if any(any(counts_in(look)) for look in looks):
            yield Problem(
                key="looks",
                fault="a look waits for events, and the arms depend on the looks",
                fix="Time the looks by patients or by the calendar.",
            )

    def in_words(self, trial: Trial) -> Iterator[str]:
        """Yield the posterior, when an arm succeeds or is dropped, and who gets which arm."""
        one, other = self.prior
        than = f"exceeds that of {trial.arms[0].name}"
        chance = than if self.against is Against.CONTROL else "is the highest of all"
        end = "" if self.at_end == self.success else f" ({self.at_end:g} at the last look)"
        yield (
            f"Each arm's response rate has a beta({one:g}, {other:g}) prior. At every look an "
            f"experimental arm succeeds if the posterior probability that its rate {chance} is "
            f"{self.success:g} or more{end}, and is dropped if it is {self.drop:g} or less. The "
            "trial stops as soon as an arm succeeds, or none is left that could."
        )
        yield self.shares.words(":".join(map(str, trial.ratio)))

    def followed(self, trial: Trial, block: Block) -> Trial:
        """Return the trial itself."""
        return trial

    def patients(self, trials: Sequence[Trial], block: Block) -> Potential:
        """Return the patients of a block, followed on every arm."""
        return potential(trials[0], block)

    def conduct(self, trial: Trial, block: Block, patients: Potential) -> Conducted:
        """Return how trials go in which responses decide about arms and shares.

        `reject` is whether an arm succeeds; for each arm `reject_ARM`, `picked_ARM` (succeeds
        with the highest probability), `dropped_ARM`, `patients_ARM` (randomized to it) and
        `response_ARM`; `responders` among all who were randomized; the `look_K_...` and
        `n_enrolled` of a sequential trial.
        """
        course = self.course(trial, patients)
        for number in range(patients.look_time.shape[1]):
            course.enroll(number)
            course.judge(number)
        found = dict(course.quantities())
        full = np.full(len(found["duration"]), trial.n_patients)
        until = found["duration"]
        found |= screening_totals(trial, patients.screened, full=full, until=until)
        return Conducted(found, None)

    def course(self, trial: Trial, patients: Potential) -> Course:
        """Return trials that have not begun, to be held look by look."""
        return Course(trial, self, patients)

    def rows(self, trial: Trial) -> Iterator[Row]:
        """Yield how often an arm succeeds, and what became of each."""
        against = "to beat the control" if self.against is Against.CONTROL else "to be best"
        words = f"success of any arm (posterior probability {against} {self.success:g})"
        yield Row(words=words, quantity="reject")
        yield Row(words="the same where all arms are identical", quantity="reject", no_effect=True)
        for number, arm in enumerate(trial.arms):
            words = f"patients randomized, {arm.name}"
            yield Row(words=words, quantity=of_arm("patients", arm.name), is_share=False)
            for what, words in _OF_ARM.items() if number else ():
                yield Row(words=f"{words}, {arm.name}", quantity=of_arm(what, arm.name))
        yield Row(words="responders among all", quantity="responders", is_share=False)


_OF_ARM = {"reject": "succeeds", "picked": "picked as best", "dropped": "dropped"}


def share_problems(shares: Shares, n_arms: int) -> Iterator[Problem]:
    """Yield limits that the shares of all arms together cannot keep."""
    if n_arms == 1:
        return
    limited, fixed = n_arms - (shares.control is not None), shares.control or 0.0
    whose = f"control {fixed:g} and " if fixed else ""
    whose += f"{limited} arms" if limited > 1 else "one arm"
    fix = "Give shares that can add up to 1."
    if (least := fixed + limited * shares.least) > 1 + _ROUNDING:
        fault = f"{whose} with at least {shares.least:g} make {least:g}, more than 1"
        yield Problem(key="adaptation.shares", fault=fault, fix=fix)
    if (most := fixed + limited * shares.most) < 1 - _ROUNDING:
        fault = f"{whose} with at most {shares.most:g} make {most:g}, less than 1"
        yield Problem(key="adaptation.shares", fault=fault, fix=fix)
