"""Sums of a yes or no and its control variates, in parts: from them a cross-fitted share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass

FOLDS = 4
"""Parts of the replicates: the coefficients of each are fitted to the others."""
_FEWEST_PER_CONTROL = 20
_FEWEST_SETS_PER_CONTROL = 8  # where a set of patients serves several replicates
_FEWEST_EITHER_WAY = 10  # claims, or trials without: below, a share is left as it is
_FEWEST_OF_SETS = 20  # of the same, where a set of patients serves several replicates
_FEWEST_PER_DIRECTION = 4  # claims, or trials without, for each direction of controls that is used
_KNOWN = 0.01  # of the error of a control's mean over the trials: less of its expectation is none
_NEGLIGIBLE = 1e-4  # of the largest variance of the controls: beyond it they say the same


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Sums of squares and products of replicates, fold by fold."""

    products: FloatArray
    """Of the columns 1, y and the controls; (FOLDS, n_controls + 2, n_controls + 2)."""
    n_sets: FloatArray
    """Rows that are independent: replicates, or sets of patients of which each serves several;
    (FOLDS,)."""
    known_to: FloatArray
    """Covariance of the errors of what is taken for the means of the controls; (n_controls,
    n_controls)."""

    @classmethod
    def of(cls, claims: FloatArray, controls: FloatArray, known_to: FloatArray) -> Moments:
        """Return those of some replicates.

        Parameters
        ----------
        claims : (n_replicates,) array
            0 or 1.
        controls : (n_replicates, n_controls) array
            Each with mean 0 by what is known of its law.
        known_to : (n_controls, n_controls) array
            As in the class.
        """
        return cls._of(np.column_stack([np.ones(len(claims)), claims, controls]), known_to)

    @classmethod
    def of_sets(
        cls, served: FloatArray, claims: FloatArray, controls: FloatArray, known_to: FloatArray
    ) -> Moments:
        """Return those of sets of patients of which each serves several replicates.

        Parameters
        ----------
        served : (n_sets,) array
            Replicates of each.
        claims : (n_sets,) array
            Their sum over the replicates of a set.
        controls : (n_sets, n_controls) array
            Their sums.
        known_to : (n_controls, n_controls) array
            As in the class.
        """
        columns = np.column_stack([served, claims, controls])
        return cls._of(columns / np.sqrt(served)[:, None], known_to)

    @classmethod
    def _of(cls, columns: FloatArray, known_to: FloatArray) -> Moments:
        parts = [columns[fold::FOLDS] for fold in range(FOLDS)]
        return cls(
            products=np.stack([part.T @ part for part in parts]),
            n_sets=np.array([float(len(part)) for part in parts]),
            known_to=known_to,
        )

    def __add__(self, other: Moments) -> Moments:
        """Return those of the replicates of both."""
        return Moments(
            products=self.products + other.products,
            n_sets=self.n_sets + other.n_sets,
            known_to=self.known_to,
        )

    def __eq__(self, other: object) -> bool:
        """Return whether both hold the same numbers, bit by bit."""
        return type(other) is Moments and self.plain() == other.plain()

    def __hash__(self) -> int:
        """Return a number; moments that are equal have the same."""
        return hash(self.products.tobytes())

    def share(self) -> tuple[float, float] | None:
        r"""Return the share of claims with its chance reduced, and its standard error.

        Of fold :math:`f` the coefficients :math:`\beta_{-f}` are those of least squares over
        the other folds, so that they know nothing of its replicates, and

        .. math:: \hat p = \frac1n \sum_f \sum_{i \in f} (y_i - \beta_{-f}' h_i)

        is unbiased, since :math:`E\,h = 0`. Where a set of patients serves several replicates, a
        row is their mean, its weight their number, and its error that of means between sets.
        Where the means of the controls are not known much better than the replicates tell them,
        the coefficients are those that make both errors together least.
        Where the other folds have few replicates, or few claims, or few trials without, the
        coefficients are 0 there; None where all are.

        References
        ----------
        Avramidis and Wilson (1993), *Operations Research* 41, 1020-1036 (splitting, section 2);
        Chernozhukov and others (2018), *Econometrics Journal* 21, C1-C68 (cross-fitting).
        """
        n, fitted = self.products[:, 0, 0].sum(), self.coefficients()
        if not np.any(fitted):
            return None
        total = variance = 0.0
        used = np.zeros(len(self.known_to))
        for own, n_own, coefficients in zip(self.products, self.n_sets, fitted, strict=True):
            size, mean, spread = _residual(own, n_own, coefficients)
            total += size * mean
            variance += size * spread
            used += size / n * coefficients
        # steps beside each other err alike, and their coefficients have unlike signs
        of_means = max(float(used @ self.known_to @ used), 0.0)
        share = min(max(total / n, 0.0), 1.0)
        return float(share), math.sqrt(variance / n**2 + of_means)

    def coefficients(self) -> FloatArray:
        """Return what of the controls is taken out of each fold, (FOLDS, n_controls)."""
        whole, sets = self.products.sum(axis=0), self.n_sets.sum()
        unknown = _unknown(self.known_to, whole, sets)
        fitted = [
            _fitted(whole - own, sets - n_own, unknown)
            for own, n_own in zip(self.products, self.n_sets, strict=True)
        ]
        return np.array(fitted)

    def plain(self) -> list[object]:
        """Return it as nested lists, of each symmetric table one half."""
        halves = [_half(fold).tolist() for fold in self.products]
        return [halves, self.n_sets.tolist(), _half(self.known_to).tolist()]

    @classmethod
    def of_plain(cls, plain: Sequence[Sequence[object]]) -> Moments:
        """Return what was written so.

        Raises
        ------
        ValueError
            If it was not.
        """
        halves, n_sets, known_to = (np.array(part, dtype=float) for part in plain)
        n_controls = math.isqrt(2 * known_to.size)
        shapes = (FOLDS, _n_half(n_controls + 2)), (FOLDS,), (_n_half(n_controls),)
        if (halves.shape, n_sets.shape, known_to.shape) != shapes:
            raise ValueError("these are no moments")
        products = np.stack([_whole(half, n_controls + 2) for half in halves])
        return cls(products=products, n_sets=n_sets, known_to=_whole(known_to, n_controls))


