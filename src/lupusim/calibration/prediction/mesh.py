r"""Where patients go after they have entered a state, on panels that end at a study's times.

Patients who enter a state within a panel are spread evenly over it, at three points of entry
that lie the denser the nearer to its end (Gauss-Legendre in the square root of the lag, so
that hazards may be infinite at 0). From each, the hazards are integrated to every later
panel's end; within a panel they are taken as proportional to each other. Any hazard on any
clock goes: time in state, study time, both from one state, ratios that change with study time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from lupusim.calibration.prediction.enlarged_chain import Chain
from lupusim.calibration.prediction.path_tree import PathTree
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.model import Hazard, MultiStateModel, Transition

N_PANELS = 12
"""From 0 to the latest time; the finer of the two meshes has twice as many."""

MOST_HAZARD = 1e100
"""A larger cumulative hazard is cut to it: nobody is left long before."""

_LEAST = 2  # panels between two times
_CROWDED = 1.5  # power of the spacing after time 0, where all patients are new
_ROOTS, _WEIGHTS = np.polynomial.legendre.leggauss(3)
ENTRY_LAGS = ((_ROOTS + 1) / 2) ** 2
"""Points of entry, before a panel's end, as shares of its width."""

ENTRY_SHARES = _WEIGHTS * (_ROOTS + 1) / 2
"""Of those who enter in it; they sum to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernels:
    """Where those go who entered in each panel, or were there at time 0."""

    moved: FloatArray
    """Share of an entry that makes a transition within a panel; (n, n_transitions, n_entries,
    n_panels)."""
    stayed: FloatArray
    """Share still there at the panel's end. Entries are the model's starts, then the panels; (n,
    n_states, n_entries, n_panels)."""


def mesh_edges(model: MultiStateModel, times: FloatArray, n_panels: int) -> FloatArray:
    """Return panel ends from 0 to the last time; every time and every break is one of them."""
    last = float(times[-1])
    breaks = [b for t in model.transitions for b in t.ratio.breaks if 0 < b < last]
    stops = np.unique([0.0, *times.tolist(), *breaks])
    edges = [np.zeros(1)]
    for k, (begin, end) in enumerate(pairwise(stops)):
        n = n_panels * max(_LEAST, round(N_PANELS * (end - begin) / last)) // N_PANELS
        steps = np.arange(1, max(n, 1) + 1) / max(n, 1)
        edges.append(begin + (end - begin) * (steps**_CROWDED if k == 0 else steps))
    return np.concatenate(edges)


def make_kernels(
    model: MultiStateModel,
    hazards: Sequence[Sequence[Hazard]],
    *,
    ratios: FloatArray,
    edges: FloatArray,
) -> Kernels:
    """Return where patients go, for many models that differ in their numbers only.

    Parameters
    ----------
    model : MultiStateModel
        States, transitions, starts.
    hazards : sequence, a transition each, of sequences of Hazard
        One for each model, or one for all.
    ratios : (n_models, n_classes, n_transitions) array
        What multiplies the hazards.
    edges : (n_panels + 1,) array
        Ends of the panels.

    Returns
    -------
    Kernels
        With models and classes in one first axis, a model's classes together.
    """
    entered, waited = _entries(model, edges)
    columns = [
        np.stack([_growth(t, hazard, entered, waited, edges) for hazard in own])
        for t, own in zip(model.transitions, hazards, strict=True)
    ]
    growth = np.stack([np.broadcast_to(c, (len(ratios), *c.shape[1:])) for c in columns], axis=1)
    growth = (ratios[..., None, None] * growth[:, None]).reshape(-1, *growth.shape[1:])
    total = np.zeros((len(growth), len(model.states), *growth.shape[2:]))
    origins = [model.index(t.from_state) for t in model.transitions]
    for k, origin in enumerate(origins):
        total[:, origin] += growth[:, k]
    survival = np.exp(-np.cumsum(total, axis=-1))
    before = np.concatenate([np.ones_like(survival[..., :1]), survival[..., :-1]], axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        per_hazard = np.where(total > 0, (before - survival) / total, 0.0)
    n_starts = len(model.starts)
    return Kernels(
        moved=_mean_over_entry(growth * per_hazard[:, origins], n_starts),
        stayed=_mean_over_entry(survival, n_starts),
    )


def _entries(model: MultiStateModel, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return study times of entry, and years spent in the state before; the starts first."""
    begun = np.array([start.time_in_state for start in model.starts])
    inside = edges[1:, None] - np.diff(edges)[:, None] * ENTRY_LAGS
    entered = np.concatenate([np.zeros(begun.size), inside.ravel()])
    return entered, np.concatenate([begun, np.zeros(inside.size)])


