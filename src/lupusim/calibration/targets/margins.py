"""What a published count says of single patients: how many of them answer a question with yes."""

from __future__ import annotations

from lupusim.calibration.targets.questions import Question
from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """How many of some patients answer a yes-or-no question with yes."""

    question: Question  # one that each patient's course answers
    count: float  # who say yes
    n: float | None = None
    """Patients asked: the smaller groups of a study are parts of the larger. None for the whole
    study."""
    is_condition: bool = False
    """Whether it is but the denominator of another count. Where nothing else of the study says it,
    the likelihood is conditional on it."""
    says_no: bool = False  # whether the count is of those who answer no
    may_be_more: bool = False
    """Whether in truth more may have given this answer, because not all were followed. Of a count,
    no more than of its denominator, which is the next such margin."""
