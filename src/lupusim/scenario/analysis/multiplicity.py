"""A scenario's many hypotheses: which, and the procedure that holds their error."""

from __future__ import annotations

import numpy as np

from lupusim.analysis.group_sequential import EfficacyBounds, EfficacyRule
from lupusim.analysis.group_sequential.probability_bounds import PosteriorEfficacy, WithFutility
from lupusim.analysis.group_sequential.stopping import GroupSequential, WithEffects
from lupusim.analysis.multiplicity import Graph
from lupusim.analysis.multiplicity.procedures import (
    PROCEDURES,
    Adjusted,
    Dunnett,
    Graphical,
    sequential_graph,
)
from lupusim.analysis.registry import plain_tests
from lupusim.scenario.analysis.analysis import read_parameters
from lupusim.scenario.document.section import Choice, ListOf, Number, Section, Text
from lupusim.trial import Arm, Endpoint
from lupusim.trial.looks import StoppingRule
from lupusim.trial.multiplicity import Ends, Family, GivesUp, Hypothesis, Procedure

_DUNNETT = {"dunnett": True, "dunnett_single_step": False}
_GRAPHS = ("bonferroni", "holm", "fixed_sequence", "fallback")
_FEWEST = 2  # hypotheses


def read_family(
    top: Section,
    arms: tuple[Arm, ...],
    secondary: tuple[Endpoint, ...],
    *,
    stopping: StoppingRule | None,
    n_looks: int,
) -> Family | None:
    """Return the hypotheses and their procedure; None where the file says nothing of them."""
    if not top.has("analysis"):
        return None
    analysis = top.section("analysis")
    if not analysis.has("multiplicity"):
        return None
    section = analysis.section("multiplicity")
    hypotheses = tuple(_hypothesis(one, secondary) for one in section.sections("endpoints"))
    n_hypotheses = max(len(arms) - 1, 1) * (1 + len(hypotheses))
    methods = (*PROCEDURES, "fallback", *_DUNNETT, "graph")
    method = section.read("method", Choice({name: name for name in methods}))
    ends = section.read("ends", Choice({one.value: one for one in Ends}), Ends.ALL)
    gives_up = section.read("gives_up", Choice({one.value: one for one in GivesUp}), GivesUp.ALL)
    if n_hypotheses < _FEWEST and section.place.is_sound:
        section.place.report("there is one hypothesis only", "Remove it, or add arms or endpoints.")
    stopping = _bounds_of_each(section, stopping)
    sided = 2 if analysis.content.get("sided") == 2 else 1
    procedure = _Reader(section, n_hypotheses, stopping, sided=sided).procedure(
        method, tuple(arm.allocation for arm in arms), n_looks
    )
    section.finish()
    if procedure is None or not section.place.is_sound:
        return Family(procedure=Adjusted(method="holm"), hypotheses=hypotheses, ends=ends)
    return Family(procedure=procedure, hypotheses=hypotheses, ends=ends, gives_up=gives_up)


def _bounds_of_each(section: Section, stopping: StoppingRule | None) -> StoppingRule | None:
    """Return the rule whose efficacy bounds each hypothesis has at its share of alpha."""
    if section.has("gives_up") and not _may_give_up(stopping):
        fault = "no look has a futility bound that could give a hypothesis up"
        section.place.child("gives_up").report(fault, "Remove it, or give a look 'futility'.")
    if isinstance(stopping, WithEffects):
        if stopping.least:
            fault = "an estimate that a success needs is known for one hypothesis only"
            section.place.report(fault, "Remove 'effect' from the efficacy bounds.")
        stopping = stopping.rule
    if isinstance(stopping, WithFutility):
        stopping = stopping.rule
    if isinstance(stopping, PosteriorEfficacy):
        fault = "a posterior probability is no share of alpha, and each hypothesis has one"
        section.place.report(fault, "Give 'spending', 'z' or 'p' at the looks.")
    if isinstance(stopping, GroupSequential):
        _each_has_its_alpha(section, stopping)
    return stopping


def _each_has_its_alpha(section: Section, stopping: GroupSequential) -> None:
    """Report bounds that cannot be those of a share of alpha."""
    if stopping.futility and stopping.futility.binding:
        fault = "binding futility bounds and several hypotheses do not go together"
        section.place.report(fault, "Write 'binding: false' at the looks.")
    if isinstance(stopping.efficacy, EfficacyBounds) and stopping.efficacy.last is not None:
        fault = "the last look's bound is given, and each hypothesis has a share of alpha"
        section.place.report(fault, "Remove the efficacy bound of the last look.")