def _growth(
    transition: Transition,
    hazard: Hazard,
    entered: FloatArray,
    waited: FloatArray,
    edges: FloatArray,
) -> FloatArray:
    """Return how the cumulative hazard grows in each panel; shape (n_entries, n_panels)."""
    since = np.maximum(edges - entered[:, None], 0.0) + waited[:, None]
    clock = transition.clock.reading(np.maximum(edges, entered[:, None]), since)
    with np.errstate(over="ignore"):
        grown = np.diff(np.minimum(hazard.cumulative(clock), MOST_HAZARD), axis=-1)
    return np.asarray(grown * transition.ratio.at(edges[:-1]))


def _mean_over_entry(shares: FloatArray, n_starts: int) -> FloatArray:
    """Return shares of those who entered anywhere in a panel; the starts stay as they are."""
    begun, spread = shares[:, :, :n_starts], shares[:, :, n_starts:]
    points = spread.reshape(*spread.shape[:2], -1, ENTRY_SHARES.size, spread.shape[-1])
    return np.concatenate([begun, np.einsum("abpqm,q->abpm", points, ENTRY_SHARES)], axis=2)


def march(
    model: MultiStateModel, tree: PathTree, kernels: Kernels, *, edges: FloatArray
) -> FloatArray:
    """Return how probable each path is; shape (n, n_paths).

    Entries are followed panel by panel; at a study's time those who are elsewhere than a
    path says are taken off it, with the panel in which they entered kept of the others.
    """
    chain, n_starts, n_panels = tree.chain, len(model.starts), edges.size - 1
    held = _held_at_start(model, chain, kernels, tree.start_states)
    stops = np.searchsorted(edges, tree.times)
    for panel in range(n_panels + 1):
        if panel:
            _enter(held, kernels, chain.moves, n_starts + panel - 1)
        for at in np.flatnonzero(stops == panel):
            held = held[:, tree.parents[at]] * tree.masks[at][:, None, :]
    there = _stayed(model, chain, kernels)[:, :, -1]
    return np.asarray(np.einsum("nkpa,npa->nk", held, there))


def course(
    model: MultiStateModel, chain: Chain, kernels: Kernels, *, edges: FloatArray
) -> FloatArray:
    """Return how probable each entry of a chain is at the panels' ends; (n, n_panels, size).

    Entries that count years are left at 0; one that counts moves has their mean number.
    """
    n_starts, n_panels = len(model.starts), edges.size - 1
    held = _held_at_start(model, chain, kernels, [model.index(s.state) for s in model.starts])
    for panel in range(n_panels):
        _enter(held, kernels, chain.moves, n_starts + panel)
    stayed = _stayed(model, chain, kernels)
    # Who enters in a later panel has not stayed anywhere yet.
    rows = np.arange(n_starts + n_panels)[:, None] - n_starts
    stayed *= (rows <= np.arange(n_panels))[..., None]
    return np.asarray(np.einsum("npa,npma->nma", held[:, 0], stayed))


def _held_at_start(
    model: MultiStateModel, chain: Chain, kernels: Kernels, start_states: Sequence[int]
) -> FloatArray:
    """Return the mass of each entry, (n, 1, n_starts + n_panels, size); the starts alone so far."""
    n, _, n_rows, _ = kernels.moved.shape
    held = np.zeros((n, 1, n_rows, chain.size))
    for k, (number, start) in enumerate(zip(start_states, model.starts, strict=True)):
        held[:, :, k, number] = start.probability
    return held


def _stayed(model: MultiStateModel, chain: Chain, kernels: Kernels) -> FloatArray:
    """Return who is still in each entry of a chain; (n, n_entries, n_panels, size).

    Nobody leaves an entry that no transition leads out of.
    """
    n, _, n_rows, n_panels = kernels.stayed.shape
    stayed = np.ones((n, n_rows, n_panels, chain.size))
    for t, pairs in zip(model.transitions, chain.moves, strict=True):
        for origin, _ in pairs:
            stayed[..., origin] = kernels.stayed[:, model.index(t.from_state)]
    return stayed


def _enter(
    held: FloatArray, kernels: Kernels, moves: Sequence[Sequence[tuple[int, int]]], row: int
) -> None:
    """Fill in who enters each entry of the chain within a panel, from there on included."""
    n, _, n_rows, size = held.shape
    panel = row - (n_rows - kernels.moved.shape[-1])
    arriving = np.zeros((n, held.shape[1], size))
    onward = np.tile(np.eye(size), (n, 1, 1))
    for k, pairs in enumerate(moves):
        for origin, to in pairs:
            past = held[:, :, :row, origin] @ kernels.moved[:, k, :row, panel, None]
            arriving[:, :, to] += past[..., 0]
            onward[:, origin, to] -= kernels.moved[:, k, row, panel]
    held[:, :, row] = arriving @ np.linalg.inv(onward)
