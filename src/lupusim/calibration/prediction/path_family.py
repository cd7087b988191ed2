"""How probable every path of a study is, in stacks of parameter vectors."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.prediction.entries import Route, route
from lupusim.calibration.prediction.family import Family, Vectors
from lupusim.calibration.prediction.markov import exponential, rate_breaks
from lupusim.calibration.prediction.mesh import N_PANELS, make_kernels, march, mesh_edges
from lupusim.calibration.prediction.parties import Party
from lupusim.calibration.prediction.path_tree import PathTree
from lupusim.calibration.prediction.renewal import chain_at_the_end
from lupusim.calibration.prediction.sojourns import Lags, lag_points
from lupusim.common.arrays import FloatArray

_N_LAGS = 12  # panels, where a study looks but once
_CELLS = 8_000_000
"""Numbers in the largest array: stacks of vectors are cut so that it stays below."""


class PathFamily:
    """The probabilities of a tree's paths, for many parameter vectors.

    Parameters
    ----------
    free_model : FreeModel
        The model and its free parameters.
    tree : PathTree
        Of that model.
    is_coarse : bool
        Whether the smaller of two meshes is enough, where hazards run on time in state.
    """

    def __init__(self, free_model: FreeModel, tree: PathTree, *, is_coarse: bool = False) -> None:
        self.free_model = free_model
        self.tree = tree
        self.is_coarse = is_coarse
        self.family = Family(free_model, ())

    def probabilities(self, free: FloatArray) -> FloatArray:
        """Return probabilities, shape (n, n_paths), at vectors of shape (n, n_parameters)."""
        parts = [self._some(free[k : k + self._stack]) for k in range(0, len(free), self._stack)]
        return np.concatenate(parts) if parts else np.empty((0, len(self.tree.answers)))

    @cached_property
    def _stack(self) -> int:
        n_entries = 1 if self.family.is_markov else 6 * N_PANELS
        n_nodes = max(len(parents) for parents in self.tree.parents)
        size = n_nodes * n_entries * self.tree.chain.size
        if not self.family.is_markov:
            size = max(size, len(self.free_model.model.transitions) * n_entries * 2 * N_PANELS)
        return max(1, _CELLS // (size * len(self.free_model.model.latent_classes)))

    @cached_property
    def _has_no_past(self) -> bool:
        """Whether renewal equations up to the study's only look say it all."""
        times = self.tree.times
        renews = self.family.renews and not self.family.is_markov
        return renews and times.size == 1 and bool(times[0] > 0)

    def _some(self, free: FloatArray) -> FloatArray:
        values = self.free_model.natural(free)
        if self.family.is_markov:
            by_class, shares = self._markov(values)
        elif self._has_no_past:
            return self._at_one_time(values)
        else:
            shares = self.family.shares(values)
            coarse = self._on_mesh(values, N_PANELS)
            if not self.is_coarse:
                fine = self._on_mesh(values, 2 * N_PANELS)
                coarse = np.maximum(fine + (fine - coarse) / 3, 0.0)
            by_class = coarse.reshape(*shares.shape, -1)
        return np.asarray(np.einsum("nc,nck->nk", shares, by_class))

    def _at_one_time(self, values: FloatArray) -> FloatArray:
        """Return probabilities, (n, n_paths), where nobody's past has to be carried on."""
        time = float(self.tree.times[0])
        vectors = self.family.vectors(values)
        there = self._on_grid(vectors, lag_points(time, _N_LAGS))
        if not self.is_coarse:
            fine = self._on_grid(vectors, lag_points(time, 2 * _N_LAGS))
            there = np.maximum(fine + (fine - there) / 3, 0.0)
        return np.asarray(there @ self.tree.masks[0].T)

    @cached_property
    def _routes(self) -> list[tuple[Party, Route]]:
        """How each party moves through the chain."""
        model, chain = self.free_model.model, self.tree.chain
        return [(party, route(model, chain, party)) for party in self.family.parties_in([chain])]

    def _on_grid(self, vectors: Vectors, lags: Lags) -> FloatArray:
        """Return how probable each entry of the chain is on one grid; (n, size)."""
        parts = [
            chain_at_the_end(
                own,
                self.family.kernels(vectors, lags, party),
                shares=vectors.shares[:, party.classes],
            )
            for party, own in self._routes
        ]
        return np.asarray(sum(parts))

    def _markov(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return each class's probabilities, (n, n_classes, n_paths), by matrix exponentials."""
        tree, model = self.tree, self.free_model.model
        rates, shares = self.family.rates(values)
        slopes, breaks = tree.chain.rate_slopes, rate_breaks(model)
        held = np.broadcast_to(tree.chain.start, (*shares.shape, 1, tree.chain.size))
        begin = 0.0
        for time, parents, masks in zip(tree.times, tree.parents, tree.masks, strict=True):
            stops = [*breaks[(breaks > begin) & (breaks < time)].tolist(), float(time)]
            for stop in stops:
                piece = rates[int(np.searchsorted(breaks, begin, side="right"))]
                generator = np.tensordot(piece, slopes, axes=1) * (stop - begin)
                held = held @ exponential(generator)
                begin = stop
            held = held[..., parents, :] * masks
        return held.sum(axis=-1), shares

    def _on_mesh(self, values: FloatArray, n_panels: int) -> FloatArray:
        """Return each class's probabilities on one mesh; (n n_classes, n_paths)."""
        model = self.free_model.model
        edges = mesh_edges(model, self.tree.times, n_panels)
        hazards = self.family.hazards(values)
        kernels = make_kernels(model, hazards, ratios=self.family.ratios(values), edges=edges)
        return march(model, self.tree, kernels, edges=edges)