def _n_half(size: int) -> int:
    return size * (size + 1) // 2


def _half(table: FloatArray) -> FloatArray:
    return np.asarray(table[np.triu_indices(len(table))])


def _whole(half: FloatArray, size: int) -> FloatArray:
    table = np.zeros((size, size))
    rows, columns = np.triu_indices(size)
    table[rows, columns] = table[columns, rows] = half
    return table


def _unknown(known_to: FloatArray, products: FloatArray, n_sets: float) -> FloatArray | None:
    """Return what errors of the controls' means add to the variance of a row; None for little."""
    added, own = n_sets * known_to, _between(products)[1:, 1:] / max(products[0, 0], 1.0)
    return added if np.any(np.diag(added) > _KNOWN * np.diag(own)) else None


def _between(products: FloatArray) -> FloatArray:
    """Return the sums of squares and products about the means, of y and the controls."""
    n = products[0, 0]
    return np.asarray(products[1:, 1:] - np.outer(products[0, 1:], products[0, 1:]) / n)


def _fitted(products: FloatArray, n_sets: float, unknown: FloatArray | None) -> FloatArray:
    """Return the coefficients of least squares of y on the controls; 0 where little is known."""
    n, claims, n_controls = products[0, 0], products[0, 1], len(products) - 2
    found = np.zeros(n_controls)
    per_set = n / n_sets if n_sets else 1.0
    fewest = _FEWEST_EITHER_WAY if per_set == 1 else _FEWEST_OF_SETS
    if min(claims, n - claims) < fewest:
        return found
    between = _between(products)
    # a step that hardly any trial takes tells nothing yet, and one that does would tell too much
    told = np.flatnonzero(np.diag(between)[1:] * per_set >= _FEWEST_EITHER_WAY)
    each = max(_FEWEST_PER_CONTROL, _FEWEST_SETS_PER_CONTROL * per_set)
    if told.size == 0 or n < each * told.size:
        return found
    values, vectors = np.linalg.eigh(between[1:, 1:][np.ix_(told, told)])
    kept = values > _NEGLIGIBLE * values[-1]
    # few claims would fit the directions in which controls hardly differ by chance alone
    kept[: -int(min(claims, n - claims) // _FEWEST_PER_DIRECTION)] = False
    along = vectors[:, kept]
    aims = along.T @ between[1:, 0][told]
    if unknown is None:
        found[told] = along @ (aims / values[kept])
    else:
        both = np.diag(values[kept]) + n * along.T @ unknown[np.ix_(told, told)] @ along
        found[told] = along @ np.linalg.solve(both, aims)
    return found


def _residual(
    products: FloatArray, n_sets: float, coefficients: FloatArray
) -> tuple[float, float, float]:
    """Return the size of a fold, and mean and variance of y less the controls in it."""
    n = float(products[0, 0])
    if n == 0:
        return 0.0, 0.0, 0.0
    weights = np.concatenate([[1.0], -coefficients])
    mean = float(products[0, 1:] @ weights) / n
    square = float(weights @ products[1:, 1:] @ weights) / n
    return n, mean, max(square - mean**2, 0.0) * n / max(n_sets - 1, 1.0)
