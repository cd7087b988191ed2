"""Group-sequential designs: bounds, what they do, and what can be said after stopping."""

from lupusim.analysis.group_sequential.after_stopping import (
    AfterStopping,
    after_stopping,
    repeated_interval,
    repeated_p_value,
)
from lupusim.analysis.group_sequential.bounds import Bounds, bounds, update
from lupusim.analysis.group_sequential.combination import InverseNormal, stage_z
from lupusim.analysis.group_sequential.design import (
    ExitProbabilities,
    drift_for_power,
    exit_probabilities,
    inflation_factor,
)
from lupusim.analysis.group_sequential.efficacy import (
    BySpending,
    EfficacyAt,
    EfficacyBounds,
    EfficacyRule,
    HaybittlePeto,
    WangTsiatis,
)
from lupusim.analysis.group_sequential.futility import (
    BetaSpending,
    FutilityBounds,
    FutilityRule,
    NoFutility,
)
from lupusim.analysis.group_sequential.scales import (
    DriftBelief,
    conditional_power,
    effect_from_z,
    p_value_from_z,
    predictive_power,
    z_from_conditional_power,
    z_from_effect,
    z_from_p_value,
    z_from_predictive_power,
)
from lupusim.analysis.group_sequential.spending import (
    HwangShihDeCani,
    KimDeMets,
    LanDeMetsOBrienFleming,
    LanDeMetsPocock,
    Spending,
    UserSpending,
)
from lupusim.analysis.group_sequential.survival import (
    LachinFoulkes,
    Schoenfeld,
    SurvivalMethod,
    SurvivalSetting,
    SurvivalSize,
    survival_size,
)

__all__ = [
    "AfterStopping",
    "BetaSpending",
    "Bounds",
    "BySpending",
    "DriftBelief",
    "EfficacyAt",
    "EfficacyBounds",
    "EfficacyRule",
    "ExitProbabilities",
    "FutilityBounds",
    "FutilityRule",
    "HaybittlePeto",
    "HwangShihDeCani",
    "InverseNormal",
    "KimDeMets",
    "LachinFoulkes",
    "LanDeMetsOBrienFleming",
    "LanDeMetsPocock",
    "NoFutility",
    "Schoenfeld",
    "Spending",
    "SurvivalMethod",
    "SurvivalSetting",
    "SurvivalSize",
    "UserSpending",
    "WangTsiatis",
    "after_stopping",
    "bounds",
    "conditional_power",
    "drift_for_power",
    "effect_from_z",
    "exit_probabilities",
    "inflation_factor",
    "p_value_from_z",
    "predictive_power",
    "repeated_interval",
    "repeated_p_value",
    "stage_z",
    "survival_size",
    "update",
    "z_from_conditional_power",
    "z_from_effect",
    "z_from_p_value",
    "z_from_predictive_power",
]
