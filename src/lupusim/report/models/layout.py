"""Where the states of a diagram stand, so that its arrows can be followed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream

WIDTH, HEIGHT = 136.0, 46.0  # of a state's box
_GAP, _ROW = 94.0, 150.0  # between boxes of a row; between rows
_POINTS = 33
_CLEAR = 16.0  # kept between an arrow and a box that it does not belong to
_BEND = 0.17
_DETOURS = (0.0, 0.26, -0.26, 0.42, -0.42)
_TRIES, _RESTARTS = 400, 6
_CROSSING, _TOUCH, _LENGTH, _FLOW = 45.0, 9.0, 0.02, 0.015

Way = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Boxes and arrows."""

    centers: FloatArray  # middle of each box, pixels, y downwards; (n_states, 2)
    curves: tuple[FloatArray, ...]  # of each way, from box to box; (n_points, 2)


def laid_out(
    n_states: int, ways: Sequence[Way], *, starts: Sequence[int], widest_label: float = 0.0
) -> Layout:
    """Return the best of many placements on a staggered grid; always the same one.

    Few crossings, no arrow through a box, short arrows, from the left to the right.

    Parameters
    ----------
    n_states : int
        How many states.
    ways : sequence of (int, int)
        From which to which.
    starts : sequence of int
        States to stand on the left.
    widest_label : float
        Pixels that must fit between two boxes.
    """
    board = _Board(n_states, ways, starts=starts, widest_label=widest_label)
    rng = stream(1, "layout", n_states, len(ways))
    n_places = len(board.places)
    best, best_cost = tuple(range(n_states)), np.inf
    for restart in range(_RESTARTS):
        chosen = rng.permutation(n_places).tolist() if restart else list(range(n_places))
        cost = board.cost(tuple(chosen[:n_states]))
        for _ in range(_TRIES):
            a, b = int(rng.integers(n_states)), int(rng.integers(n_places))
            chosen[a], chosen[b] = chosen[b], chosen[a]
            tried = board.cost(tuple(chosen[:n_states]))
            if tried <= cost:
                cost = tried
            else:
                chosen[a], chosen[b] = chosen[b], chosen[a]
        if cost < best_cost:
            best, best_cost = tuple(chosen[:n_states]), cost
    centers = board.places[list(best)]
    curves = [board.curve(key) for key in board.chosen(best)]
    return Layout(
        centers=centers,
        curves=tuple(_clipped(c, centers, way) for c, way in zip(curves, ways, strict=True)),
    )


Key = tuple[int, int, float]
"""A curve: the places that it joins, and its bend."""


class _Board:
    """The places that states may have, and what is known of the curves between them.

    It takes what `laid_out` does.
    """

    def __init__(
        self, n_states: int, ways: Sequence[Way], *, starts: Sequence[int], widest_label: float
    ) -> None:
        self.ways = ways
        self.starts = list(starts)
        self.final = sorted(set(range(n_states)) - {begin for begin, _ in ways})
        self.places = _places(n_states, max(_GAP, widest_label + 44.0))
        known = set(ways)
        self.bends = [(_BEND,) if (b, a) in known else _DETOURS for a, b in ways]
        pairs = combinations(range(len(ways)), 2)
        self.pairs = [(i, j) for i, j in pairs if not set(ways[i]) & set(ways[j])]
        # SPEED: most placements share most curves; each is looked at once.
        self._curves: dict[Key, FloatArray] = {}
        self._near: dict[Key, list[int]] = {}
        self._crossing: dict[tuple[Key, Key], bool] = {}

    def curve(self, key: Key) -> FloatArray:
        """Return the points (n_points, 2) of a curve."""
        if key not in self._curves:
            self._curves[key] = _bezier(self.places[key[0]], self.places[key[1]], key[2])
        return self._curves[key]

    def _touched(self, key: Key, occupied: Sequence[int]) -> int:
        """Return how many points of a curve are in or near boxes of others."""
        if key not in self._near:
            off = np.abs(self.curve(key)[:, None] - self.places)
            near = (off[..., 0] < WIDTH / 2 + _CLEAR) & (off[..., 1] < HEIGHT / 2 + _CLEAR)
            self._near[key] = near.sum(axis=0).tolist()
        return sum(self._near[key][place] for place in occupied if place not in key[:2])

    def chosen(self, occupied: tuple[int, ...]) -> list[Key]:
        """Return the curve of each way that touches fewest boxes, where states stand there."""
        keys = []
        for (begin, end), bends in zip(self.ways, self.bends, strict=True):
            options = [(occupied[begin], occupied[end], bend) for bend in bends]
            keys.append(min(options, key=lambda option: self._touched(option, occupied)))
        return keys

    def _crosses(self, one: Key, other: Key) -> bool:
        if (one, other) not in self._crossing:
            crossing = _cross(self.curve(one)[::4], self.curve(other)[::4])
            self._crossing[one, other] = crossing
        return self._crossing[one, other]

    def cost(self, occupied: tuple[int, ...]) -> float:
        """Return how bad it is that states stand there."""
        keys = self.chosen(occupied)
        touches = sum(self._touched(key, occupied) for key in keys)
        crossings = sum(self._crosses(keys[i], keys[j]) for i, j in self.pairs)
        centers = self.places[list(occupied)]
        length = sum(float(np.hypot(*(centers[b] - centers[a]))) for a, b in self.ways)
        flow = float(centers[self.starts, 0].sum() - centers[self.final, 0].sum())
        spread = float(np.ptp(centers[:, 0]) + np.ptp(centers[:, 1]))
        return _CROSSING * crossings + _TOUCH * touches + _LENGTH * (length + spread) + _FLOW * flow