def _may_give_up(stopping: StoppingRule | None) -> bool:
    """Return whether any look has a futility bound."""
    if isinstance(stopping, WithEffects):
        return bool(stopping.futile) or _may_give_up(stopping.rule)
    return isinstance(stopping, WithFutility) or (
        isinstance(stopping, GroupSequential) and stopping.futility is not None
    )


def _hypothesis(section: Section, secondary: tuple[Endpoint, ...]) -> Hypothesis:
    endpoint = section.read("endpoint", Text())
    kind = section.read("test", Choice(plain_tests()))
    for one in secondary:
        if section.place.is_sound and one.name == endpoint and kind.outcome is not one.outcome:
            fits = ", ".join(k for k, t in plain_tests().items() if t.outcome is one.outcome)
            fault = f"{section.content['test']!r} does not test what {endpoint!r} is"
            section.place.child("test").report(fault, f"Valid: {fits}.")
    values = read_parameters(section, kind)
    name = str(section.content.get("test"))
    made = section.build(
        lambda: Hypothesis(
            endpoint=endpoint, name=name, test=kind.with_parameters(values), effect=kind.effect
        )
    )
    return made or Hypothesis(
        endpoint=endpoint, name=name, test=kind.stand_in(values), effect=kind.effect
    )


class _Reader:
    """Reads the procedure of one section."""

    def __init__(
        self, section: Section, n_hypotheses: int, stopping: StoppingRule | None, *, sided: int
    ) -> None:
        self.section, self.n_hypotheses, self.sided = section, n_hypotheses, sided
        self.efficacy: EfficacyRule | None = None
        if isinstance(stopping, GroupSequential) and not isinstance(stopping.efficacy, str):
            self.efficacy = stopping.efficacy

    def procedure(self, method: str, ratio: tuple[int, ...], n_looks: int) -> Procedure | None:
        """Return the procedure; None after reporting what is wrong with it."""
        section = self.section
        weights = section.read_or_none("weights", ListOf(Number(at_least=0, at_most=1)))
        rows = section.read_or_none("transitions", ListOf(ListOf(Number(at_least=0, at_most=1))))
        if not section.place.is_sound:
            return None
        if (rows is not None) != (method == "graph"):
            fix = "Give 'weights' and 'transitions' with 'method: graph', and only there."
            section.place.report("transitions and method do not fit", fix)
            return None
        if method in _DUNNETT:
            return self._dunnett(ratio, weights, steps_down=_DUNNETT[method])
        if rows is not None:
            return self._graph(weights, rows)
        if method in _GRAPHS and (n_looks > 1 or weights is not None or method == "fallback"):
            return section.build(
                lambda: Graphical.of(
                    sequential_graph(method, self.n_hypotheses, weights),
                    self.efficacy,
                    sided=self.sided,
                )
            )
        if weights is not None:
            section.place.child("weights").report(f"{method} takes no weights", "Remove them.")
        return Adjusted(method=method)

    def _dunnett(
        self, ratio: tuple[int, ...], weights: tuple[float, ...] | None, *, steps_down: bool
    ) -> Procedure:
        if self.n_hypotheses != len(ratio) - 1 or weights is not None:
            fault = "Dunnett's test compares arms on one endpoint, without weights"
            self.section.place.report(fault, "Use holm, or a graph.")
        return Dunnett(ratio=ratio, sided=self.sided, steps_down=steps_down)

    def _graph(
        self, weights: tuple[float, ...] | None, rows: tuple[tuple[float, ...], ...]
    ) -> Procedure | None:
        n = self.n_hypotheses
        share = weights or ()
        if len(share) != n or len(rows) != n or any(len(row) != n for row in rows):
            fix = "They are counted endpoint by endpoint, arm by arm within an endpoint."
            fault = f"there are {n} hypotheses, so {n} weights and {n} rows of {n} are needed"
            self.section.place.report(fault, fix)
            return None
        return self.section.build(
            lambda: Graphical.of(
                Graph(weights=np.array(share), transitions=np.array(rows)),
                self.efficacy,
                sided=self.sided,
            )
        )
