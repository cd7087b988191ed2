"""Which parameters the targets determine, which they do not, and in which combinations."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import numpy as np

from lupusim.calibration.estimation.climbing import curvature
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.estimation.profiles import Profile
from lupusim.calibration.estimation.search import Optimum
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass

FLAT = 1e-3
"""An eigenvalue of the information below this says that the data know nothing of a
combination: its standard error would be above 30 on the log scale."""

_UNKNOWN = 5.0  # log or logit units of standard error beyond which a parameter is flat
_AT_BOUND = 1e-2  # log or logit units
_EQUAL_FIT = 0.5  # log likelihood units within which two optima are equally good
_APART = 0.05  # log or logit units by which they then differ
_STEP = 1e-3


class Verdict(Enum):
    """What the targets say of a parameter."""

    IDENTIFIED = "identified"
    UNBOUNDED_BELOW = "bounded above only"
    UNBOUNDED_ABOVE = "bounded below only"
    FLAT = "not identified"
    SEVERAL = "several equally good values"
    BORROWED = "limits from another parameter's bound"


def observed_information(likelihood: Likelihood, free: FloatArray) -> FloatArray:
    """Return second derivatives of the negative log likelihood; (n_parameters, n_parameters).

    Central differences on the log and logit scales, all points in one stack.
    """
    return curvature(likelihood.bent().negative_log_likelihood, free, _STEP)


def collinearity(slopes: FloatArray) -> float:
    """Return the collinearity index of some parameters.

    How many times the effect of one can be undone by the others; above 15 or 20 is called
    not identifiable, below it nothing is proved (Brun, Reichert and Kunsch 2001, Water
    Resources Research 37:1015-1030, equation 8).

    Parameters
    ----------
    slopes : (n_residuals, n_parameters) array
        Derivatives of the weighted residuals.

    Returns
    -------
    float
        1 or above; ``inf`` where they are exactly collinear.
    """
    lengths = np.linalg.norm(slopes, axis=0)
    if np.any(lengths == 0):
        return float("inf")
    smallest = np.linalg.svd(slopes / lengths, compute_uv=False)
    if slopes.shape[0] < slopes.shape[1] or smallest[-1] < 1e-8:
        return float("inf")
    return float(1 / smallest[-1])


def standard_errors(information: FloatArray) -> FloatArray:
    """Return standard errors on the log and logit scales; large where the data are silent."""
    eigenvalues, directions = np.linalg.eigh(information)
    variances = (directions**2 / np.maximum(eigenvalues, 1e-10)).sum(axis=1)
    return np.asarray(np.sqrt(variances))


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifiability:
    """What the targets determine."""

    names: tuple[str, ...]  # of the parameters
    eigenvalues: FloatArray  # of the information, smallest first; (n_parameters,)
    directions: FloatArray
    """Columns: the combinations of log or logit parameters that belong to them; (n_parameters,
    n_parameters)."""
    collinearity: float  # index of all parameters together
    verdicts: tuple[Verdict, ...]  # for each parameter

    @property
    def rank(self) -> int:
        """How many combinations of parameters the targets determine."""
        return int((self.eigenvalues > FLAT).sum())

    @property
    def weakest(self) -> str:
        """The combination that is known least, in words."""
        return self.combination(0)

    def combination(self, position: int) -> str:
        """Return a combination in words, its largest loadings first."""
        loadings = self.directions[:, position]
        loadings = loadings * np.sign(loadings[np.abs(loadings).argmax()])
        order = np.argsort(-np.abs(loadings))
        parts = [
            f"{'-' if loadings[k] < 0 else '+'} {abs(loadings[k]):.2f} x {self.names[k]}"
            for k in order
            if abs(loadings[k]) > 0.2
        ]
        return " ".join(parts).removeprefix("+ ")


def judge(
    likelihood: Likelihood,
    optima: Sequence[Optimum],
    *,
    information: FloatArray,
    profiles: Sequence[Profile],
) -> Identifiability:
    """Return what the targets determine, by information, profiles and optima together.

    None of the three is enough alone: two optima can be equal where the information is
    regular (Alarid-Escudero 2018, Medical Decision Making 38:810-821).
    """
    eigenvalues, directions = np.linalg.eigh(information)
    # What is unknown by itself, as of a hazard that ran into its bound, or so high that everybody
    # has moved, has a limit on one side; a ridge is what would be known, were others.
    gaps = np.abs(likelihood.free_model.bounds - optima[0].free[:, None]).min(axis=1)
    alone = np.sqrt(np.diagonal(information).clip(1e-10)) > 1 / _UNKNOWN
    ridge = (standard_errors(information) > _UNKNOWN) & (gaps > _AT_BOUND) & alone
    best = optima[0]
    equals = [
        o for o in optima if o.negative_log_likelihood - best.negative_log_likelihood < _EQUAL_FIT
    ]
    apart = np.ptp([o.free for o in equals], axis=0)
    verdicts = tuple(
        _verdict(bool(ridge[k]), bool(apart[k] > _APART), profile)
        for k, profile in enumerate(profiles)
    )
    return Identifiability(
        names=likelihood.free_model.names,
        eigenvalues=eigenvalues,
        directions=directions,
        collinearity=collinearity(likelihood.bent().jacobian(best.free)),
        verdicts=verdicts,
    )


def _verdict(is_flat: bool, has_several: bool, profile: Profile) -> Verdict:
    sides = profile.unbounded
    rules = (
        (len(sides) == 2 or is_flat, Verdict.FLAT),
        (has_several, Verdict.SEVERAL),
        (bool(profile.lower_held_by or profile.upper_held_by), Verdict.BORROWED),
        (sides == ("below",), Verdict.UNBOUNDED_BELOW),
        (sides == ("above",), Verdict.UNBOUNDED_ABOVE),
    )
    return next((verdict for holds, verdict in rules if holds), Verdict.IDENTIFIED)


def verdict_words(verdict: Verdict, profile: Profile, values: Sequence[float]) -> str:
    """Return a verdict as a sentence for people."""
    beyond = _valleys(profile)
    if profile.ends_search:
        return _ended_words(profile)
    match verdict:
        case Verdict.FLAT:
            return f"not identified: the targets are met as well {_open_range(profile)}"
        case Verdict.UNBOUNDED_BELOW | Verdict.UNBOUNDED_ABOVE:
            return f"{_one_sided(profile)}{beyond}"
        case Verdict.SEVERAL:
            shown = ", ".join(f"{value:.3g}" for value in sorted(values))
            return f"not identified: {shown} fit equally well"
        case Verdict.BORROWED:
            return f"{_borrowed_words(profile)}{beyond}"
        case Verdict.IDENTIFIED:
            return f"identified{beyond}"


def _open_range(profile: Profile) -> str:
    """Return between which values the targets do not choose."""
    low, high = profile.lower, profile.upper
    if np.isnan(low) and np.isnan(high):
        return "by any value"
    if np.isnan(low):
        return f"up to {high:.3g} at least"
    return f"from {low:.3g} on" if np.isnan(high) else f"from {low:.3g} to {high:.3g} at least"


def _one_sided(profile: Profile) -> str:
    """Return the only limit."""
    if np.isnan(profile.lower):
        return f"at most {profile.upper:.3g}{_exact(profile)}; the targets give no lower limit"
    return f"at least {profile.lower:.3g}{_exact(profile)}; the targets give no upper limit"


def _ended_words(profile: Profile) -> str:
    """Return where the search ended though the targets led on."""
    limit = _one_sided(profile).partition("; ")[0]
    told = "" if len(profile.unbounded) > 1 else f"; up to there {limit}"
    return (
        f"not identified: the search ended at its bound {profile.estimate:.3g}, beyond which the "
        f"targets are met better: widen 'bounds'{told}"
    )


def _valleys(profile: Profile) -> str:
    """Return other values that the targets leave open, beyond some that they exclude."""
    if not profile.valleys:
        return ""
    values = ", ".join(f"{value:.3g}" for value in profile.valleys)
    return f", but about {values} the targets are met nearly as well (not everywhere between)"


def _exact(profile: Profile) -> str:
    """Return the exact limit, where the likelihood is highest at the other bound.

    There is but one limit then, and it is exact as far as it holds at all.
    """
    if np.isnan(profile.exact_limit):
        return ""
    seen = "nothing seen" if np.isnan(profile.lower) else "everybody"
    return f" (exact, as of {seen}: {profile.exact_limit:.3g})"


def _borrowed_words(profile: Profile) -> str:
    """Return which limits hold only because another parameter is searched no further."""
    sides = (
        ("lower", profile.lower, profile.lower_held_by),
        ("upper", profile.upper, profile.upper_held_by),
    )
    said = " and ".join(
        f"the {side} limit {limit:.3g}{_exact(profile)} holds only as far as "
        f"{', '.join(names)} is searched"
        for side, limit, names in sides
        if names
    )
    lacking = "".join(
        f"; the targets give no {'lower' if side == 'below' else 'upper'} limit"
        for side in profile.unbounded
    )
    return f"not identified: {said}{lacking}"
