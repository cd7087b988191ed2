"""Hazard ratios over study time that each patient has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.model.effects import Effect, PiecewiseRatio


@dataclass(frozen=True, slots=True, kw_only=True)
class IndividualRatio:
    """Hazard ratios that are constant between breaks, which differ between patients.

    Examples
    --------
    >>> late = IndividualRatio(breaks=np.array([[0.0, 0.5]]), ratios=np.array([[1, 1], [2, 2.0]]))
    >>> late.of_patient(1).at(np.array([0.4, 0.6])).tolist()
    [1.0, 2.0]
    """

    breaks: FloatArray
    """Study times (years) at which the ratios change, never falling along the first axis; ``inf``
    for a change that never comes; (n_breaks, n_patients)."""
    ratios: FloatArray
    """Ratios before the first break, between breaks, and after the last; each 0 or above; (n_breaks
    + 1, n_patients)."""

    def __post_init__(self) -> None:
        if self.ratios.shape[0] != self.breaks.shape[0] + 1:
            raise ValueError(
                f"{self.ratios.shape[0]} ratios of each patient must be one more than "
                f"{self.breaks.shape[0]} breaks"
            )

    def of(self, who: IntArray | None) -> IndividualRatio:
        """Return the ratios of some patients, by position; None for all."""
        if who is None:
            return self
        return IndividualRatio(breaks=self.breaks[:, who], ratios=self.ratios[:, who])

    def of_patient(self, position: int) -> PiecewiseRatio:
        """Return one patient's ratio, without the pieces that never apply."""
        steps: dict[float, float] = {}
        for begin, ratio in zip(
            self.breaks[:, position].tolist(), self.ratios[1:, position].tolist(), strict=True
        ):
            if begin < np.inf:
                steps[begin] = ratio
        return PiecewiseRatio(
            breaks=tuple(steps), ratios=(float(self.ratios[0, position]), *steps.values())
        )

    def pieces(self) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Yield when each piece ends, and the ratios in it; shapes (n_patients,)."""
        for number, ratio in enumerate(self.ratios):
            last = number == len(self.breaks)
            yield np.full(ratio.shape, np.inf) if last else self.breaks[number], ratio


def joint_ratio(parts: Sequence[IndividualRatio]) -> IndividualRatio:
    """Return the product of ratios of the same patients; `parts` holds at least one."""
    if len(parts) == 1:
        return parts[0]
    breaks = np.concatenate([part.breaks for part in parts])
    order = np.argsort(breaks, axis=0, kind="stable")
    product = np.ones((len(breaks) + 1, breaks.shape[1]))
    first = 0
    for part in parts:
        own = (order >= first) & (order < first + len(part.breaks))
        product[0] *= part.ratios[0]
        product[1:] *= np.take_along_axis(part.ratios, np.cumsum(own, axis=0), axis=0)
        first += len(part.breaks)
    return IndividualRatio(breaks=np.take_along_axis(breaks, order, axis=0), ratios=product)


def after_infusions(effect: Effect, infusion_times: FloatArray) -> IndividualRatio:
    """Return what an effect does to patients who had their infusions at their own times.

    Parameters
    ----------
    effect : Effect
        Its course starts anew when that of a further infusion sets in.
    infusion_times : (n_infusions, n_patients) array
        Study times (years), never falling along the first axis; ``inf`` for one never given.
    """
    onset, course = effect.course
    onsets = infusion_times + onset
    ends = np.concatenate([onsets[1:], np.full((1, onsets.shape[1]), np.inf)])
    breaks = [
        np.minimum(begin + since, end)
        for begin, end in zip(onsets, ends, strict=True)
        for since, _ in course
    ]
    ratios = [1.0, *(ratio for _ in onsets for _, ratio in course)]
    return IndividualRatio(
        breaks=np.array(breaks),
        ratios=np.broadcast_to(np.array(ratios)[:, None], (len(ratios), onsets.shape[1])),
    )


def shared_ratio(ratio: PiecewiseRatio, n_patients: int) -> IndividualRatio:
    """Return one ratio of `n_patients` patients."""
    breaks, ratios = np.array(ratio.breaks), np.array(ratio.ratios)
    return IndividualRatio(
        breaks=np.broadcast_to(breaks[:, None], (breaks.size, n_patients)),
        ratios=np.broadcast_to(ratios[:, None], (ratios.size, n_patients)),
    )
