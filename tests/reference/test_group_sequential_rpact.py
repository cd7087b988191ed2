"""Bounds, drift and expected information against rpact.

group_sequential_rpact.json holds what rpact 3.3.4 prints for each call (see the script beside it,
tolerance=1e-10), and our design is read from the same call.

rpact integrates on a fixed grid, which is too coarse for the last step of the five-look designs,
5 % of the information: halving our panels moves those bounds by less than 1e-11, so they are
compared to 2e-5 only.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lupusim.analysis.group_sequential import (
    BetaSpending,
    Bounds,
    EfficacyAt,
    FutilityBounds,
    HaybittlePeto,
    HwangShihDeCani,
    KimDeMets,
    UserSpending,
    WangTsiatis,
    bounds,
    drift_for_power,
    exit_probabilities,
    inflation_factor,
)

NUMBERS = json.loads(Path(__file__).with_name("group_sequential_rpact.json").read_text("utf-8"))


def arguments(call: str) -> dict[str, str]:
    """Return the arguments of a call of getDesignGroupSequential by their names."""
    return dict(re.findall(r"(\w+)=(c\([^)]*\)(?:/\d+)?|'\w+'|[^,]+)", call))


def vector(text: str) -> tuple[float, ...]:
    """Return the numbers of a vector of R; where it is divided as a whole, those before that."""
    return tuple(float(Fraction(number)) for number in text[2 : text.index(")")].split(","))


def user_spending(said: dict[str, str]) -> UserSpending:
    spent = vector(said["userAlphaSpending"])
    share = tuple(alpha / spent[-1] for alpha in spent)
    return UserSpending(fraction=vector(said["informationRates"]), share=share)


RULES = {
    "OF": lambda _: WangTsiatis(delta=0),
    "P": lambda _: WangTsiatis(delta=0.5),
    "WT": lambda said: WangTsiatis(delta=float(said["deltaWT"])),
    "HP": lambda _: HaybittlePeto(),
    "asOF": lambda _: "obrien_fleming",
    "asP": lambda _: "pocock",
    "asHSD": lambda said: HwangShihDeCani(gamma=float(said["gammaA"])),
    "asKD": lambda said: KimDeMets(rho=float(said["gammaA"])),
    "asUser": user_spending,
    "noEarlyEfficacy": lambda _: EfficacyAt(looks=(3,), rule="obrien_fleming"),
    "bsOF": lambda _: "obrien_fleming",
    "bsP": lambda _: "pocock",
    "bsHSD": lambda said: HwangShihDeCani(gamma=float(said["gammaB"])),
    "bsKD": lambda said: KimDeMets(rho=float(said["gammaB"])),
}


def design_of(call: str) -> Bounds:
    said = {name: text.strip("'") for name, text in arguments(call).items()}
    more: dict[str, Any] = {}
    binding = said.get("bindingFutility") == "TRUE"
    if (kind := said.get("typeBetaSpending")) is not None:
        beta = float(said["beta"])
        more["futility"] = BetaSpending(beta=beta, spending=RULES[kind](said), binding=binding)
    if (limits := said.get("futilityBounds")) is not None:
        more["futility"] = FutilityBounds(z=vector(limits), binding=binding)
    return bounds(
        vector(said["informationRates"]),
        alpha=float(said["alpha"]),
        sided=int(said["sided"]),
        spending=RULES[said["typeOfDesign"]](said),
        **more,
    )


@dataclass(frozen=True, kw_only=True)
class Reference:
    call: str
    design: Bounds
    efficacy: list[float]
    futility: list[float]
    shift: float
    asn: list[float]

    @property
    def tolerance(self) -> float:
        return 2e-5 if "0.95,1)" in self.call else 1e-6


DESIGNS = [Reference(call=call, design=design_of(call), **said) for call, said in NUMBERS.items()]
BY_CALL = {"ids": [one.call for one in DESIGNS]}


@pytest.mark.parametrize("reference", DESIGNS, **BY_CALL)
def test_efficacy_bounds_are_those_of_rpact(reference):
    expected = np.asarray(reference.efficacy)
    np.testing.assert_allclose(reference.design.efficacy, expected, atol=reference.tolerance)


@pytest.mark.parametrize("reference", [one for one in DESIGNS if one.futility])
def test_futility_bounds_are_those_of_rpact(reference):
    np.testing.assert_allclose(reference.design.futility[:-1], reference.futility, atol=1e-6)


@pytest.mark.parametrize("reference", DESIGNS, **BY_CALL)
def test_drift_for_90_percent_power_is_that_of_rpact(reference):
    shift = drift_for_power(reference.design, 0.9) ** 2
    assert shift == pytest.approx(reference.shift, rel=reference.tolerance)


@pytest.mark.parametrize("reference", DESIGNS, **BY_CALL)
def test_expected_information_is_that_of_rpact(reference):
    design = reference.design
    drift = drift_for_power(design, 0.9)
    ended = exit_probabilities(design, [0, drift / 2, drift])
    relative = ended.expected_information / design.information[-1] * inflation_factor(design, 0.9)
    np.testing.assert_allclose(relative, reference.asn, rtol=reference.tolerance)


def test_a_bound_off_by_a_tenth_of_a_percent_would_be_seen():  # negative control
    reference = DESIGNS[0]
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(reference.design.efficacy * 1.001, reference.efficacy, atol=1e-6)
