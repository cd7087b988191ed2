"""Tests that say more than numbers: two-stage designs, priors, references of a single arm."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import numpy as np

from lupusim.analysis.power import one_look_patients
from lupusim.analysis.proportions.beta_binomial import BetaPrior, power_prior, robust_prior
from lupusim.analysis.proportions.posterior_tests import PosteriorDifferenceTest, PosteriorRankTest
from lupusim.analysis.single_arm.designs import SimonDesigns, simon
from lupusim.analysis.single_arm.enumeration import look_chances
from lupusim.analysis.single_arm.tests import ExactBinomialTest, PosteriorProbabilityTest, SimonTest
from lupusim.analysis.survival.one_sample_logrank import OneSampleLogrankTest
from lupusim.common.frozen import dataclass
from lupusim.model import MultiStateModel
from lupusim.scenario.analysis.around import Around
from lupusim.scenario.analysis.reference import read_reference
from lupusim.scenario.document.section import Choice, Integer, ListOf, Number, Section
from lupusim.trial import Analysis, Better, TestMethod
from lupusim.trial.design import KnownEffect, SimulatedEffect

T = TypeVar("T")
_RATE = Number(above=0, below=1)
_MOST_PATIENTS = 120  # of a two-stage design that is looked for
_HOPELESS = 1.3 * _MOST_PATIENTS
_ALPHA, _SIMON_ALPHA, _SIMON_POWER = 0.025, 0.05, 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Particular:
    """What such a test makes of the analysis; `test` is None after a problem."""

    test: TestMethod | None
    alpha: float = _ALPHA
    sided: int = 1
    null_law: MultiStateModel | None = None

    def analysis(
        self,
        section: Section,
        kind: TestMethod,
        *,
        name: str,
        truth: KnownEffect | SimulatedEffect | None,
    ) -> Analysis:
        """Return the analysis; one with the test's defaults after a problem."""
        made = section.build(
            lambda: Analysis(
                name=name,
                test=self.test or kind,
                effect=kind.effect,
                alpha=self.alpha,
                sided=self.sided,
                truth=truth,
                null_law=self.null_law,
            )
        )
        return made or Analysis(name=name, test=kind, effect=kind.effect)


def read_particular(section: Section, name: object, around: Around | None) -> Particular | None:
    """Return the test of an analysis that has a reader of its own; None for any other."""
    if around is None or name not in _READERS:
        return None
    found = _READERS[str(name)](section, around)
    section.refuse("stratify_by", f"{name!r} takes no strata", "Remove it.")
    section.refuse("adjust_for", f"{name!r} takes no covariates", "Remove it.")
    return found


def _read_exact_binomial(section: Section, around: Around) -> Particular:
    del around
    null_rate = section.read("null_rate", _RATE)
    alpha, sided = _level(section)
    test = section.build_unfinished(lambda: ExactBinomialTest(null_rate=null_rate))
    return Particular(test=test, alpha=alpha, sided=sided)


def _level(section: Section) -> tuple[float, int]:
    alpha = section.read("alpha", Number(above=0, below=1), _ALPHA)
    return alpha, section.read("sided", Integer(at_least=1, at_most=2), 1)


def _one_sided(section: Section, why: str) -> None:
    sided = section.read("sided", Integer(at_least=1, at_most=2), 1)
    if sided != 1:
        section.place.child("sided").report(why, "Write 'sided: 1', or remove it.")


def _read_one_sample_logrank(section: Section, around: Around) -> Particular:
    alpha, sided = _level(section)
    reference = read_reference(
        section,
        around.primary,
        arms=around.arms,
        models=around.models,
        follow_up=around.follow_up,
    )
    if reference is None:
        return Particular(test=None)
    test = OneSampleLogrankTest(against=reference.hazard)
    return Particular(test=test, alpha=alpha, sided=sided, null_law=reference.law)


def _read_simon(section: Section, around: Around) -> Particular:
    null_rate = section.read("null_rate", _RATE)
    alternative_rate = section.read("alternative_rate", _RATE)
    if section.place.is_sound and not null_rate < alternative_rate:
        section.place.child("alternative_rate").report(
            f"{alternative_rate:g} is not above the null_rate {null_rate:g}", "Give more."
        )
    _one_sided(section, "Simon's design asks for more responders, which has one side")
    if around.primary.better is not Better.MORE and section.place.child("test").is_right:
        fault = "'simon' asks for more responders, and the primary endpoint for fewer"
        section.place.child("test").report(fault, "Count those who are well, or exact_binomial.")
    if section.has("design"):
        return _given_design(section, null_rate, alternative_rate)
    return _found_design(section, null_rate, alternative_rate)


def _given_design(section: Section, null_rate: float, alternative_rate: float) -> Particular:
    for name in ("alpha", "power", "criterion"):
        section.refuse(name, "the design is given, and has its own", "Remove it, or the design.")
    below = section.section("design")
    first, first_responders, patients, responders = (
        below.read(name, Integer(at_least=at_least))
        for name, at_least in (
            ("first_patients", 1),
            ("first_responders", 0),
            ("patients", 2),
            ("responders", 0),
        )
    )
    rates = section.place.child("null_rate"), section.place.child("alternative_rate")
    below.finish()
    if not (below.place.is_sound and all(place.is_right for place in rates)):
        return Particular(test=None, alpha=_SIMON_ALPHA)
    test = below.build(
        lambda: SimonTest(
            null_rate=null_rate,
            alternative_rate=alternative_rate,
            first_responders=first_responders,
            first_patients=first,
            responders=responders,
            patients=patients,
        )
    )
    return Particular(test=test, alpha=_SIMON_ALPHA if test is None else _own_level(test))


