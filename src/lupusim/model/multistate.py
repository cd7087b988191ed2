"""The disease: states, the transitions between them, and who starts where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from html import escape

from lupusim.common.frozen import dataclass
from lupusim.model.effects import Effect
from lupusim.model.transitions import Transition

Edge = tuple[str, str]
"""A transition named by its two states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Where a share of the patients starts.

    Parameters
    ----------
    state : str
        State at study time 0.
    probability : float
        Share of patients who start there.
    time_in_state : float
        Years already spent in it at study time 0; reset clocks start there.

    Examples
    --------
    >>> Start(state="active", time_in_state=0.5).probability
    1.0
    """

    state: str
    probability: float = 1.0
    time_in_state: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentClass:
    """A hidden kind of patient, such as responders.

    Parameters
    ----------
    name : str
        What to call it.
    probability : float
        Share of patients of this class.
    hazard_ratios : mapping of (from_state, to_state) to float
        What multiplies the hazards of its patients; 1 where nothing is said, 0 for never.

    Examples
    --------
    >>> LatentClass(name="responder", probability=0.4).probability
    0.4
    """

    name: str
    probability: float
    hazard_ratios: Mapping[Edge, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiStateModel:
    """A multi-state model; any states, any transitions, either clock.

    Parameters
    ----------
    name : str
        Short name, such as ``msc-durable``.
    states : tuple of str
        All states; arrays and tables follow this order.
    transitions : tuple of Transition
        At most one between any two states.
    starts : tuple of Start
        Where patients start; probabilities sum to 1. Default: all in the first state.
    classes : tuple of LatentClass
        Hidden kinds of patients; probabilities sum to 1. Default: one kind.
    covariates : mapping of str to mapping of (from_state, to_state) to float
        Log hazard ratio per unit of each covariate.
    absorbing : tuple of str
        States that nobody may leave. Default: those called ``death`` or ``dead``.
    restarts : tuple of str
        States whose entry restarts the treatment clock: every transition's ratio then runs
        on time since the latest such entry. A start in such a state is no entry.
    afterwards : MultiStateModel or None
        The law of patients from their first restart on, with the same transitions and
        classes; None for this one.
    description : str
        One line for people.
    source : tuple of str
        Keys of the evidence files behind the numbers.

    Raises
    ------
    ValueError
        If anything does not fit together; every problem is named.

    Examples
    --------
    >>> from lupusim.model.hazards import ExponentialHazard
    >>> hazard = ExponentialHazard(rate=0.5)
    >>> onset = Transition(from_state="well", to_state="ill", hazard=hazard)
    >>> model = MultiStateModel(name="onset", states=("well", "ill"), transitions=(onset,))
    >>> model.states
    ('well', 'ill')
    """

    name: str
    states: tuple[str, ...]
    transitions: tuple[Transition, ...]
    starts: tuple[Start, ...] = ()
    classes: tuple[LatentClass, ...] = ()
    covariates: Mapping[str, Mapping[Edge, float]] = field(default_factory=dict)
    absorbing: tuple[str, ...] | None = None
    restarts: tuple[str, ...] = ()
    afterwards: MultiStateModel | None = None
    description: str = ""
    source: tuple[str, ...] = ()

    def __repr__(self) -> str:
        head = f"MultiStateModel {self.name!r}: {self.description}".rstrip(": ")
        moves = len(self.transitions)
        return f"{head}\n  {moves} transitions among {', '.join(self.states)}"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(t.from_state)}</td><td>{escape(t.to_state)}</td>"
            f"<td>{escape(str(t.hazard))}</td></tr>"
            for t in self.transitions
        )
        return f"<p>{escape(self.name)}</p><table>{rows}</table>"

    def __post_init__(self) -> None:
        from lupusim.model.checks import model_problems

        if not self.starts and self.states:
            object.__setattr__(self, "starts", (Start(state=self.states[0]),))
        if self.absorbing is None:
            never_left = tuple(state for state in self.states if state in {"death", "dead"})
            object.__setattr__(self, "absorbing", never_left)
        if problems := model_problems(self):
            raise ValueError("; ".join(map(str, problems)))

    def index(self, state: str) -> int:
        """Return the position of a state in :attr:`states`."""
        return self.states.index(state)

    @property
    def every_history_ends(self) -> bool:
        """Whether from every state a way leads to a state that nobody leaves."""
        ending = {state for state in self.states if not self.outgoing(state)}
        while new := {
            t.from_state
            for t in self.transitions
            if t.to_state in ending and t.from_state not in ending
        }:
            ending |= new
        return ending == set(self.states)

    @property
    def successive_laws(self) -> tuple[MultiStateModel, ...]:
        """The law itself, the one from the first restart on, the one from the second on ..."""
        following = self.afterwards.successive_laws if self.afterwards else ()
        return (self, *following)

    @property
    def restarts_matter(self) -> bool:
        """Whether anything depends on when the treatment clock was restarted."""
        changing = any(
            not t.ratio.is_constant for law in self.successive_laws for t in law.transitions
        )
        return bool(self.restarts) and (changing or self.afterwards is not None)

    def outgoing(self, state: str) -> tuple[int, ...]:
        """Return the positions in :attr:`transitions` of the ways out of a state."""
        return tuple(k for k, t in enumerate(self.transitions) if t.from_state == state)

    @property
    def latent_classes(self) -> tuple[LatentClass, ...]:
        """The classes, or one nameless class of everybody."""
        return self.classes or (LatentClass(name="", probability=1.0),)

    def class_ratios(self, latent_class: LatentClass) -> tuple[float, ...]:
        """Return what multiplies each transition's hazard in a class, in model order."""
        ratios = latent_class.hazard_ratios
        return tuple(ratios.get((t.from_state, t.to_state), 1.0) for t in self.transitions)

    def log_covariate_ratios(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """Return the log hazard ratio of each transition for a patient with these covariates.

        Covariates without a value count as 0. Raises ValueError for a name the model lacks.
        """
        if unknown := sorted(set(values) - set(self.covariates)):
            known = ", ".join(self.covariates) or "none"
            raise ValueError(f"covariates {unknown} are unknown; the model has {known}")
        return tuple(
            sum(
                value * self.covariates[name].get((t.from_state, t.to_state), 0.0)
                for name, value in values.items()
            )
            for t in self.transitions
        )

    def treated(
        self, effects: Sequence[Effect], infusion_times: Sequence[float] = (0.0,)
    ) -> MultiStateModel:
        """Return the model under treatment: effects after infusions at these study times."""
        known = {(t.from_state, t.to_state) for t in self.transitions}
        for edge in (edge for effect in effects for edge in effect.on):
            if edge not in known:
                raise ValueError(f"the model has no transition {edge[0]} -> {edge[1]}")
        return replace(
            self,
            transitions=tuple(self._treat(t, effects, infusion_times) for t in self.transitions),
        )

    @staticmethod
    def _treat(
        transition: Transition,
        effects: Sequence[Effect],
        infusion_times: Sequence[float],
    ) -> Transition:
        ratio = transition.ratio
        for effect in effects:
            if (transition.from_state, transition.to_state) in effect.on:
                ratio = ratio.times(effect.profile(infusion_times))
        return replace(transition, ratio=ratio)
