"""A test: two rates compared on the scale on which their spread does not depend on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lupusim.analysis.outcomes import BinaryOutcome
from lupusim.analysis.results import wald_result
from lupusim.analysis.verdicts import verdict
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.trial import Better, TestMethod, Verdict


def _angle(responders: FloatArray, n: FloatArray) -> FloatArray:
    return np.asarray(np.arcsin(np.sqrt((responders + 0.375) / (n + 0.75))))


@dataclass(frozen=True, slots=True, kw_only=True)
class ArcsineTest(TestMethod):
    """Wald's test of the difference of arcsines of the square roots (Anscombe 1948).

    Parameters
    ----------
    margin : float
        How much worse the experimental arm's arcsine may be, 0 or above.
    """

    effect: ClassVar = "difference of arcsines"
    outcome: ClassVar = BinaryOutcome
    estimated_by: ClassVar = "the rates observed"
    formula: ClassVar = "tables"
    optional: ClassVar = ("margin",)
    margin: float = 0.0

    def null_value(self, better: Better) -> float:
        """Return the difference that may be."""
        return -self.margin * better.value

    def __call__(
        self, outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        del stratum
        (old, n_old), (new, n_new) = outcome.counts(0), outcome.counts(1)
        with np.errstate(divide="ignore"):  # an arm without patients: an infinite error
            error = np.sqrt(0.25 / n_old + 0.25 / n_new)
        effect, null = _angle(new, n_new) - _angle(old, n_old), self.null_value(better)
        return verdict(wald_result(effect, error, level=0.95, null=null), better, sided)