def _places(n_states: int, gap: float) -> FloatArray:
    columns = max(2, (n_states + 3) // 2)
    rows = 2 if n_states <= 3 else 3
    step = WIDTH + gap
    return np.array(
        [
            (step * (column + 0.5 * (row % 2)), _ROW * row)
            for row in range(rows)
            for column in range(columns)
        ]
    )


def _bezier(begin: FloatArray, end: FloatArray, bend: float) -> FloatArray:
    """Return a curve (n_points, 2) that bends to the right of its direction."""
    along = end - begin
    control = 0.5 * (begin + end) + bend * np.array([along[1], -along[0]])
    t = np.linspace(0, 1, _POINTS)[:, None]
    return np.asarray((1 - t) ** 2 * begin + 2 * t * (1 - t) * control + t**2 * end)


def _cross(left: FloatArray, right: FloatArray) -> bool:
    """Return whether two lines of segments cross."""
    a, b = left[:-1, None], left[1:, None]
    c, d = right[None, :-1], right[None, 1:]
    one = _side(a, b, c) * _side(a, b, d) < 0
    other = _side(c, d, a) * _side(c, d, b) < 0
    return bool((one & other).any())


def _side(a: FloatArray, b: FloatArray, point: FloatArray) -> FloatArray:
    first, second = b - a, point - a
    return np.asarray(first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0])


def _clipped(curve: FloatArray, centers: FloatArray, way: Way) -> FloatArray:
    """Return the part of a curve between its two boxes."""
    t = np.linspace(0, _POINTS - 1, 20 * _POINTS)
    fine = np.column_stack([np.interp(t, np.arange(_POINTS), curve[:, k]) for k in (0, 1)])
    outside = np.ones(len(fine), dtype=bool)
    for state in way:
        off = np.abs(fine - centers[state])
        outside &= (off[:, 0] > WIDTH / 2 + 3) | (off[:, 1] > HEIGHT / 2 + 3)
    kept = np.flatnonzero(outside)
    return fine[kept[0] : kept[-1] + 1 : 6] if kept.size else curve


def label_places(layout: Layout, sizes: Sequence[tuple[float, float]]) -> FloatArray:
    """Return the middle (n_ways, 2) of each arrow's label, clear of boxes and other labels."""
    order = sorted(range(len(sizes)), key=lambda k: len(layout.curves[k]))
    boxes = [(center, (WIDTH, HEIGHT)) for center in layout.centers]
    chosen = np.zeros((len(sizes), 2))
    for k in order:
        curve, (width, height) = layout.curves[k], sizes[k]
        others = np.concatenate([c for j, c in enumerate(layout.curves) if j != k] or [curve[:0]])
        best = np.inf
        for share in (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74):
            point = curve[int(share * (len(curve) - 1))]
            bad = 4.0 * abs(share - 0.5)
            for center, (wide, high) in boxes:
                over = np.maximum((width + wide, height + high) - 2 * np.abs(point - center), 0.0)
                bad += 0.02 * float(over[0] * over[1])
            off = np.abs(others - point)
            bad += 1.5 * int(((off[:, 0] < width / 2 + 2) & (off[:, 1] < height / 2 + 2)).sum())
            if bad < best:
                best, chosen[k] = bad, point
        boxes.append((chosen[k], (width, height)))
    return chosen
