"""Points that fill a box evenly: scrambled Sobol sequences."""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray

_BITS = 30  # of each coordinate

_DIRECTIONS = (
    (3, (1,)),
    (7, (1, 3)),
    (11, (1, 3, 1)),
    (13, (1, 1, 1)),
    (19, (1, 1, 3, 3)),
    (25, (1, 3, 5, 13)),
    (37, (1, 1, 5, 5, 17)),
    (41, (1, 1, 5, 5, 5)),
    (47, (1, 1, 7, 11, 19)),
    (55, (1, 1, 5, 1, 1)),
    (59, (1, 1, 1, 3, 11)),
    (61, (1, 3, 5, 5, 31)),
    (67, (1, 3, 3, 9, 7, 49)),
    (91, (1, 1, 1, 15, 21, 21)),
    (97, (1, 3, 1, 13, 27, 49)),
)
"""For each coordinate but the first a primitive polynomial modulo 2 (its coefficients as the bits
of a number) and the first direction numbers."""


def sobol_points(n_coordinates: int, n_doublings: int, *, rng: np.random.Generator) -> FloatArray:
    """Return the first ``2 ** n_doublings`` points of a scrambled Sobol sequence.

    SPEED: those of ``scipy.stats.qmc.Sobol``, bit for bit, without its import, which takes longer
    than many a fit; more than 16 coordinates are left to it.

    Parameters
    ----------
    n_coordinates : int
        Of each point.
    n_doublings : int
        At most 30.
    rng : numpy.random.Generator
        Its child scrambles: by a random lower triangular matrix, and a random shift.

    Returns
    -------
    (2 ** n_doublings, n_coordinates) array
        From 0 up to, but not, 1.

    References
    ----------
    Sobol (1967), USSR Computational Mathematics and Mathematical Physics 7:86-112; direction
    numbers of Joe and Kuo (2008), SIAM Journal on Scientific Computing 30:2635-2654; scrambling of
    Matousek (1998), Journal of Complexity 14:527-556.

    Examples
    --------
    >>> from lupusim.common.rng import stream
    >>> points = sobol_points(2, 3, rng=stream(1, "doctest"))
    >>> [int(k) for k in sorted(points[:, 0] * 8)]
    [0, 1, 2, 3, 4, 5, 6, 7]
    """
    if n_coordinates > len(_DIRECTIONS) + 1:
        from scipy.stats import qmc

        return np.asarray(qmc.Sobol(n_coordinates, rng=rng).random_base2(n_doublings))
    (own,) = rng.spawn(1)
    powers = 1 << np.arange(_BITS)
    shift = own.integers(2, size=(n_coordinates, _BITS), dtype=np.uint32) @ powers
    mixing = np.tril(own.integers(2, size=(n_coordinates, _BITS, _BITS), dtype=np.uint32))
    mixing |= np.eye(_BITS, dtype=np.uint32)
    directions = np.array([*map(_directions, range(n_coordinates))], dtype=int).reshape(-1, _BITS)
    # The highest bit first; those below it don't change it.
    bits = (directions[:, None] >> np.arange(_BITS)[::-1, None]) & 1
    mixed = powers[::-1] @ (mixing.astype(int) @ bits % 2)
    # In Gray code one bit changes from a point to the next: the lowest that the last count lacks.
    counts = np.arange(1, 2**n_doublings)
    changes = np.log2(counts & -counts).astype(int)
    steps = np.concatenate([shift[None], mixed[:, changes].T])
    return np.asarray(np.bitwise_xor.accumulate(steps, axis=0) / 2.0**_BITS)


def _directions(coordinate: int) -> IntArray:
    """Return the direction numbers of one coordinate, (n_bits,)."""
    if coordinate == 0:
        return 1 << np.arange(_BITS)[::-1]
    polynomial, first = _DIRECTIONS[coordinate - 1]
    degree, numbers = len(first), list(first)
    for k in range(degree, _BITS):
        number = numbers[k - degree]
        for j in range(1, degree + 1):
            if polynomial >> (degree - j) & 1:
                number ^= numbers[k - j] << j
        numbers.append(number)
    return np.array(numbers) << np.arange(_BITS)[::-1]
