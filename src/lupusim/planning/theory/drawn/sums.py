"""The law of a sum over all patients of a trial that is counts: what each adds, by his outcome."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.planning.theory.counts.numbers import Counted, Group, Numbers
from lupusim.planning.theory.sums import ComplexArray
from lupusim.trial import Trial

_TAIL, _MORE = 9, 40  # root means that Poisson's law reaches from its mean, and so many more

_UNHEARD = -36.0  # logarithm of what rounding hides
_TINY = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TableSum:
    """A sum over the patients in the analysis of a look."""

    look: int
    adds: FloatArray  # what a patient adds; (n_arms, n_strata, n_outcomes)

    def of(self, numbers: Numbers) -> FloatArray:
        """Return the sum of each trial, (n_trials,)."""
        counts = numbers.counts[:, self.look]
        return np.asarray(counts.reshape(len(counts), -1) @ self.adds.ravel())

    def characteristic(self, counted: Counted, nodes: FloatArray) -> ComplexArray:
        r"""Return the characteristic function of the sum, (n_nodes,).

        Patients of a stratum of the allocation are alike and independent, given how many of them
        are on each arm. So with :math:`\varphi_a` of one patient of arm :math:`a`, places
        :math:`m_a` of a block of :math:`B`, and :math:`n = wB + r` patients, that of a stratum is

        .. math:: \Phi_n = \Bigl(\prod_a \varphi_a^{m_a}\Bigr)^w
            \binom{B}{r}^{-1} [x^r] \prod_a (1 + \varphi_a x)^{m_a}

        and the sizes of strata are multinomial: Poisson's, given their sum.

        Parameters
        ----------
        counted : Counted
            The law of the numbers; of one truth.
        nodes : (n_nodes,) array
            Where.
        """
        n = counted.patients[self.look]
        shares = np.array([sum(group.share for group in groups) for groups in counted.groups])
        shares /= shares.sum()
        patient = np.stack([self._patient(counted, groups, nodes) for groups in counted.groups])
        # SPEED: of many patients no more than a tenth of the frequencies are heard
        most = shares @ np.abs(patient).max(axis=1)
        heard = np.flatnonzero(n * np.log(np.maximum(most, _TINY)) > _UNHEARD)
        found = np.zeros(nodes.size, dtype=complex)
        found[heard] = _of_all(counted.trial, shares, patient[:, :, heard], n)
        return found

    def _patient(
        self, counted: Counted, groups: Sequence[Group], nodes: FloatArray
    ) -> ComplexArray:
        """Return the same of one patient of a stratum of the allocation, (n_arms, n_nodes)."""
        chances, whole = counted.outcomes.chances, sum(group.share for group in groups)
        found = np.zeros((len(self.adds), nodes.size), dtype=complex)
        for group in groups:
            waves = np.exp(1j * self.adds[:, group.stratum, :, None] * nodes)
            found += group.share / whole * np.einsum("ao,aot->at", chances[:, group.kind], waves)
        return found


def _of_all(trial: Trial, shares: FloatArray, patient: ComplexArray, n: int) -> ComplexArray:
    """Return the characteristic function of so many patients from that of one.

    Parameters
    ----------
    trial : Trial
        How they are randomized.
    shares : (n_strata,) array
        Of the strata of the allocation.
    patient : (n_strata, n_arms, n_nodes) array
        Of one patient.
    n : int
        How many there are.
    """
    assert trial.allocation is not None  # a trial sets its default when it is made
    block, ratio = trial.allocation.block_size, np.array(trial.ratio)
    if block is None:  # each patient is randomized independently
        return np.asarray(np.einsum("s,a,sat->t", shares, ratio / ratio.sum(), patient) ** n)
    places = ratio * (block // ratio.sum())
    if shares.size == 1:
        return np.asarray(_stratum(patient[0], places, np.array([n]))[0])
    size = 1 << math.ceil(math.log2(2 * (_TAIL * math.sqrt(n) + _MORE)))
    product = np.ones((patient.shape[2], size), dtype=complex)
    for share, of_arms in zip(shares.tolist(), patient, strict=True):
        middle, far = share * n, _TAIL * math.sqrt(share * n) + _MORE
        sizes = np.arange(max(math.floor(middle - far), 0), min(math.ceil(middle + far), n) + 1)
        padded = np.zeros_like(product)
        padded[:, sizes % size] = _stratum(of_arms, places, sizes).T * _poisson(sizes, middle)
        product *= np.fft.fft(padded)
    turn = np.exp(2j * math.pi * n / size * np.arange(size))
    return np.asarray(product @ turn / size / _poisson(np.array([n]), float(n)))


def _stratum(patient: ComplexArray, places: IntArray, sizes: IntArray) -> ComplexArray:
    """Return the characteristic function of strata of some sizes, (n_sizes, n_nodes)."""
    block = int(places.sum())
    opened = np.zeros((block + 1, patient.shape[1]), dtype=complex)
    opened[0] = 1.0
    for arm, n_places in enumerate(places.tolist()):
        for _ in range(n_places):
            opened[1:] += patient[arm] * opened[:-1]
    opened /= np.array([float(math.comb(block, k)) for k in range(block + 1)])[:, None]
    whole, rest = np.divmod(sizes, block)
    filled, place = np.unique(whole, return_inverse=True)
    return np.asarray((opened[block] ** filled[:, None])[place] * opened[rest])


def _poisson(numbers: IntArray, mean: float) -> FloatArray:
    from scipy.special import gammaln

    return np.asarray(np.exp(numbers * math.log(mean) - mean - gammaln(numbers + 1.0)))
