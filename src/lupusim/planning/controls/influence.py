"""What each patient adds to a log-rank statistic: a sum over patients that nearly is the test."""

from __future__ import annotations

import math

import numpy as np

from lupusim.arrays import FloatArray
from lupusim.frozen import dataclass
from lupusim.planning.controls.patients import Contributions, PatientLaw


@dataclass(frozen=True, slots=True, kw_only=True)
class LogrankInfluence:
    """The log-rank statistic of a trial as its mean and what each patient adds to it.

    Parameters
    ----------
    mean : float
        Of the statistic of arm 1, below 0 where it has fewer events.
    information : float
        Variance of its score.
    adds : Contributions
        Of a patient of each arm.
    """

    mean: float
    information: float
    adds: Contributions


def logrank_influence(
    law: PatientLaw, watched: FloatArray, *, at_events: bool
) -> LogrankInfluence | None:
    r"""Return the influences of patients on a log-rank statistic; None where it can't be defined.

    With :math:`\pi` the share of those at risk who are on arm 1, :math:`U = \int dN_1 -
    \pi\,dN` and :math:`V = \int \pi (1 - \pi)\,dN`, a patient of arm :math:`a` moves
    :math:`z = U / \sqrt V` by

    .. math:: \frac1{\sqrt V}\left[(a - \pi - \beta \pi (1 - \pi))\,\delta -
        \int_0^u (a - \pi)(1 + \beta (1 - 2 \pi)) \frac{dN}{Y}\right],
        \qquad \beta = \frac{U}{2 V},

    and where the data are cut at a number of events, each one less by the mean of z per
    event, since the date then moves.

    Parameters
    ----------
    law : PatientLaw
        Of two arms.
    watched : (2, n_cells + 1) array
        Expected number of patients of each arm whose data are not cut before a study time.
    at_events : bool
        Whether the data are cut at a number of events.

    References
    ----------
    Lin and Wei (1989), *JASA* 84, 1074-1078.
    """
    at_risk = law.stays * watched
    events = law.event * (watched[:, 1:] + watched[:, :-1]) / 2
    middle = (at_risk[:, 1:] + at_risk[:, :-1]) / 2
    everybody, both = middle.sum(axis=0), events.sum(axis=0)
    anybody = np.where(everybody > 0, everybody, 1.0)
    share = middle[1] / anybody
    information = float(both @ (share * (1 - share)))
    if not information > 0:
        return None
    score = float(events[1].sum() - both @ share)
    root, bend = math.sqrt(information), score / (2 * information)
    per_event = score / root / (2 * float(both.sum())) if at_events else 0.0
    off = np.array([[0.0], [1.0]]) - share
    event = (off - bend * share * (1 - share)) / root - per_event
    watching = -off * (1 + bend * (1 - 2 * share)) / root * (both / anybody)
    reached = np.concatenate([np.zeros((2, 1)), np.cumsum(watching, axis=1)], axis=1)
    half_way = (reached[:, 1:] + reached[:, :-1]) / 2
    return LogrankInfluence(
        mean=score / root,
        information=information,
        adds=Contributions(on_event=half_way + event, on_exit=half_way, at_cut=reached),
    )
