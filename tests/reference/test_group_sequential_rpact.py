"""Bounds, drift and expected information against rpact.

Each reference is printed by rpact 3.3.4 (R 4.2.2) for the call beside it, with tolerance=1e-10:
``criticalValues``, ``futilityBounds``, and of ``getDesignCharacteristics`` the shift and the
average sample numbers under no effect, half the effect and the effect, relative to one look.

rpact integrates on a fixed grid, which is too coarse for the last step of the five-look designs,
5 % of the information: halving our panels moves those bounds by less than 1e-11, so they are
compared to 2e-5 only.
"""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, kw_only=True)
class Reference:
    call: str
    design: Bounds
    efficacy: tuple[float, ...]
    futility: tuple[float, ...]
    shift: float
    asn: tuple[float, ...]

    @property
    def tolerance(self) -> float:
        return 2e-5 if "0.95,1)" in self.call else 1e-6


DESIGNS = [
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF')",
        design=bounds((1 / 3, 2 / 3, 1), alpha=0.025, spending="obrien_fleming"),
        efficacy=(3.710302873, 2.511427481, 1.993047478),
        futility=(),
        shift=10.63196502,
        asn=(1.009777822, 0.9707021108, 0.8114721463),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asP')",
        design=bounds((1 / 3, 2 / 3, 1), alpha=0.025, spending="pocock"),
        efficacy=(2.279428239, 2.294911136, 2.295939584),
        futility=(),
        shift=12.12787981,
        asn=(1.14252202, 1.029175773, 0.7211569023),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asHSD',gammaA=-4)",
        design=bounds((1 / 3, 2 / 3, 1), alpha=0.025, spending=HwangShihDeCani(gamma=-4)),
        efficacy=(3.010739485, 2.546530554, 1.999226354),
        futility=(),
        shift=10.66710479,
        asn=(1.012642294, 0.968951133, 0.7836538317),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asHSD',gammaA=1)",
        design=bounds((1 / 3, 2 / 3, 1), alpha=0.025, spending=HwangShihDeCani(gamma=1)),
        efficacy=(2.283141356, 2.284441253, 2.301255367),
        futility=(),
        shift=12.14787292,
        asn=(1.144386337, 1.030149213, 0.7213010375),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asKD',gammaA=3)",
        design=bounds((1 / 3, 2 / 3, 1), alpha=0.025, spending=KimDeMets(rho=3)),
        efficacy=(3.113017263, 2.461934018, 2.008705288),
        futility=(),
        shift=10.7007615,
        asn=(1.015571286, 0.9682049788, 0.7819612724),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asKD',gammaA=1)",
        design=bounds((1 / 3, 2 / 3, 1), alpha=0.025, spending=KimDeMets(rho=1)),
        efficacy=(2.393979800, 2.293768289, 2.199938828),
        futility=(),
        shift=11.62698442,
        asn=(1.097328318, 1.000947904, 0.7223786792),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(67,134,200)/200,alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF')",
        design=bounds((67, 134, 200), alpha=0.025, spending="obrien_fleming"),
        efficacy=(3.700233091, 2.504111320, 1.993727895),
        futility=(),
        shift=10.63418254,
        asn=(1.009964754, 0.9705417274, 0.811212478),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(67,134,200)/200,alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asP')",
        design=bounds((67, 134, 200), alpha=0.025, spending="pocock"),
        efficacy=(2.277899228, 2.293693794, 2.297253487),
        futility=(),
        shift=12.13087741,
        asn=(1.142813091, 1.029250232, 0.7213013179),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(67,134,200)/200,alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asHSD',gammaA=-4)",
        design=bounds((67, 134, 200), alpha=0.025, spending=HwangShihDeCani(gamma=-4)),
        efficacy=(3.007992587, 2.541097824, 1.999618401),
        futility=(),
        shift=10.66824692,
        asn=(1.012735437, 0.9687629966, 0.7832412641),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(67,134,200)/200,alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asHSD',gammaA=1)",
        design=bounds((67, 134, 200), alpha=0.025, spending=HwangShihDeCani(gamma=1)),
        efficacy=(2.281541467, 2.283270125, 2.302653613),
        futility=(),
        shift=12.15115129,
        asn=(1.144703679, 1.030248328, 0.7214683003),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(67,134,200)/200,alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asKD',gammaA=3)",
        design=bounds((67, 134, 200), alpha=0.025, spending=KimDeMets(rho=3)),
        efficacy=(3.108598657, 2.456496694, 2.009327999),
        futility=(),
        shift=10.70269568,
        asn=(1.015736132, 0.9680720973, 0.7816896933),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(67,134,200)/200,alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asKD',gammaA=1)",
        design=bounds((67, 134, 200), alpha=0.025, spending=KimDeMets(rho=1)),
        efficacy=(2.392149895, 2.291759123, 2.201084570),
        futility=(),
        shift=11.62988936,
        asn=(1.09760271, 1.000991663, 0.7224428404),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF')",
        design=bounds((0.2, 0.5, 0.6, 0.95, 1), alpha=0.025, spending="obrien_fleming"),
        efficacy=(4.876884949, 2.962629246, 2.711639456, 2.049436061, 2.075952725),
        futility=(),
        shift=10.76325312,
        asn=(1.021726275, 0.9752215697, 0.7941049379),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asP')",
        design=bounds((0.2, 0.5, 0.6, 0.95, 1), alpha=0.025, spending="pocock"),
        efficacy=(2.437976688, 2.332825173, 2.460253378, 2.304045972, 2.424927080),
        futility=(),
        shift=12.39813937,
        asn=(1.166755061, 1.045612821, 0.7159052298),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asHSD',gammaA=-4)",
        design=bounds((0.2, 0.5, 0.6, 0.95, 1), alpha=0.025, spending=HwangShihDeCani(gamma=-4)),
        efficacy=(3.252668488, 2.801736212, 2.729626788, 2.088324493, 2.060847853),
        futility=(),
        shift=10.77539843,
        asn=(1.022298748, 0.9712882247, 0.7746531666),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asHSD',gammaA=1)",
        design=bounds((0.2, 0.5, 0.6, 0.95, 1), alpha=0.025, spending=HwangShihDeCani(gamma=1)),
        efficacy=(2.448677250, 2.322702257, 2.449163530, 2.305155512, 2.433943737),
        futility=(),
        shift=12.41869154,
        asn=(1.168701022, 1.046488693, 0.7158100495),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asKD',gammaA=3)",
        design=bounds((0.2, 0.5, 0.6, 0.95, 1), alpha=0.025, spending=KimDeMets(rho=3)),
        efficacy=(3.540083799, 2.748833538, 2.644338285, 2.070531125, 2.086691015),
        futility=(),
        shift=10.82916875,
        asn=(1.027184482, 0.9721253648, 0.7704404117),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asKD',gammaA=1)",
        design=bounds((0.2, 0.5, 0.6, 0.95, 1), alpha=0.025, spending=KimDeMets(rho=1)),
        efficacy=(2.575829304, 2.377106067, 2.459105852, 2.218563117, 2.315787775),
        futility=(),
        shift=11.85073617,
        asn=(1.117482131, 1.01344039, 0.716733417),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.05,sided=2,beta=0.1"
        ",typeOfDesign='asOF')",
        design=bounds((0.2, 0.5, 0.6, 0.95, 1), alpha=0.05, sided=2, spending="obrien_fleming"),
        efficacy=(4.876884949, 2.962629246, 2.711639404, 2.049436063, 2.075956198),
        futility=(),
        shift=10.76326629,
        asn=(1.019106245, 0.9751966075, 0.7941055575),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.05,sided=2,beta=0.1"
        ",typeOfDesign='asP')",
        design=bounds((0.2, 0.5, 0.6, 0.95, 1), alpha=0.05, sided=2, spending="pocock"),
        efficacy=(2.437976688, 2.332825137, 2.460253078, 2.304034128, 2.424907893),
        futility=(),
        shift=12.39830623,
        asn=(1.153584642, 1.044932324, 0.7158816732),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.05,sided=2,beta=0.1"
        ",typeOfDesign='asHSD',gammaA=-4)",
        design=bounds(
            (0.2, 0.5, 0.6, 0.95, 1), alpha=0.05, sided=2, spending=HwangShihDeCani(gamma=-4)
        ),
        efficacy=(3.252668488, 2.801736214, 2.729626719, 2.088324253, 2.060853568),
        futility=(),
        shift=10.77542927,
        asn=(1.019096983, 0.9712323625, 0.7746535903),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='OF')",
        design=bounds((1 / 3, 2 / 3, 1), alpha=0.025, spending=WangTsiatis(delta=0)),
        efficacy=(3.471091445, 2.454432299, 2.004035580),
        futility=(),
        shift=10.67660003,
        asn=(1.013587812, 0.9694832636, 0.7987092776),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='OF')",
        design=bounds((0.2, 0.5, 0.6, 0.95, 1), alpha=0.025, spending=WangTsiatis(delta=0)),
        efficacy=(4.575143960, 2.893575107, 2.641460597, 2.099220018, 2.046066580),
        futility=(),
        shift=10.729699,
        asn=(1.018276583, 0.9686036654, 0.7803282914),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.05,sided=2,beta=0.1"
        ",typeOfDesign='OF')",
        design=bounds((1 / 3, 2 / 3, 1), alpha=0.05, sided=2, spending=WangTsiatis(delta=0)),
        efficacy=(3.471091442, 2.454432297, 2.004035579),
        futility=(),
        shift=10.67660003,
        asn=(1.011074918, 0.969454558, 0.7987091996),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.05,sided=2,beta=0.1"
        ",typeOfDesign='OF')",
        design=bounds((0.2, 0.5, 0.6, 0.95, 1), alpha=0.05, sided=2, spending=WangTsiatis(delta=0)),
        efficacy=(4.575151740, 2.893580028, 2.641465089, 2.099223588, 2.046070060),
        futility=(),
        shift=10.7297225,
        asn=(1.015401283, 0.9685742864, 0.7803302636),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='P')",
        design=bounds((1 / 3, 2 / 3, 1), alpha=0.025, spending=WangTsiatis(delta=0.5)),
        efficacy=(2.289478456, 2.289478456, 2.289478456),
        futility=(),
        shift=12.09024103,
        asn=(1.139133739, 1.02686301, 0.7210329861),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='P')",
        design=bounds((0.2, 0.5, 0.6, 0.95, 1), alpha=0.025, spending=WangTsiatis(delta=0.5)),
        efficacy=(2.387610412, 2.387610412, 2.387610412, 2.387610412, 2.387610412),
        futility=(),
        shift=12.46633472,
        asn=(1.172468177, 1.047910468, 0.7105628201),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.05,sided=2,beta=0.1"
        ",typeOfDesign='P')",
        design=bounds((1 / 3, 2 / 3, 1), alpha=0.05, sided=2, spending=WangTsiatis(delta=0.5)),
        efficacy=(2.289478061, 2.289478061, 2.289478061),
        futility=(),
        shift=12.09025317,
        asn=(1.127630515, 1.026453822, 0.721026593),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.05,sided=2,beta=0.1"
        ",typeOfDesign='P')",
        design=bounds(
            (0.2, 0.5, 0.6, 0.95, 1), alpha=0.05, sided=2, spending=WangTsiatis(delta=0.5)
        ),
        efficacy=(2.387606226, 2.387606226, 2.387606226, 2.387606226, 2.387606226),
        futility=(),
        shift=12.46663267,
        asn=(1.158532558, 1.04713898, 0.7105355408),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='WT',deltaWT=0.25)",
        design=bounds((1 / 3, 2 / 3, 1), alpha=0.025, spending=WangTsiatis(delta=0.25)),
        efficacy=(2.741136601, 2.305011941, 2.082813408),
        futility=(),
        shift=11.03067602,
        asn=(1.044397633, 0.973985225, 0.7452874519),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='WT',deltaWT=0.25)",
        design=bounds((0.2, 0.5, 0.6, 0.95, 1), alpha=0.025, spending=WangTsiatis(delta=0.25)),
        efficacy=(3.183902215, 2.532064235, 2.419242523, 2.156683018, 2.129203738),
        futility=(),
        shift=11.08902536,
        asn=(1.049551393, 0.9729564283, 0.733230546),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.05,sided=2,beta=0.1"
        ",typeOfDesign='WT',deltaWT=0.25)",
        design=bounds((1 / 3, 2 / 3, 1), alpha=0.05, sided=2, spending=WangTsiatis(delta=0.25)),
        efficacy=(2.741136491, 2.305011849, 2.082813325),
        futility=(),
        shift=11.03067718,
        asn=(1.038996964, 0.9738701637, 0.7452862823),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.05,sided=2,beta=0.1"
        ",typeOfDesign='WT',deltaWT=0.25)",
        design=bounds(
            (0.2, 0.5, 0.6, 0.95, 1), alpha=0.05, sided=2, spending=WangTsiatis(delta=0.25)
        ),
        efficacy=(3.183905663, 2.532066977, 2.419245143, 2.156685354, 2.129206044),
        futility=(),
        shift=11.08904965,
        asn=(1.043753599, 0.9728405024, 0.7332306061),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='HP')",
        design=bounds((1 / 3, 2 / 3, 1), alpha=0.025, spending=HaybittlePeto()),
        efficacy=(3.000000000, 3.000000000, 1.975097632),
        futility=(),
        shift=10.57654653,
        asn=(1.005299631, 0.9809812655, 0.833683064),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='HP')",
        design=bounds((0.2, 0.5, 0.6, 0.95, 1), alpha=0.025, spending=HaybittlePeto()),
        efficacy=(3.000000000, 3.000000000, 3.000000000, 3.000000000, 1.986491508),
        futility=(),
        shift=10.63623611,
        asn=(1.010251052, 0.9794929614, 0.8109694724),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.05,sided=2,beta=0.1"
        ",typeOfDesign='HP')",
        design=bounds((1 / 3, 2 / 3, 1), alpha=0.05, sided=2, spending=HaybittlePeto()),
        efficacy=(3.0000000, 3.0000000, 1.9750976),
        futility=(),
        shift=10.57654677,
        asn=(1.00402075, 0.9809516803, 0.8336827163),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.2,0.5,0.6,0.95,1),alpha=0.05,sided=2,beta=0.1"
        ",typeOfDesign='HP')",
        design=bounds((0.2, 0.5, 0.6, 0.95, 1), alpha=0.05, sided=2, spending=HaybittlePeto()),
        efficacy=(3.000000000, 3.000000000, 3.000000000, 3.000000000, 1.986476112),
        futility=(),
        shift=10.6361654,
        asn=(1.008236163, 0.9793992723, 0.8109624187),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsOF'"
        ",bindingFutility=TRUE)",
        design=bounds(
            (1 / 3, 2 / 3, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending="obrien_fleming", binding=True),
        ),
        efficacy=(3.710302873, 2.511394550, 1.958784380),
        futility=(-0.7133670472, 0.9758355399),
        shift=10.91497664,
        asn=(0.664501697, 0.8547924783, 0.8108828637),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsP'"
        ",bindingFutility=TRUE)",
        design=bounds(
            (1 / 3, 2 / 3, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending="pocock", binding=True),
        ),
        efficacy=(3.710302873, 2.507685472, 1.880252400),
        futility=(0.3149408313, 1.1911552940),
        shift=12.08845691,
        asn=(0.5646189118, 0.8268854706, 0.8462824058),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsHSD',gammaB=-2"
        ",bindingFutility=TRUE)",
        design=bounds(
            (1 / 3, 2 / 3, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending=HwangShihDeCani(gamma=-2), binding=True),
        ),
        efficacy=(3.710302873, 2.511094633, 1.958069609),
        futility=(-0.2610122996, 0.9094592490),
        shift=10.98433397,
        asn=(0.6167831207, 0.8416330115, 0.8111701553),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsKD',gammaB=2"
        ",bindingFutility=TRUE)",
        design=bounds(
            (1 / 3, 2 / 3, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending=KimDeMets(rho=2), binding=True),
        ),
        efficacy=(3.710302873, 2.511234968, 1.957457618),
        futility=(-0.3749486296, 0.9465595053),
        shift=10.9626359,
        asn=(0.6283001077, 0.8443147091, 0.8110141979),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.3,0.5,0.8,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsOF'"
        ",bindingFutility=TRUE)",
        design=bounds(
            (0.3, 0.5, 0.8, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending="obrien_fleming", binding=True),
        ),
        efficacy=(3.928572543, 2.965618213, 2.264894392, 1.964207265),
        futility=(-0.9589456633, 0.2865234094, 1.4262588046),
        shift=11.12044676,
        asn=(0.6279224298, 0.8298529908, 0.7854022282),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.3,0.5,0.8,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsP'"
        ",bindingFutility=TRUE)",
        design=bounds(
            (0.3, 0.5, 0.8, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending="pocock", binding=True),
        ),
        efficacy=(3.928572543, 2.965559806, 2.243736902, 1.871923908),
        futility=(0.1954498233, 0.7173614144, 1.4849962020),
        shift=12.39268083,
        asn=(0.536068998, 0.8046406023, 0.8201484868),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.3,0.5,0.8,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsHSD',gammaB=-2"
        ",bindingFutility=TRUE)",
        design=bounds(
            (0.3, 0.5, 0.8, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending=HwangShihDeCani(gamma=-2), binding=True),
        ),
        efficacy=(3.928572543, 2.965617071, 2.262594197, 1.972284286),
        futility=(-0.3998310298, 0.3085420621, 1.3419305900),
        shift=11.16730862,
        asn=(0.586969453, 0.8167200832, 0.7844450585),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.3,0.5,0.8,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsKD',gammaB=2"
        ",bindingFutility=TRUE)",
        design=bounds(
            (0.3, 0.5, 0.8, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending=KimDeMets(rho=2), binding=True),
        ),
        efficacy=(3.928572543, 2.965617808, 2.263482547, 1.967949889),
        futility=(-0.5362252215, 0.3231492961, 1.3809438211),
        shift=11.15559467,
        asn=(0.5963476868, 0.8192407635, 0.7847492544),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsOF'"
        ",bindingFutility=FALSE)",
        design=bounds(
            (1 / 3, 2 / 3, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending="obrien_fleming", binding=False),
        ),
        efficacy=(3.710302873, 2.511427481, 1.993047478),
        futility=(-0.6945411705, 1.0024595502),
        shift=11.13149521,
        asn=(0.6733313357, 0.868671763, 0.8227670728),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsP'"
        ",bindingFutility=FALSE)",
        design=bounds(
            (1 / 3, 2 / 3, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending="pocock", binding=False),
        ),
        efficacy=(3.710302873, 2.511427481, 1.993047478),
        futility=(0.3766789597, 1.2784686143),
        shift=12.84347481,
        asn=(0.5845879622, 0.8640945668, 0.8842700916),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsHSD',gammaB=-2"
        ",bindingFutility=FALSE)",
        design=bounds(
            (1 / 3, 2 / 3, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending=HwangShihDeCani(gamma=-2), binding=False),
        ),
        efficacy=(3.710302873, 2.511427481, 1.993047478),
        futility=(-0.2417748409, 0.9366652878),
        shift=11.20630834,
        asn=(0.6241813352, 0.8552307459, 0.8232897229),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsKD',gammaB=2"
        ",bindingFutility=FALSE)",
        design=bounds(
            (1 / 3, 2 / 3, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending=KimDeMets(rho=2), binding=False),
        ),
        efficacy=(3.710302873, 2.511427481, 1.993047478),
        futility=(-0.3553855647, 0.9742260483),
        shift=11.18816449,
        asn=(0.636228284, 0.8582736614, 0.823337135),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.3,0.5,0.8,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsOF'"
        ",bindingFutility=FALSE)",
        design=bounds(
            (0.3, 0.5, 0.8, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending="obrien_fleming", binding=False),
        ),
        efficacy=(3.928572543, 2.965618227, 2.266294240, 2.027825881),
        futility=(-0.9290444986, 0.3251256470, 1.4751464948),
        shift=11.48752528,
        asn=(0.64075765, 0.8511616252, 0.8036849357),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.3,0.5,0.8,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsP'"
        ",bindingFutility=FALSE)",
        design=bounds(
            (0.3, 0.5, 0.8, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending="pocock", binding=False),
        ),
        efficacy=(3.928572543, 2.965618227, 2.266294240, 2.027825881),
        futility=(0.2694801312, 0.8129341380, 1.6061671806),
        shift=13.36256472,
        asn=(0.5581148802, 0.848214736, 0.8643204516),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.3,0.5,0.8,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsHSD',gammaB=-2"
        ",bindingFutility=FALSE)",
        design=bounds(
            (0.3, 0.5, 0.8, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending=HwangShihDeCani(gamma=-2), binding=False),
        ),
        efficacy=(3.928572543, 2.965618227, 2.266294240, 2.027825881),
        futility=(-0.3733439498, 0.3427367354, 1.3852221257),
        shift=11.4928519,
        asn=(0.5964630437, 0.8349735036, 0.8007247231),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.3,0.5,0.8,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",typeBetaSpending='bsKD',gammaB=2"
        ",bindingFutility=FALSE)",
        design=bounds(
            (0.3, 0.5, 0.8, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=BetaSpending(beta=0.1, spending=KimDeMets(rho=2), binding=False),
        ),
        efficacy=(3.928572543, 2.965618227, 2.266294240, 2.027825881),
        futility=(-0.5078518104, 0.3597792125, 1.4273253655),
        shift=11.50431895,
        asn=(0.606985834, 0.8388908355, 0.8021324155),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",futilityBounds=c(0,0.5)"
        ",bindingFutility=TRUE)",
        design=bounds(
            (1 / 3, 2 / 3, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=FutilityBounds(z=(0, 0.5), binding=True),
        ),
        efficacy=(3.710302873, 2.510358102, 1.964951951),
        futility=(0.0, 0.5),
        shift=11.05981692,
        asn=(0.6156801099, 0.8562311601, 0.8140455981),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='asOF'"
        ",futilityBounds=c(0,0.5)"
        ",bindingFutility=FALSE)",
        design=bounds(
            (1 / 3, 2 / 3, 1),
            alpha=0.025,
            spending="obrien_fleming",
            futility=FutilityBounds(z=(0, 0.5), binding=False),
        ),
        efficacy=(3.710302873, 2.511427481, 1.993047478),
        futility=(0.0, 0.5),
        shift=11.21118025,
        asn=(0.624112662, 0.8688886906, 0.8230895983),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='P'"
        ",futilityBounds=c(0,0.5)"
        ",bindingFutility=TRUE)",
        design=bounds(
            (1 / 3, 2 / 3, 1),
            alpha=0.025,
            spending=WangTsiatis(delta=0.5),
            futility=FutilityBounds(z=(0, 0.5), binding=True),
        ),
        efficacy=(2.28215425, 2.28215425, 2.28215425),
        futility=(0.0, 0.5),
        shift=12.43452488,
        asn=(0.6827466866, 0.8962978364, 0.712280589),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,sided=1,beta=0.1"
        ",typeOfDesign='P'"
        ",futilityBounds=c(0,0.5)"
        ",bindingFutility=FALSE)",
        design=bounds(
            (1 / 3, 2 / 3, 1),
            alpha=0.025,
            spending=WangTsiatis(delta=0.5),
            futility=FutilityBounds(z=(0, 0.5), binding=False),
        ),
        efficacy=(2.289478456, 2.289478456, 2.289478456),
        futility=(0.0, 0.5),
        shift=12.48404695,
        asn=(0.6856854865, 0.9013271348, 0.7160407493),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(0.4,0.7,1),alpha=0.025,beta=0.1"
        ",typeOfDesign='asUser',userAlphaSpending=c(0.005,0.01,0.025))",
        design=bounds(
            (0.4, 0.7, 1),
            alpha=0.025,
            spending=UserSpending(fraction=(0.4, 0.7, 1), share=(0.2, 0.4, 1)),
        ),
        efficacy=(2.575829304, 2.474219522, 2.048040177),
        futility=(),
        shift=10.8935312,
        asn=(1.032080867, 0.9688516744, 0.7427955564),
    ),
    Reference(
        call="getDesignGroupSequential(informationRates=c(1/3,2/3,1),alpha=0.025,beta=0.1"
        ",typeOfDesign='noEarlyEfficacy'"
        ",futilityBounds=c(0,0.5)"
        ",bindingFutility=TRUE)",
        design=bounds(
            (1 / 3, 2 / 3, 1),
            alpha=0.025,
            spending=EfficacyAt(looks=(3,), rule="obrien_fleming"),
            futility=FutilityBounds(z=(0, 0.5), binding=True),
        ),
        efficacy=(np.inf, np.inf, 1.931846363),
        futility=(0.0, 0.5),
        shift=10.95345751,
        asn=(0.6118969267, 0.891206517, 1.02029347),
    ),
]
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
