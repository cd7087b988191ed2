"""The law of patients' outcomes by cells, from a large sample of patients of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np

from lupusim.analysis.outcomes import Outcome
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.endpoints.base import Measurement
from lupusim.planning.controls.sampled.facts import Facts, shares_of_facts
from lupusim.planning.theory.sums import ComplexArray
from lupusim.simulation.block import replicates_per_block
from lupusim.simulation.control_classes import Cells
from lupusim.simulation.controls import Floors, Whole
from lupusim.simulation.generation.generation import Block, Generated, generate
from lupusim.simulation.looks.cutoffs import observed
from lupusim.simulation.relabeling import is_exchangeable
from lupusim.trial import Trial

OneLaw = TypeVar("OneLaw")

_LEAST = 1e-9  # of the largest variance of what is known: beyond it, it is known twice


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampledLaw:
    """Chances of cells from a sample of patients, which err as is known.

    Its rows are the arms, or the kinds of patients of each, the last running fastest.
    """

    chance: FloatArray  # of each cell, and of being in none; (n_rows, n_cells + 1)
    n_patients: FloatArray  # of the sample, in each row; (n_rows,)
    alike: bool  # whether all arms have the same patients, of whom all are then in each
    beside: FloatArray
    """Covariance of being in a cell with what the exact engine knows of patients, whose own is the
    identity; (n_rows, n_cells + 1, n_known)."""
    n_kinds: int = 1  # of patients on each arm

    @classmethod
    def exact(cls, chance: FloatArray) -> SampledLaw:
        """Return the law of chances that are known, as if everybody had been drawn."""
        n_patients, beside = np.full(len(chance), np.inf), np.zeros((*chance.shape, 0))
        return cls(chance=chance, n_patients=n_patients, alike=False, beside=beside)

    def covariance(self, slopes: FloatArray) -> FloatArray:
        """Return the covariance of errors of quantities that move with the chances by `slopes`.

        Parameters
        ----------
        slopes : (n_rows, n_cells + 1, n_quantities) array

        Returns
        -------
        (n_quantities, n_quantities) array
        """
        if self.alike:
            slopes = slopes.reshape(-1, self.n_kinds, *slopes.shape[1:]).sum(axis=0)
        found = np.zeros((slopes.shape[2],) * 2)
        for arm, slope in enumerate(slopes):
            mean = self.chance[arm] @ slope
            known = self.beside[arm].T @ slope
            spread = (self.chance[arm][:, None] * slope).T @ slope - np.outer(mean, mean)
            found += (spread - known.T @ known) / self.n_patients[arm]
        # of what is known wholly, rounding is left
        values, vectors = np.linalg.eigh(found)
        roots = vectors * np.sqrt(np.maximum(values, 0.0))
        return symmetric(roots @ roots.T)


class StepSlopes(Protocol):
    """How the means of steps of a sum hang on a sampled law."""

    @property
    def sample(self) -> SampledLaw:
        """The law."""
        ...

    def slopes(self, nodes: FloatArray, thresholds: FloatArray, scale: float) -> FloatArray:
        """Return by how much the means move with the chance of each cell.

        Returns
        -------
        (n_arms, n_cells + 1, n_steps) array
        """
        ...

    def of_part(self, part: int, nodes: FloatArray, weights: ComplexArray) -> FloatArray:
        """Return by how much numbers move that hang on one part's characteristic function.

        Parameters
        ----------
        part : int
            0 for the patients of the control, 1 for those of the arm.
        nodes : (n_nodes,) array
            Frequencies.
        weights : (n_draws, n_nodes, n_numbers) complex array
            Each moves by the real part of these times what the function moves by, averaged over
            enrollments.

        Returns
        -------
        (n_arms, n_cells + 1, n_numbers) array
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """The means of some steps, as they hang on a sampled law."""

    n_steps: int  # how many
    sample: SampledLaw | None = None  # None where their law is exact
    slopes: FloatArray | None = None  # (n_arms, n_cells + 1, n_steps)


