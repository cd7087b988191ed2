r"""One cohort seen several times is not several cohorts: its counts have one likelihood.

All counts of the same patients (where they are at several times, where they had been, who has
died) are sums over one table of paths, see :mod:`lupusim.calibration.estimation.margin_sums`.
Targets of different softness s share it by the chain rule, the harder ones first:

.. math:: \log L = \sum_i (s_i - s_{i+1}) \log P(\text{targets at least as hard as } s_i).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lupusim.calibration.estimation.joint_counts import ContradictionError, JointCounts, join
from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.prediction.path_family import PathFamily
from lupusim.calibration.prediction.path_tree import TooManyPathsError, path_tree
from lupusim.calibration.targets.margins import Margin
from lupusim.calibration.targets.studies import Study, Target
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.errors import EvidenceError, Problem

_FEWEST = 2  # targets that make a cohort: one alone has a likelihood of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Some counts of a cohort, and what their log likelihood is multiplied with."""

    margins: tuple[Margin, ...]  # what the study says
    n_patients: float  # the whole study
    counts: JointCounts  # what they amount to over the paths of `family`
    family: PathFamily  # the paths
    weight: float  # above 0

    def redrawn(self, free: FloatArray, *, is_whole: bool, rng: np.random.Generator) -> Term:
        """Return the term of patients drawn at one vector, (n_parameters,).

        As many as the weight leaves, rounded, and then at full weight, where `is_whole`.
        """
        share = self.weight if is_whole else 1.0
        names = [None if m.n is None else _part(m.n, share) for m in self.margins]
        n_patients = _part(self.n_patients, share)
        answers = self.family.tree.answers
        says = answers ^ np.array([margin.says_no for margin in self.margins])
        paths = self.family.probabilities(free[None])[0]
        asked = np.array([n_patients if n is None else n for n in names])
        levels = np.unique(asked)
        counts = np.zeros(len(names))
        for size, level in zip(np.diff([0.0, *levels]), levels, strict=True):
            drawn = rng.multinomial(int(size), paths / paths.sum())
            counts += np.where(asked >= level, drawn @ says, 0)
        margins = tuple(
            replace(margin, count=float(count), n=n)
            for margin, count, n in zip(self.margins, counts, names, strict=True)
        )
        return replace(
            self,
            margins=margins,
            n_patients=n_patients,
            counts=join(margins, answers, n_patients),
            weight=1.0 if is_whole else self.weight,
        )


