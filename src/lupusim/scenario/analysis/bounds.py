"""A scenario's bounds: at which statistics its looks stop the trial."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any, cast

from lupusim.analysis.group_sequential import (
    BetaSpending,
    BySpending,
    EfficacyAt,
    EfficacyBounds,
    EfficacyRule,
    FutilityBounds,
    HaybittlePeto,
    LanDeMetsOBrienFleming,
    Spending,
    UserSpending,
    WangTsiatis,
    bounds,
    z_from_p_value,
)
from lupusim.analysis.group_sequential.probability_bounds import PosteriorEfficacy, WithFutility
from lupusim.analysis.group_sequential.spending import SPENDINGS
from lupusim.analysis.group_sequential.stopping import GroupSequential, WithEffects
from lupusim.scenario.analysis.probability_bounds import read_levels, read_posterior
from lupusim.scenario.document.section import Choice, Flag, MappingOf, Number, Section
from lupusim.trial import Analysis, Endpoint, StoppingRule

_DEFAULT_RULE = BySpending(spending=LanDeMetsOBrienFleming())
_EFFICACY: dict[str, Callable[[float], EfficacyRule]] = {
    "spending": lambda _: _DEFAULT_RULE,
    "haybittle_peto": lambda bound: HaybittlePeto(bound=bound),
    "wang_tsiatis": lambda delta: WangTsiatis(delta=delta),
}
_GIVEN = ("z", "p")
_DEFAULT_ALPHA = 0.025
_DEFAULT_BETA = 0.1
_GREAT_HARM = math.log(1.5)  # nobody waits for it before giving up
_ROUNDING = 1.01  # bounds are quoted to two or three digits
_DIGITS = 0.01
_SPENDS_NOTHING = 10.0  # z


def read_stopping(
    sections: list[Section],
    primary: Endpoint,
    analysis: Analysis | None,
    planned: tuple[float, ...],
) -> StoppingRule | None:
    """Return the bounds of all looks; None where no look has any.

    Parameters
    ----------
    sections : list of Section
        The looks, the final one last.
    primary : Endpoint
        What is tested.
    analysis : Analysis or None
        The test.
    planned : tuple of float
        Information fractions of the looks as planned, or as supposed.
    """
    if not any(s.has(name) for s in sections for name in ("efficacy", "futility")):
        return None
    return _Reader(sections, analysis, planned).rule(primary)


class _Reader:
    """Reads the bounds of the looks of one trial."""

    def __init__(
        self, sections: list[Section], analysis: Analysis | None, planned: tuple[float, ...]
    ) -> None:
        self.looks, self.planned = sections, planned
        self.last = len(sections)
        self.sided = analysis.sided if analysis else 1
        alpha = analysis.alpha if analysis else _DEFAULT_ALPHA
        self.alpha = alpha if alpha < self.sided / 2 else _DEFAULT_ALPHA  # the trial reports it
        self.analysis = analysis
        self.efficacy = {
            k: s.section("efficacy") for k, s in enumerate(sections, 1) if s.has("efficacy")
        }
        self.futility = {
            k: s.section("futility") for k, s in enumerate(sections, 1) if s.has("futility")
        }

    def rule(self, primary: Endpoint) -> StoppingRule:
        least, futile = self._effects(self.efficacy), self._effects(self.futility)
        rule = self._by_bounds({k: s for k, s in self.futility.items() if k not in futile})
        for k in set(futile) & {self.last}:
            self._last_does_not_give_up(self.futility[k])
        for k in futile:
            self.futility[k].finish()
        if not (least or futile) or self.analysis is None:
            return rule
        sign = self.analysis.test.benefit_sign(primary.better)
        no_margin = not self.analysis.test.has_margin
        if self.analysis.effect.startswith("log ") and no_margin:
            self._are_logarithms(self.efficacy, least, -sign, 0.0)
            self._are_logarithms(self.futility, futile, -sign, _GREAT_HARM)
        return WithEffects(rule=rule, least=least, futile=futile, sign=sign)

    def _effects(self, sections: Mapping[int, Section]) -> dict[int, float]:
        """Return the estimates that are asked for, by look."""
        found = {k: s.read("effect", Number()) for k, s in sections.items() if s.has("effect")}
        if found and self.sided == 2:
            place = sections[next(iter(found))].place
            place.report(
                "a two-sided test has no one good direction of the estimate",
                "Give 'sided: 1' and half of alpha.",
            )
        return found

    def _are_logarithms(
        self, sections: Mapping[int, Section], effects: Mapping[int, float], sign: int, most: float
    ) -> None:
        """Report effects that harm by more than `most`: ratios that should be logarithms."""
        for k, effect in effects.items():
            if sign * effect > most and self.analysis is not None:
                place = sections[k].place.child("effect")
                fault = f"{effect:g} is a harm: estimates are of the {self.analysis.effect}"
                place.report(fault, "Give the logarithm, such as -0.357 for a ratio of 0.7.")

    def _by_bounds(self, futility: dict[int, Section]) -> StoppingRule:
        efficacy = self._efficacy()
        by_power = read_levels({k: self.looks[k - 1] for k in futility}, self.last)
        given = None if by_power else self._futility(futility)
        spends = efficacy.group_sequential
        if spends is not None:
            futile = given if self.sided == 1 else None  # reported below
            efficacy = spends = replace(spends, futility=futile)
            if isinstance(given, FutilityBounds):
                self._do_not_cross(spends, given)
        elif given is not None:
            fault = "bounds by posterior probability go with futility by probability or power"
            fix = "Give 'posterior', 'conditional_power' or 'predictive_power'."
            self.looks[next(iter(futility)) - 1].place.report(fault, fix)
        one_way = by_power or given or spends is None
        if self.sided == 2 and one_way:
            fault = "a two-sided test cannot stop by what is likely in one direction"
            self.looks[0].place.report(fault, "Give 'sided: 1' and half of alpha.")
        if by_power is None:
            return efficacy
        measure, levels = by_power
        return WithFutility(rule=efficacy, measure=measure, levels=levels)

    def _do_not_cross(self, rule: GroupSequential, given: FutilityBounds) -> None:
        """Report z that give up where the trial, as planned, would rather succeed."""
        sections = [*self.efficacy.values(), *self.futility.values()]
        if self.sided == 2 or not all(section.place.is_sound for section in sections):
            return
        alone = bounds(self.planned, self.alpha, spending=rule.efficacy).efficacy
        for k, section in self.futility.items():
            if k < self.last and given.z[k - 1] > alone[k - 1]:
                section.place.report(
                    f"the trial gives up below z = {given.z[k - 1]:.4g}, and succeeds above "
                    f"{alone[k - 1]:.4g}",
                    "Lower it.",
                )

    def _efficacy(self) -> GroupSequential | PosteriorEfficacy:
        """Return the efficacy bounds: given one by one, or by one rule for all looks."""
        looks = sorted({*self.efficacy, self.last})
        if any(s.has(name) for s in self.efficacy.values() for name in _GIVEN):
            return self._sequential(self._given())
        rules = {k: self._one_rule(s) for k, s in self.efficacy.items()}
        first = next(iter(rules.values()), _DEFAULT_RULE)
        for k, rule in rules.items():
            if rule != first:
                self.efficacy[k].place.report(
                    "the bounds differ from those of an earlier look",
                    "Give the same rule at every look that has one, or 'z' or 'p' at each.",
                )
        if isinstance(first, PosteriorEfficacy):
            return replace(first, looks=tuple(looks))
        if isinstance(first, HaybittlePeto):
            self._leaves_alpha(first.bound)
        every = looks == list(range(1, self.last + 1))
        return self._sequential(first if every else EfficacyAt(looks=looks, rule=first))

    def _leaves_alpha(self, z: float) -> None:
        """Report a constant whose interim looks alone spend alpha, and name the least that do."""
        interim = [k for k in self.efficacy if k < self.last]
        if not (interim and _are_sound(self.efficacy)):
            return
        if (spent := self._spent_before_the_last(z)) < self.alpha:
            return
        low, high = z, _SPENDS_NOTHING
        while high - low > _DIGITS / 2:
            middle = (low + high) / 2
            enough = self._spent_before_the_last(middle) < self.alpha
            low, high = (low, middle) if enough else (middle, high)
        least = math.ceil(high / _DIGITS) * _DIGITS
        self.efficacy[interim[0]].place.child("haybittle_peto").report(
            f"the looks before the last one spend {spent:.4g} as planned, and alpha is "
            f"{self.alpha:g}: the last look could never succeed",
            f"Give at least {least:.2f}; 3 is usual.",
        )

    def _spent_before_the_last(self, z: float) -> float:
        """Return the alpha that interim looks spend with one constant."""
        at = [z if k in self.efficacy else math.inf for k in range(1, self.last)]
        rule = EfficacyBounds(z=at, last=math.inf)  # or no more than alpha would be spent
        spent = bounds(self.planned, self.alpha, sided=self.sided, spending=rule).alpha_spent
        return float(spent[-2])

    def _sequential(self, rule: EfficacyRule) -> GroupSequential:
        return GroupSequential(alpha=self.alpha, sided=self.sided, efficacy=rule)

    def _given(self) -> EfficacyRule:
        """Return bounds given as z or p, look by look, once it is known what they spend."""
        z = [math.inf] * self.last
        for k, section in self.efficacy.items():
            z[k - 1] = self._z(section, self.sided)
            section.finish()
        first = next(iter(self.efficacy.values()))
        if not _are_sound(self.efficacy):
            return _DEFAULT_RULE
        last = z[-1] if self.last in self.efficacy else None
        rule = first.build(lambda: EfficacyBounds(z=tuple(z[:-1]), last=last))
        if rule is None:
            return _DEFAULT_RULE
        asked = replace(rule, last=math.inf if last is None else last)
        spent = bounds(self.planned, self.alpha, sided=self.sided, spending=asked).alpha_spent
        most = float(spent[-1])
        if most > self.alpha * _ROUNDING or (last is None and most >= self.alpha):
            first.place.report(
                f"the bounds spend {most:.4g} at the looks as planned, and alpha is {self.alpha:g}",
                "Raise them.",
            )
        return rule

    def _z(self, section: Section, sided: int) -> float:
        """Return the bound of one look on the z scale, from z or p."""
        given = [name for name in _GIVEN if section.has(name)]
        if len(given) != 1:
            section.place.report(
                "some looks give z or p, others a rule", "Give z or p at every look."
            )
            return 1.0
        if given == ["z"]:
            return section.read("z", Number())
        p_value = section.read("p", Number(above=0, below=1))
        return float(z_from_p_value(p_value / sided)) if 0 < p_value < 1 else 1.0

    def _one_rule(self, section: Section) -> EfficacyRule | PosteriorEfficacy:
        """Return the rule of one look's efficacy bound."""
        if section.has("posterior"):
            return read_posterior(section)
        given = [name for name in _EFFICACY if section.has(name)]
        if len(given) != 1:
            fix = f"Give one of {', '.join([*_EFFICACY, *_GIVEN, 'posterior'])}."
            section.place.report("one rule is needed", fix)
            return _DEFAULT_RULE
        if given == ["spending"]:
            return BySpending(spending=_spending(section, self.alpha, "alpha"))
        number = section.read(given[0], Number())
        make = _EFFICACY[given[0]]
        return section.build(lambda: make(number)) or _DEFAULT_RULE

    def _futility(self, sections: dict[int, Section]) -> BetaSpending | FutilityBounds | None:
        """Return the rule of the futility bounds: all by spending, or all given."""
        if not sections:
            return None
        binding = [section.read("binding", Flag(), False) for section in sections.values()]
        if len(set(binding)) > 1:
            self._differ(sections)
        given = [any(section.has(name) for name in _GIVEN) for section in sections.values()]
        if any(given) and not all(given):
            place = next(iter(sections.values())).place
            place.report("some looks give z, others spending", "Give the same kind at every look.")
        if self.last in sections:
            self._last_does_not_give_up(sections[self.last])
        if all(given):
            z = [-math.inf] * self.last
            for k, section in sections.items():
                z[k - 1] = self._z(section, 1)
                section.finish()
            if not _are_sound(sections):
                return None
            return FutilityBounds(z=tuple(z[:-1]), binding=any(binding))
        return self._spent(sections, any(binding))

    def _spent(self, sections: dict[int, Section], binding: Any) -> BetaSpending | None:
        betas = [s.read("beta", Number(above=0, below=1), _DEFAULT_BETA) for s in sections.values()]
        pairs = list(zip(sections.values(), betas, strict=True))
        spendings = [_spending(section, beta, "beta") for section, beta in pairs]
        if not _are_sound(sections):
            return None
        if any(b != betas[0] for b in betas) or any(s != spendings[0] for s in spendings):
            self._differ(sections)
        for section, beta in pairs:
            if beta >= 1 - self.alpha:
                fault = f"{beta:g} leaves power {1 - beta:g}, no more than alpha {self.alpha:g}"
                section.place.child("beta").report(fault, "Give less, such as 0.1.")
        return BetaSpending(
            beta=betas[0], spending=spendings[0], binding=binding, looks=tuple(sections)
        )

    def _differ(self, sections: dict[int, Section]) -> None:
        *_, last = sections.values()
        last.place.report(
            "the bounds differ from those of an earlier look", "Give the same rule at every look."
        )

    def _last_does_not_give_up(self, section: Section) -> None:
        fault = "the last look rejects or not: it has no futility bound of its own"
        section.place.report(fault, "Remove it.")


