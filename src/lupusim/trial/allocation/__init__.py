"""How patients are assigned to arms: blocks, minimization, urns, open arms.

A way of randomizing is one module that registers itself in :data:`ALLOCATIONS`, and one line here.
"""

from lupusim.trial.allocation.adaptive import BiasedCoin, Minimization, Urn
from lupusim.trial.allocation.base import ALLOCATIONS, Allocation, Unblocked
from lupusim.trial.allocation.blocks import PermutedBlocks, SimpleRandomization

__all__ = [
    "ALLOCATIONS",
    "Allocation",
    "BiasedCoin",
    "Minimization",
    "PermutedBlocks",
    "SimpleRandomization",
    "Unblocked",
    "Urn",
]
