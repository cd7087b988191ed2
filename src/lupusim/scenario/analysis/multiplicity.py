"""A scenario's many hypotheses: which, and the procedure that holds their error."""

from __future__ import annotations

import numpy as np

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
    analysis: Section,
    arms: tuple[Arm, ...],
    secondary: tuple[Endpoint, ...],
    *,
    stopping: StoppingRule | None,
    n_looks: int,
) -> Family:
    """Return the hypotheses of an analysis with `multiplicity`, and their procedure."""
    section = analysis.section("multiplicity")
    hypotheses = tuple(_hypothesis(one, secondary) for one in section.sections("endpoints"))
    n_hypotheses = max(len(arms) - 1, 1) * (1 + len(hypotheses))
    methods = (*PROCEDURES, "fallback", *_DUNNETT, "graph")
    method = section.read("method", Choice({name: name for name in methods}))
    ends = section.read("ends", Choice({one.value: one for one in Ends}), Ends.ALL)
    gives_up = section.read("gives_up", Choice({one.value: one for one in GivesUp}), GivesUp.ALL)
    if n_hypotheses < _FEWEST and section.place.is_sound:
        section.place.report("there is one hypothesis only", "Remove it, or add arms or endpoints.")
    _check_bounds_of_each(section, stopping)
    sided = 2 if analysis.content.get("sided") == 2 else 1
    procedure = _Reader(section, n_hypotheses, stopping, sided=sided).procedure(
        method, tuple(arm.allocation for arm in arms), n_looks
    )
    section.finish()
    if procedure is None or not section.place.is_sound:
        return Family(procedure=Adjusted(method="holm"), hypotheses=hypotheses, ends=ends)
    return Family(procedure=procedure, hypotheses=hypotheses, ends=ends, gives_up=gives_up)


def _check_bounds_of_each(section: Section, stopping: StoppingRule | None) -> None:
    """Report bounds that cannot be those of each hypothesis at its share of alpha."""
    if section.has("gives_up") and not (stopping and stopping.gives_up):
        fault = "no look has a futility bound that could give a hypothesis up"
        section.place.child("gives_up").report(fault, "Remove it, or give a look 'futility'.")
    for fault, fix in stopping.problems_of_many() if stopping else ():
        section.place.report(fault, fix)


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
        self.efficacy = stopping.efficacy_rule if stopping else None

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