def _are_sound(sections: Mapping[int, Section]) -> bool:
    return all(section.place.is_sound for section in sections.values())


def _spending(section: Section, error: float, name: str) -> Spending:
    """Return a spending function; O'Brien and Fleming's stands in for what cannot be read."""
    if section.is_mapping("spending"):
        return _user_spending(section, error, name)
    family = section.read("spending", Choice(SPENDINGS))
    names = [field.name for field in fields(cast(Any, family))]
    values = {name: section.read(name, Number()) for name in names}
    return section.build(lambda: family(**values)) or LanDeMetsOBrienFleming()


def _user_spending(section: Section, error: float, name: str) -> Spending:
    """Return spending given as cumulative errors at information fractions."""
    spent = section.read("spending", MappingOf(Number(at_least=0)))
    place = section.place.child("spending")
    try:
        fractions = [float(fraction) for fraction in spent]
    except ValueError:
        place.report("an information fraction is no number", "Write {0.5: 0.003, 1: 0.025}.")
        return LanDeMetsOBrienFleming()
    values = list(spent.values())
    rising = all(a < b for a, b in pairwise(fractions))
    if not (fractions and rising and fractions[0] > 0 and fractions[-1] == 1):
        place.report("the information fractions do not rise from above 0 to 1", "End with 1.")
    elif any(a > b for a, b in pairwise(values)):
        place.report(
            f"the {name} spent falls", f"Give the {name} spent in all up to each fraction."
        )
    elif not math.isclose(values[-1], error, rel_tol=1e-9):
        place.report(f"{values[-1]:g} is spent in all, and {name} is {error:g}", "Let them agree.")
    section.finish()
    if not section.place.is_sound:
        return LanDeMetsOBrienFleming()
    share = tuple(value / values[-1] for value in values)
    return UserSpending(fraction=tuple(fractions), share=share)
