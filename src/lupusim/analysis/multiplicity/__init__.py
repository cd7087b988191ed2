"""Tests of several hypotheses with one family-wise error."""

from lupusim.analysis.multiplicity.dunnett import dunnett
from lupusim.analysis.multiplicity.graph import Graph, GraphState, fallback_graph, holm_graph
from lupusim.analysis.multiplicity.p_values import (
    bonferroni,
    fixed_sequence,
    hochberg,
    holm,
    hommel,
    rejected,
)
from lupusim.analysis.multiplicity.sequential import SequentialGraph, SequentialRejections

__all__ = [
    "Graph",
    "GraphState",
    "SequentialGraph",
    "SequentialRejections",
    "bonferroni",
    "dunnett",
    "fallback_graph",
    "fixed_sequence",
    "hochberg",
    "holm",
    "holm_graph",
    "hommel",
    "rejected",
]
