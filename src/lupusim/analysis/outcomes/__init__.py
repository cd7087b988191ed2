"""What a test takes: what is known of one endpoint of every patient at a data cutoff."""

from lupusim.analysis.outcomes.binary import BinaryOutcome
from lupusim.analysis.outcomes.count import CountOutcome
from lupusim.analysis.outcomes.hierarchical import HierarchicalOutcome
from lupusim.analysis.outcomes.number import NumberOutcome
from lupusim.analysis.outcomes.outcome import CountedOutcome, Outcome
from lupusim.analysis.outcomes.survival import SurvivalOutcome

__all__ = [
    "BinaryOutcome",
    "CountOutcome",
    "CountedOutcome",
    "HierarchicalOutcome",
    "NumberOutcome",
    "Outcome",
    "SurvivalOutcome",
]
