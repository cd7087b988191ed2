"""How fast a group-sequential design spends its alpha or its beta."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.registry import Registry


@runtime_checkable
class Spending(Protocol):
    """A spending function: how much of an error may be spent by an information fraction."""

    def spent(self, fraction: FloatArray, error: FloatArray) -> FloatArray:
        """Return the cumulative error spent at information fractions from 0 to 1."""
        ...


SPENDINGS: Registry[type[Spending]] = Registry("spending function", group="lupusim.spendings")
"""Spending functions by the names of scenario files, which give their fields beside the name."""


@SPENDINGS.register("obrien_fleming")
@dataclass(frozen=True, slots=True, kw_only=True)
class LanDeMetsOBrienFleming:
    r"""O'Brien-Fleming type: :math:`2 - 2\Phi(\Phi^{-1}(1 - \alpha/2) / \sqrt t)`.

    References
    ----------
    Lan and DeMets (1983), *Biometrika* 70:659, equation for alpha*_1.

    Examples
    --------
    >>> rule = LanDeMetsOBrienFleming()
    >>> rule.spent(np.array([0.5, 1.0]), np.array(0.025)).round(6).tolist()
    [0.001525, 0.025]
    """

    def spent(self, fraction: FloatArray, error: FloatArray) -> FloatArray:
        """Return the cumulative error spent at `fraction`."""
        from scipy.special import ndtr, ndtri

        spent: FloatArray = 2 * ndtr(ndtri(error / 2) / np.sqrt(fraction))
        return spent


@SPENDINGS.register("pocock")
@dataclass(frozen=True, slots=True, kw_only=True)
class LanDeMetsPocock:
    r"""Pocock type: :math:`\alpha \log(1 + (e - 1) t)`.

    References
    ----------
    Lan and DeMets (1983), *Biometrika* 70:659, equation for alpha*_2.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> bounds([1, 2], spending=LanDeMetsPocock()).efficacy.round(3).tolist()
    [2.157, 2.201]
    """

    def spent(self, fraction: FloatArray, error: FloatArray) -> FloatArray:
        """Return the cumulative error spent at `fraction`."""
        spent: FloatArray = error * np.log1p(np.expm1(1.0) * fraction)
        return spent


@SPENDINGS.register("hwang_shih_decani")
@dataclass(frozen=True, slots=True, kw_only=True)
class HwangShihDeCani:
    r"""Gamma family: :math:`\alpha (1 - e^{-\gamma t}) / (1 - e^{-\gamma})`.

    Parameters
    ----------
    gamma : float
        -4 is close to O'Brien-Fleming, 1 to Pocock, 0 spends in proportion.

    Raises
    ------
    ValueError
        If `gamma` is not finite.

    References
    ----------
    Hwang, Shih and De Cani (1990), *Statistics in Medicine* 9:1439.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> bounds([1, 2], spending=HwangShihDeCani(gamma=-4.0)).efficacy.round(3).tolist()
    [2.75, 1.981]
    """

    gamma: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.gamma):
            raise ValueError(f"gamma={self.gamma!r} must be a finite number, such as -4")

    def spent(self, fraction: FloatArray, error: FloatArray) -> FloatArray:
        """Return the cumulative error spent at `fraction`."""
        if self.gamma == 0:
            return error * fraction
        spent: FloatArray = error * np.expm1(-self.gamma * fraction) / np.expm1(-self.gamma)
        return spent


@SPENDINGS.register("kim_demets")
@dataclass(frozen=True, slots=True, kw_only=True)
class KimDeMets:
    r"""Power family: :math:`\alpha t^\rho`.

    Parameters
    ----------
    rho : float
        Above 0; 3 is close to O'Brien-Fleming, 1 spends in proportion.

    Raises
    ------
    ValueError
        If `rho` is not a finite number above 0.

    References
    ----------
    Kim and DeMets (1987), *Biometrika* 74:149.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> bounds([1, 2], spending=KimDeMets(rho=3.0)).efficacy.round(3).tolist()
    [2.734, 1.983]
    """

    rho: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.rho) and self.rho > 0):
            raise ValueError(f"rho={self.rho!r} must be a finite number above 0, such as 3")

    def spent(self, fraction: FloatArray, error: FloatArray) -> FloatArray:
        """Return the cumulative error spent at `fraction`."""
        return error * fraction**self.rho


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSpending:
    """Spending given at some information fractions, straight lines between them.

    Parameters
    ----------
    fraction : sequence of float
        Information fractions, increasing, the last one 1.
    share : sequence of float
        Share of the error spent by then, from 0 to 1, never falling, the last one 1.

    Raises
    ------
    ValueError
        If the fractions or the shares do not rise to 1, or their numbers differ.

    Examples
    --------
    >>> rule = UserSpending(fraction=(0.5, 1.0), share=(0.2, 1.0))
    >>> rule.spent(np.array([0.5, 0.75]), np.array(0.025)).round(4).tolist()
    [0.005, 0.015]
    """

    fraction: Sequence[float]
    share: Sequence[float]

    def __post_init__(self) -> None:
        fraction, share = (np.asarray(value, dtype=float) for value in (self.fraction, self.share))
        if fraction.ndim != 1 or fraction.shape != share.shape or fraction.size == 0:
            raise ValueError(
                f"fraction={self.fraction!r} and share={self.share!r} must be two lists of one size"
            )
        if not (fraction[0] > 0 and np.all(np.diff(fraction) > 0) and fraction[-1] == 1):
            raise ValueError(f"fraction={self.fraction!r} must rise from above 0 to 1")
        if not (share[0] >= 0 and np.all(np.diff(share) >= 0) and np.isclose(share[-1], 1)):
            raise ValueError(f"share={self.share!r} must never fall and must end at 1")

    def spent(self, fraction: FloatArray, error: FloatArray) -> FloatArray:
        """Return the cumulative error spent at `fraction`."""
        share = np.interp(fraction, [0.0, *self.fraction], [0.0, *self.share])
        return error * share


def named_spending(name: str) -> Spending:
    """Return a spending function without a parameter by name.

    Raises
    ------
    ValueError
        If there is none of that name; the message lists those there are.
    """
    if name not in SPENDINGS or fields(cast(Any, SPENDINGS[name])):
        plain = sorted(one for one, kind in SPENDINGS.items() if not fields(cast(Any, kind)))
        raise ValueError(
            f"spending={name!r} is no known name; use one of {plain}, or an object such as "
            "HwangShihDeCani(gamma=-4) or KimDeMets(rho=3)"
        )
    return SPENDINGS[name]()
