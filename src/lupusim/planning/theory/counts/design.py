"""A trial as counts: who is judged, by what, and its power as a function of patients' chances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.analysis.single_arm.enumeration import LookChances
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError
from lupusim.planning.theory.counts.asked import AllRespond
from lupusim.planning.theory.counts.cells import Cell, cells_of, kinds_of, shares_of
from lupusim.planning.theory.counts.chances import response_chances, takes_minutes
from lupusim.planning.theory.counts.even_strata import NOTHING, Rest, even_strata
from lupusim.planning.theory.counts.looks import look_chances
from lupusim.planning.theory.counts.sizes import (
    Sizes,
    StrataSizes,
    sizes_in,
    sizes_in_all,
    sizes_of_two,
    sizes_split,
)
from lupusim.planning.theory.counts.stratified import Rule, one_stratum, two_strata
from lupusim.planning.theory.counts.tables import (
    Spans,
    check_sizes,
    laws_in_two,
    likely_span,
    mixed_laws,
    rejections,
    rows_of,
    turning_points,
)
from lupusim.trial import Analysis, Trial
from lupusim.trial.endpoints import ResponseAtVisits

_ALIKE = 1e-12
_AT_MOST = Rest(never=1e-6, rejects=1.0)  # a third of the work tells a power to a few thousandths
_RARELY = 1e-5  # sizes of strata are this
_TOGETHER = 2_000_000  # tables of arm sizes that are gone through together
_TWO = 2
_FEW = 4
_MOST_CASES = 4e8  # of strata, tables and responders of the first stratum: some seconds
_MOST_CELLS = 4e6  # of arm sizes and responders, where chances are equal in strata: a second


@dataclass(frozen=True, slots=True, kw_only=True)
class CountDesign:
    """A trial of two arms whose test sees counts of responders alone."""

    trial: Trial
    analysis: Analysis
    endpoint: ResponseAtVisits  # its primary endpoint
    cells: tuple[Cell, ...]  # kinds of its patients

    def chances(self, trial: Trial | None = None) -> FloatArray:
        """Return the chance of a response by arm and cell, of it or of another truth of it."""
        return response_chances(trial or self.trial, self.endpoint, self.cells)

    @property
    def response(self) -> AllRespond:
        """What is asked of its patients."""
        return AllRespond(endpoints=(self.endpoint,))

    def powers(self, chances: FloatArray) -> FloatArray:
        """Return the power at each truth, (n_truths,).

        Parameters
        ----------
        chances : (n_truths, 2, n_cells) array
            Of a response by arm, control first, and cell.

        Raises
        ------
        NoExactSolutionError
            If not all that may happen can be enumerated.
        """
        if self.trial.interims:
            return np.array([self.looks(truth).power for truth in chances])
        tested = shares_of(self.cells, self._test_strata)
        if len(tested) > _TWO:
            raise NoExactSolutionError(f"the test has {len(tested)} strata")
        if len(tested) == _TWO:
            return self._of_two_tested(tested[0][0], self._by(self._test_strata, chances))
        strata = shares_of(self.cells, self.trial.stratify_by)
        by_stratum = self._by(self.trial.stratify_by, chances)
        if np.ptp(by_stratum, axis=2).max(initial=0.0) <= _ALIKE:
            sizes = sizes_in_all(self.trial, [share for share, _ in strata])
            return self._of_sizes(sizes, by_stratum[:, :, 0])
        if len(strata) > _TWO:
            raise NoExactSolutionError(f"chances differ between {len(strata)} strata")
        return self._of_two_allocated(strata[0][0], by_stratum)

    def at_most(self, chances: FloatArray) -> float:
        """Return what the power does not exceed at a truth, (2, n_cells), if that is less work.

        Else 1.
        """
        if self.trial.interims or len(tested := shares_of(self.cells, self._test_strata)) != _TWO:
            return 1.0
        by_stratum = self._by(self._test_strata, chances[None])
        if np.ptp(by_stratum, axis=2).max() > _ALIKE:
            return 1.0
        laws = self._strata_sizes(tested[0][0])
        laws = laws.some(laws.chances > _RARELY)
        rarely = 1 - float(laws.chances.sum())
        return rarely + float(self._of_equal_strata(laws, by_stratum[:, :, 0], _AT_MOST)[0])

    @property
    def is_enumerated(self) -> bool:
        """Whether all tables are gone through, if they are not too many."""
        allocated = shares_of(self.cells, self.trial.stratify_by)
        if self.trial.interims:
            due, n = self.endpoint.visits[-1], self.trial.n_patients
            known = all(look.patients_known(due, n) is not None for look in self.trial.looks)
            return known and len(allocated) == 1 and self.analysis.test.formula == "tables"
        if (n_tested := len(shares_of(self.cells, self._test_strata))) > 1:
            both = set(self.trial.stratify_by) in (set(), set(self._test_strata))
            return n_tested == _TWO and both
        kinds = kinds_of(self.trial, self.cells)
        return len(allocated) <= _TWO or len(set(kinds)) == 1

    @property
    def _test_strata(self) -> tuple[str, ...]:
        return self.analysis.stratify_by if self.analysis.test.formula == "strata" else ()

    def _by(self, strata: Sequence[str], chances: FloatArray) -> FloatArray:
        """Return the chances by stratum, (n_truths, 2, n_strata)."""
        weights = np.array([cell.share for cell in self.cells])
        groups = [who for _, who in shares_of(self.cells, strata)]
        means = [chances[:, :, who] @ weights[who] / weights[who].sum() for who in groups]
        return np.stack(means, axis=2)

    def _rejects(
        self, laws: Sequence[FloatArray], cases: Sequence[tuple[Sizes, Spans]]
    ) -> list[FloatArray]:
        """Return the chances that a test which sees no strata rejects, by responders of control.

        In each of some cases of arm sizes and responders; `laws` are the chances of those of the
        experimental arm, (n_laws, n_numbers).
        """
        analysis, better = self.analysis, self.endpoint.better
        for sizes, _ in cases:
            check_sizes(analysis, sizes)
        if analysis.test.formula == "strata":
            tables = [one_stratum(self._rule, *case) for case in cases]
        else:
            asked = (analysis.test, better, analysis.sided, analysis.alpha)
            if (turns := turning_points(*asked, tuple(cases))) is not None:
                return [turn.rejects(new) for turn, new in zip(turns, laws, strict=True)]
            tables = [rejections(*asked, *case) for case in cases]
        return [np.asarray(new @ table) for new, table in zip(laws, tables, strict=True)]

    @property
    def _rule(self) -> Rule:
        analysis = self.analysis
        return Rule(alpha=analysis.alpha, sided=analysis.sided, better=self.endpoint.better)

    def _of_sizes(self, sizes: dict[Sizes, float], chances: FloatArray) -> FloatArray:
        """Return the powers where each arm has one chance; `chances` is (n_truths, 2)."""
        if len(chances) <= _FEW:  # SPEED: what lies between them need not be gone through
            return np.concatenate([self._of_all(sizes, truth[None]) for truth in chances])
        return self._of_all(sizes, chances)

    def _of_all(self, sizes: dict[Sizes, float], chances: FloatArray) -> FloatArray:
        total = np.zeros(len(chances))
        for both, share in sizes.items():
            spans = _spans(both, chances)
            control, new = _rows(both, spans, chances)
            (rejects,) = self._rejects([new], [(both, spans)])
            total += share * (rejects * control).sum(axis=1)
        return total

    def _of_two_allocated(self, share: float, chances: FloatArray) -> FloatArray:
        """Return the powers where chances differ by the two strata of the allocation."""
        laws = sizes_of_two(self.trial, share)
        return np.array([self._of_truth(*laws, truth) for truth in chances])

    def _of_truth(self, weights: FloatArray, strata: IntArray, truth: FloatArray) -> float:
        """Return the power where chances by arm and stratum are (2, 2)."""
        first, both = strata[:, 0], strata.sum(axis=1)
        extremes = ((int(c), int(t)) for c, t in (both.min(axis=0), both.max(axis=0)))
        spans = _widest([_spans(sizes, truth.T) for sizes in extremes])
        (of_control, control), (of_new, new) = (
            mixed_laws(first[:, arm], both[:, arm], truth[arm], spans[arm]) for arm in range(_TWO)
        )
        total, n = 0.0, self.trial.n_patients
        sizes = [(n - n_new, n_new) for n_new in new]
        found = self._rejects([*new.values()], [(one, _possible(spans, one)) for one in sizes])
        for (n_control, n_new), chances in zip(sizes, found, strict=True):
            rejects, here = chances @ control[n_control].T, both[:, 1] == n_new
            together = (weights[here] * of_new[here].T) @ of_control[here]
            total += float((rejects * together).sum())
        return total

    def _of_two_tested(self, share: float, chances: FloatArray) -> FloatArray:
        """Return the powers of a test over two strata."""
        laws = self._strata_sizes(share)
        if np.ptp(chances, axis=2).max(initial=0.0) <= _ALIKE:
            return self._of_equal_strata(laws, chances[:, :, 0])
        total = np.zeros(len(chances))
        for weight, sizes in zip(laws.chances.tolist(), laws.sizes, strict=True):
            both, strata = _pair(sizes.sum(axis=0)), (_pair(sizes[0]), _pair(sizes[1]))
            for number, truth in enumerate(chances):
                spans = _spans(both, truth.T)
                (control,), (new,) = (
                    laws_in_two(sizes[0, [arm]], both[arm], truth[arm], spans[arm])
                    for arm in range(_TWO)
                )
                _check_cost(len(laws.chances) * len(chances), strata, spans)
                (c1, c2), (t1, t2) = truth.tolist()
                found = two_strata(self._rule, strata, spans, ((c1, c2), (t1, t2)))
                total[number] += weight * float(new @ found @ control)
        return total

    def _of_equal_strata(
        self, laws: StrataSizes, chances: FloatArray, rest: Rest = NOTHING
    ) -> FloatArray:
        """Return the powers where each arm has one chance: tables are gone through once for all."""
        pairs, laws, pair = laws.by_pair()
        spans = [_spans(both, chances) for both in pairs]
        n_laws = np.bincount(pair).tolist()
        if sum(n * (c[1] + t[1]) for n, (c, t) in zip(n_laws, spans, strict=True)) > _MOST_CELLS:
            raise NoExactSolutionError(f"two strata of {self.trial.n_patients} patients in all")
        at_once = max(_TOGETHER // self.trial.n_patients**2, 1)
        found = np.zeros(len(chances))
        for begin in range(0, len(pairs), at_once):
            some = slice(begin, begin + at_once)
            here = slice(*np.searchsorted(pair, (begin, begin + at_once)))
            of_some = laws.some(here), pair[here] - begin
            found += self._of_pairs(pairs[some], spans[some], of_some, chances, rest)
        return found

    def _of_pairs(
        self,
        pairs: Sequence[Sizes],
        spans: Sequence[Spans],
        laws: tuple[StrataSizes, IntArray],
        chances: FloatArray,
        rest: Rest,
    ) -> FloatArray:
        """Return the part of these powers that some pairs of arm sizes have.

        Each comes with the responders that arms may have; `laws` are the sizes by stratum, and
        the pair of each.
        """
        widest = _widest(spans)
        arms = [np.zeros((len(pairs), len(chances), high - low)) for low, high in widest]
        for number, (both, span) in enumerate(zip(pairs, spans, strict=True)):
            for arm, rows in enumerate(_rows(both, span, chances)):
                begin = span[arm][0] - widest[arm][0]
                arms[arm][number, :, begin : begin + rows.shape[1]] = rows
        control, new = arms
        likely = new.max(axis=1)[:, :, None] * control.max(axis=1)[:, None]
        tables = even_strata(self._rule, *laws, widest, likely, rest=rest)
        return np.asarray(((new @ tables) * control).sum(axis=(0, 2)))

    def looks(self, chances: FloatArray) -> LookChances:
        """Return what becomes of the trial at its looks; `chances` is (2, n_cells).

        Raises
        ------
        NoExactSolutionError
            If not all that may happen can be enumerated.
        """
        by_stratum = self._by(self.trial.stratify_by, chances[None])
        if by_stratum.shape[2] > 1 or self.analysis.test.formula != "tables":
            raise NoExactSolutionError("looks within strata")
        control, new = by_stratum[0, :, 0].tolist()
        return look_chances(self.trial, self.analysis, self.endpoint, (control, new))

    def _strata_sizes(self, share: float) -> StrataSizes:
        """Return the arm sizes of the test's two strata."""
        if not self.trial.stratify_by:
            return sizes_split(self.trial, share)
        if set(self.trial.stratify_by) != set(self._test_strata):
            raise NoExactSolutionError("allocation and test are stratified by different factors")
        return sizes_of_two(self.trial, share)