def _own_level(test: SimonTest) -> float:
    """Return the exact type I error of a given design."""
    efficacy, futility = test.two_stages.bounds(np.ones((1, 2)))
    sizes = (test.first_patients, test.patients)
    p_values = [test.p_values(n, better=Better.MORE, sided=1) for n in sizes]
    return look_chances(p_values, efficacy[0], futility[0], rate=test.null_rate).power


def _found_design(section: Section, null_rate: float, alternative_rate: float) -> Particular:
    alpha = section.read("alpha", Number(above=0, below=1), _SIMON_ALPHA)
    power = section.read("power", Number(above=0, below=1), _SIMON_POWER)
    criterion = section.read("criterion", Choice({n: n for n in ("optimal", "minimax")}), "optimal")

    def make() -> SimonTest:
        designs = _simon(null_rate, alternative_rate, alpha, power)
        return SimonTest.of(getattr(designs, criterion), null_rate, alternative_rate)

    return Particular(test=section.build_unfinished(make), alpha=alpha)


@lru_cache(maxsize=64)
def _simon(null_rate: float, alternative_rate: float, alpha: float, power: float) -> SimonDesigns:
    fault = (
        f"no two-stage design of up to {_MOST_PATIENTS} patients has alpha {alpha:g} and "
        f"power {power:g}. Ask for less, or give a 'design'"
    )
    # SPEED: a search in vain takes many seconds, and one look needs about as many patients
    if one_look_patients(alternative_rate, null_rate, alpha=alpha, power=power) > _HOPELESS:
        raise ValueError(fault)
    try:
        return simon(
            null_rate, alternative_rate, alpha=alpha, power=power, most_patients=_MOST_PATIENTS
        )
    except ValueError as error:
        raise ValueError(fault) from error


def _threshold(section: Section) -> float:
    """Return the threshold of a posterior probability, which takes the level's place."""
    section.refuse("alpha", "the threshold takes its place", "Remove it.")
    _one_sided(section, "a posterior probability has one side")
    return section.read("threshold", _RATE)


def _read_posterior_probability(section: Section, around: Around) -> Particular:
    del around
    threshold, null_rate = _threshold(section), section.read("null_rate", _RATE)
    prior = _borrowed(section, _beta(section, "prior"))
    test = section.build_unfinished(
        lambda: PosteriorProbabilityTest(null_rate=null_rate, threshold=threshold, prior=prior),
    )
    return _at_threshold(test, threshold)


def _read_posterior_difference(section: Section, around: Around) -> Particular:
    del around
    threshold = _threshold(section)
    margin = section.read("margin", Number(above=-1, below=1), 0.0)
    prior = _beta(section, "prior")
    control_prior = _borrowed(section, prior)
    test = section.build_unfinished(
        lambda: PosteriorDifferenceTest(
            threshold=threshold, margin=margin, prior=prior, control_prior=control_prior
        ),
    )
    return _at_threshold(test, threshold)


def _read_posterior_rank(section: Section, around: Around) -> Particular:
    threshold = _threshold(section)
    prior = section.read("prior", Number(above=0), 1.0)
    ranking = around.primary.ranks or ((), ())
    if not around.primary.ranks and section.place.child("test").is_right:
        fault = "'posterior_rank' compares ranks of states, and the primary endpoint has none"
        section.place.child("test").report(fault, "Use it with an ordinal_state.")
    test = section.build_unfinished(
        lambda: PosteriorRankTest(threshold=threshold, n_ranks=len(ranking), prior=prior)
    )
    return _at_threshold(test, threshold)


def _at_threshold(test: TestMethod | None, threshold: float) -> Particular:
    return Particular(test=test, alpha=1 - threshold if test is not None else _ALPHA)


def _beta(section: Section, name: str) -> BetaPrior:
    """Return a beta prior: prior responders and non-responders."""
    numbers = section.read(name, ListOf(Number(above=0)), (1.0, 1.0))
    place = section.place.child(name)
    if len(numbers) != 2 and place.is_sound:
        fix = "Give two: prior responders and non-responders."
        place.report(f"{len(numbers)} numbers are given", fix)
    if not place.is_sound:
        return BetaPrior()
    return BetaPrior(alphas=(numbers[0],), betas=(numbers[1],))


def _borrowed(section: Section, initial: BetaPrior) -> BetaPrior:
    """Return a prior with what is borrowed from patients outside the trial."""
    if not section.has("borrowing"):
        return initial
    below = section.section("borrowing")
    method = below.read(
        "method", Choice({n: n for n in ("power_prior", "robust_mixture")}), "power_prior"
    )
    responders = below.read("responders", Number(at_least=0))
    patients = below.read("patients", Number(above=0))
    if below.place.is_sound and responders > patients:
        fault = f"{responders:g} responders are more than the {patients:g} patients"
        below.place.child("responders").report(fault, "Give at most as many.")
    start = (initial.alphas[0], initial.betas[0])
    if method == "power_prior":
        below.refuse("vague", "a power prior has no other part", "Write 'method: robust_mixture'.")
        weight = below.read("weight", Number(at_least=0, at_most=1))
        made = below.build(
            lambda: power_prior(responders, patients, discount=weight, initial=start)
        )
        return made or initial
    share, vague = below.read("weight", _RATE), _beta(below, "vague")
    made = below.build(
        lambda: robust_prior(
            power_prior(responders, patients, discount=1.0, initial=start),
            weight=share,
            vague=vague,
        )
    )
    return made or initial


_READERS: dict[str, Callable[[Section, Around], Particular]] = {
    "exact_binomial": _read_exact_binomial,
    "simon": _read_simon,
    "posterior_probability": _read_posterior_probability,
    "one_sample_logrank": _read_one_sample_logrank,
    "posterior_difference": _read_posterior_difference,
    "posterior_rank": _read_posterior_rank,
}