def _part(n: float, share: float) -> float:
    return float(max(round(share * n), 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """The joint likelihood of one study's counts."""

    study: Study  # whose patients they are
    cells: IntArray  # positions of their cells among all of the likelihood
    terms: tuple[Term, ...]
    """One, unless the targets differ in softness or are too many for one tree of paths."""
    parts: tuple[FloatArray | None, ...]
    """Which paths of the last term make up a term's; None where they don't, and for the last."""

    def residuals(self, free: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return residuals that measure a misfit, and those that don't; (n, ...) each."""
        fits, rests = [], []
        finest = self.terms[-1].family.probabilities(free)
        for term, part in zip(self.terms, self.parts, strict=True):
            if part is not None:
                paths = finest @ part
            else:
                paths = finest if term is self.terms[-1] else term.family.probabilities(free)
            found = np.sqrt(term.weight) * term.counts.residuals(paths)
            n_fits = found.shape[1] - term.counts.n_rest
            fits.append(found[:, :n_fits])
            rests.append(found[:, n_fits:])
        return np.hstack(fits), np.hstack(rests)

    def coarse(self) -> Cohort:
        """Return the same likelihood with the probabilities of a coarser mesh."""
        return replace(
            self,
            terms=tuple(
                replace(t, family=PathFamily(t.family.free_model, t.family.tree, is_coarse=True))
                for t in self.terms
            ),
        )

    def redrawn(self, free: FloatArray, *, rng: np.random.Generator) -> Cohort:
        """Return the likelihood of the counts of new patients at one vector, (n_parameters,)."""
        is_whole = len(self.terms) == 1
        terms = tuple(term.redrawn(free, is_whole=is_whole, rng=rng) for term in self.terms)
        return replace(self, terms=terms)

    @property
    def constant(self) -> float:
        """What half the squared residuals lack to minus the log likelihood."""
        return float(sum(term.weight * term.counts.constant for term in self.terms))


def joint_positions(targets: Sequence[tuple[Study, Target]]) -> list[tuple[Study, list[int]]]:
    """Return the studies that count the same patients in several targets, with their positions."""
    positions: dict[str, list[int]] = {}
    studies: dict[str, Study] = {}
    for k, (study, target) in enumerate(targets):
        margins = target.measure.margins(target.measure.observed)
        if study.cohort == "one cohort" and margins is not None:
            positions.setdefault(study.name, []).append(k)
            studies[study.name] = study
    return [(studies[name], ks) for name, ks in positions.items() if len(ks) >= _FEWEST]


def make_cohort(
    study: Study,
    targets: Sequence[Target],
    observed: Sequence[FloatArray],
    *,
    cells: Sequence[IntArray],
    free_model: FreeModel,
) -> Cohort | None:
    """Return the joint likelihood of some targets of one study.

    Parameters
    ----------
    study : Study
        Whose patients they are.
    targets : sequence of Target
        Of that study.
    observed : sequence of (n_cells,) arrays
        Their counts, those published or others in their place.
    cells : sequence of integer arrays
        Positions of their cells.
    free_model : FreeModel
        The model.

    Returns
    -------
    Cohort or None
        Without targets whose denominators are but those who were followed, where others say
        that there are more: these stay alone. None if fewer than two are left.

    Raises
    ------
    EvidenceError
        If no patients of the model can have these counts.
    """
    margins = [
        target.measure.margins(counts) or ()
        for target, counts in zip(targets, observed, strict=True)
    ]
    try:
        terms = _all_terms(study, targets, margins, free_model)
    except ContradictionError as wrong:
        whole = [k for k, some in enumerate(margins) if not any(m.may_be_more for m in some)]
        if not wrong.is_partial or len(whole) == len(margins):
            raise _refusal(study, targets, free_model, wrong.size) from None
        if len(whole) < _FEWEST:
            return None
        return make_cohort(
            study,
            [targets[k] for k in whole],
            [observed[k] for k in whole],
            cells=[cells[k] for k in whole],
            free_model=free_model,
        )
    return Cohort(
        study=study,
        cells=np.concatenate(cells),
        terms=tuple(terms),
        parts=(*(_part_of(term, terms[-1]) for term in terms[:-1]), None),
    )


def _part_of(term: Term, finest: Term) -> FloatArray | None:
    """Return which paths of the finest term make up each path of a term; None where it can't say.

    SPEED: targets of two kinds of softness need the paths once, not twice.
    """
    tree, whole = term.family.tree, finest.family.tree
    asked = [margin.question for margin in finest.margins]
    own = [margin.question for margin in term.margins]
    if not np.array_equal(tree.times, whole.times) or any(q not in asked for q in own):
        return None
    answers = whole.answers[:, [asked.index(question) for question in own]]
    return np.asarray((answers[:, None] == tree.answers).all(axis=2), dtype=float)


def _all_terms(
    study: Study,
    targets: Sequence[Target],
    margins: Sequence[Sequence[Margin]],
    free_model: FreeModel,
) -> list[Term]:
    """Return the terms of targets that may differ in softness."""
    softness = sorted({target.soft for target in targets}, reverse=True)
    terms: list[Term] = []
    for soft, following in zip(softness, [*softness[1:], 0.0], strict=True):
        chosen = [m for m, target in zip(margins, targets, strict=True) if target.soft >= soft]
        together = [margin for some in chosen for margin in some]
        terms += _terms(study, together, soft - following, free_model)
    return terms


def _terms(
    study: Study, margins: Sequence[Margin], weight: float, free_model: FreeModel
) -> list[Term]:
    """Return one term; where there are too many paths, one for each time given that before."""
    try:
        return [_term(study, margins, weight, free_model)]
    except TooManyPathsError:
        pass
    times = sorted({margin.question.time for margin in margins})
    terms = []
    for before, time in zip([None, *times[:-1]], times, strict=True):
        known = [m for m in margins if m.question.time == before]
        given = [
            Margin(question=m.question, count=m.count, n=m.n, is_condition=True) for m in known
        ]
        asked = [m for m in margins if m.question.time == time]
        terms.append(_term(study, [*given, *asked], weight, free_model))
    return terms


def _term(study: Study, margins: Sequence[Margin], weight: float, free_model: FreeModel) -> Term:
    tree = path_tree(free_model.model, [margin.question for margin in margins])
    counts = join(margins, tree.answers, study.n_patients)
    return Term(
        margins=tuple(margins),
        n_patients=study.n_patients,
        counts=counts,
        family=PathFamily(free_model, tree),
        weight=weight,
    )


def _refusal(
    study: Study, targets: Sequence[Target], free_model: FreeModel, size: float
) -> EvidenceError:
    """Return why a model can't have a study's counts, however its numbers are chosen."""
    names = ", ".join(repr(target.name) for target in targets)
    fault = (
        f"no patients who move as {free_model.model.name!r} lets them can have all of these "
        f"counts: {names}; at least {size:.3g} patients would have to be counted elsewhere"
    )
    fix = (
        "Correct the counts, give the model the transition that it lacks, or say "
        "'cohort: separate patients' if they are of other patients."
    )
    return EvidenceError(study.name, [Problem(key="targets", fault=fault, fix=fix)])