def count_design(trial: Trial) -> CountDesign:
    """Return a trial as counts.

    Raises
    ------
    NoExactSolutionError
        If it is none; why is said.
    """
    analysis, endpoint = trial.analysis, trial.primary.response_at_visits
    if analysis is None or endpoint is None:
        raise NoExactSolutionError("no response at visits is tested")
    if analysis.test.formula not in ("tables", "strata") or analysis.adjust_for:
        raise NoExactSolutionError(f"{analysis.name} sees more than counts")
    if len(trial.arms) != _TWO or trial.family is not None or trial.rule.changes:
        raise NoExactSolutionError("more than two arms are compared once")
    if not _sees_all(trial, endpoint):
        raise NoExactSolutionError("how many patients are in the analysis is left to chance")
    if not independent(trial):
        raise NoExactSolutionError("patients depend on the date or on each other")
    cells = cells_of(trial, (*analysis.stratify_by, *trial.stratify_by))
    return CountDesign(trial=trial, analysis=analysis, endpoint=endpoint, cells=tuple(cells))


def is_enumerated(trial: Trial) -> bool:
    """Return whether all that may happen to a trial that is counts is gone through.

    Parameters
    ----------
    trial : Trial
        Any; cost is not asked for: of very many patients in two strata not all tables are.
    """
    try:
        design = count_design(trial)
        sizes_in(trial, trial.n_patients)
    except NoExactSolutionError:
        return False
    return design.is_enumerated and not takes_minutes(trial)