def symmetric(table: FloatArray) -> FloatArray:
    """Return a table whose halves are the same to the last bit: one of them is written down."""
    return np.asarray((table + table.T) / 2)


def covariance(drawn: Sequence[Drawn]) -> FloatArray | None:
    """Return the covariance of the errors of what is taken for the means of steps.

    Parameters
    ----------
    drawn : sequence of Drawn
        The steps, in their order; those of one sample err together.

    Returns
    -------
    (n_steps, n_steps) array or None
        None where no law comes from a sample.
    """
    ends = np.cumsum([one.n_steps for one in drawn])
    samples = {id(one.sample): one.sample for one in drawn if one.sample is not None}
    found = np.zeros((ends[-1], ends[-1]))
    for sample in samples.values():
        slopes = np.zeros((*sample.chance.shape, ends[-1]))
        for one, end in zip(drawn, ends, strict=True):
            if one.sample is sample and one.slopes is not None:
                slopes[:, :, end - one.n_steps : end] = one.slopes
        found += sample.covariance(slopes)
    return found if samples else None


class LawsOf(Generic[OneLaw]):
    """The laws of endpoints of a trial, each from a sample of its own, which is drawn once.

    Parameters
    ----------
    law : callable
        Returns that of an endpoint, by its position.
    """

    def __init__(self, law: Callable[[int], OneLaw]) -> None:
        self._law = law
        self._known: dict[int, OneLaw] = {}

    def of(self, number: int) -> OneLaw:
        """Return the law of an endpoint, by its position."""
        if number not in self._known:
            self._known[number] = self._law(number)
        return self._known[number]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Who is drawn, and what is asked of the exact engine beside."""

    seed: int  # of the run
    n_patients: int  # at least so many
    times: FloatArray  # study times (years), rising, at which it is asked for the states


def sampled_law(
    trial: Trial, number: int, cells: Cells, sample: Sample, floors: Floors | None = None
) -> SampledLaw:
    """Return the chances of cells of an endpoint, if nobody cut the data, or where it is cut.

    They are shares of a sample of patients of the trial, which shares no stream with any run;
    moved, by a regression on the states of patients, to the shares in the states that the exact
    engine knows, where it knows them.

    Parameters
    ----------
    trial : Trial
        Its patients must be independent, given allocation, and those of an arm alike.
    number : int
        Position of the endpoint.
    cells : Cells
        Of its outcome.
    sample : Sample
        Who is drawn.
    floors : Floors or None
        When patients are cut, which makes as many kinds of them; None for never.
    """
    alike, n_arms = is_exchangeable(trial), len(trial.arms)
    # where all arms are alike, what is not known of patients is so in all of them
    known = None if alike else shares_of_facts(trial, sample.times)
    n_facts = 0 if known is None else known.shape[1]
    n_kinds = 1 if floors is None else floors.times.size
    sums = [_Sums(cells.number + 1, n_facts) for _ in range(n_kinds * (1 if alike else n_arms))]
    for generated, kind, facts in _patients(trial, sample, heard=n_facts > 0):
        whole, arm = Whole(generated), generated.arm.astype(np.intp) * (not alike)
        if floors is None:
            cell, row = cells.of(outcome_of(generated, number)), arm
        else:
            cell, place = whole.cells_at(number, cells, floors)
            row = np.where(place >= 0, arm * n_kinds + place, -1)
        for position, one in enumerate(sums):
            mine = row.ravel() == position
            one.add(cell.ravel()[mine], kind[mine], facts)
    if alike:
        sums = sums * n_arms
    found = [one.law(None if known is None else known[k // n_kinds]) for k, one in enumerate(sums)]
    return SampledLaw(
        chance=np.stack([chance for chance, _ in found]),
        n_patients=np.array([max(one.n, 1.0) for one in sums]),
        alike=alike,
        beside=np.stack([beside for _, beside in found]),
        n_kinds=n_kinds,
    )


def some_patients(
    trial: Trial, number: int, n_patients: int, *, seed: int, floors: Floors | None = None
) -> Outcome:
    """Return the outcome of so many patients, or some more, as of one trial.

    They share no stream with any run, nor with the sample of :func:`sampled_law`.
    """
    n_replicates = -(-n_patients // trial.n_patients)
    block = Block(seed=_seed(trial, seed, "few"), number=0, n_replicates=n_replicates)
    generated = generate(trial, block)
    if floors is None:
        return outcome_of(generated, number).pooled()
    return Whole(generated).outcome_at(number, floors).pooled()


def _seed(trial: Trial, seed: int, purpose: str) -> int:
    """Return the seed of a sample, which shares nothing with that of a run or another size."""
    rng = stream(seed, "patients whose law is sampled", purpose, trial.n_patients)
    return int(rng.integers(2**62))


def outcome_of(generated: Generated, number: int) -> Outcome:
    """Return the outcome of an endpoint, by its position, if nobody cut the data."""
    measurement: Measurement = generated.measurements[number]
    return measurement.outcome(observed(generated, np.full(len(generated.arm), np.inf)))


def sample_blocks(trial: Trial, sample: Sample) -> Iterator[Block]:
    """Yield the blocks of the sample's patients."""
    size = min(replicates_per_block(trial.n_patients), -(-sample.n_patients // trial.n_patients))
    seed = _seed(trial, sample.seed, "many")
    for number in range(-(-sample.n_patients // (size * trial.n_patients))):
        yield Block(seed=seed, number=number, n_replicates=size)


def _patients(
    trial: Trial, sample: Sample, *, heard: bool
) -> Iterator[tuple[Generated, IntArray, BoolArray]]:
    """Yield the patients of the sample, their kinds, and which facts hold of these, if heard."""
    for block in sample_blocks(trial, sample):
        n_patients = block.n_replicates * trial.n_patients
        if heard:
            facts = Facts(trial, sample.times, n_patients)
            generated = generate(trial, block, listeners=facts.recorders)
            yield generated, *facts.of(generated)
        else:
            all_alike = np.zeros(n_patients, dtype=np.intp), np.zeros((0, 1), dtype=bool)
            yield generate(trial, block), *all_alike


class _Sums:
    """Sums over the patients of an arm.

    Parameters
    ----------
    n_cells : int
        In which they may be.
    n_facts : int
        That may hold of them.
    """

    def __init__(self, n_cells: int, n_facts: int) -> None:
        self.n = 0.0
        self.in_cells = np.zeros(n_cells)
        self.both = np.zeros((n_cells, n_facts))  # in a cell and with a fact
        self.facts = np.zeros((n_facts, n_facts))  # with a fact and another

    def add(self, cell: IntArray, kind: IntArray, facts: BoolArray) -> None:
        """Add patients, their cells and kinds (n_patients,), and the facts of all kinds."""
        n_cells, holds = self.in_cells.size, facts.astype(float)
        self.n += cell.size
        self.in_cells += np.bincount(cell, minlength=n_cells)
        for number, fact in enumerate(facts):
            self.both[:, number] += np.bincount(cell[fact[kind]], minlength=n_cells)
        self.facts += (holds * np.bincount(kind, minlength=facts.shape[1])) @ holds.T

    def law(self, known: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        """Return the chances of cells, and what they have in common with what is known.

        Parameters
        ----------
        known : (n_facts,) array or None
            The true shares of the facts.
        """
        if self.n == 0:  # who is of this kind adds nothing
            return np.eye(1, self.in_cells.size, self.in_cells.size - 1)[0], 0.0 * self.both
        chance = self.in_cells / self.n
        if known is None:
            return chance, np.zeros((chance.size, 0))
        share = np.diag(self.facts) / self.n
        values, vectors = np.linalg.eigh(self.facts / self.n - np.outer(share, share))
        kept = values > _LEAST * max(float(values[-1]), _LEAST)
        scaled = vectors * np.where(kept, 1 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
        beside = (self.both / self.n - np.outer(chance, share)) @ scaled
        return chance + beside @ (scaled.T @ (known - share)), beside