def independent(trial: Trial) -> bool:
    """Return whether patients and their outcomes depend on no date, supply or other outcome.

    Nor on each other through a lot, nor on a treatment that begins anew on the way.
    """
    population = trial.population
    alone = not population.drift and population.correlated is None and trial.supply is None
    return alone and not any(a.unequal_lots or a.law.restarts_matter for a in trial.arms)


def _sees_all(trial: Trial, endpoint: ResponseAtVisits) -> bool:
    """Return whether everybody's last visit is due at the look."""
    latest = min(endpoint.visits[-1] + trial.visit_conduct.window, trial.follow_up)
    return trial.cutoff.patients_known(latest, trial.n_patients) == trial.n_patients


def _pair(sizes: IntArray) -> Sizes:
    control, new = sizes.tolist()
    return control, new


def _spans(sizes: Sizes, chances: FloatArray) -> Spans:
    """Return the responders that arms may have at all truths; `chances` is (n_truths, 2)."""
    low, high = chances.min(axis=0), chances.max(axis=0)
    of_control, of_new = (
        likely_span(n, float(low[arm]), float(high[arm])) for arm, n in enumerate(sizes)
    )
    return of_control, of_new


def _widest(spans: Sequence[Spans]) -> Spans:
    """Return the spans that hold all of some."""
    of_control, of_new = (
        (min(low for low, _ in arm), max(high for _, high in arm))
        for arm in zip(*spans, strict=True)
    )
    return of_control, of_new


def _possible(spans: Spans, sizes: Sizes) -> Spans:
    """Return spans without what is more than an arm's patients."""
    of_control, of_new = (
        (low, min(end, n + 1)) for (low, end), n in zip(spans, sizes, strict=True)
    )
    return of_control, of_new


def _rows(sizes: Sizes, spans: Spans, chances: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the chances of the responders of control and of the other arm at each truth."""
    control, new = (rows_of(sizes[k], chances[:, k], spans[k]) for k in range(_TWO))
    return control, new


def _check_cost(n_laws: int, strata: tuple[Sizes, Sizes], spans: Spans) -> None:
    (low, high), (low_new, high_new) = spans
    cases = n_laws * (high - low) * (high_new - low_new) * min(sum(strata[0]), sum(strata[1]))
    if cases > _MOST_CASES:
        raise NoExactSolutionError(f"two strata of {sum(map(sum, strata))} patients in all")
