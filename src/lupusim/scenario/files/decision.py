"""Decision files (``schema: lupusim/decision/1``): strategies, their costs and utilities.

All keys, ``*`` where one must be given.

====================== ====================================================================
``schema`` *           ``lupusim/decision/1``; ``title`` *; ``question``; ``source``: a list
``model`` *            a model or cohort model: its name, a file beside this one, or a mapping
``horizon`` *          a duration, or ``for ever`` (exact method alone)
``discount``           {``costs`` (0.03), ``effects`` (0.03)}: yearly rates
``willingness_to_pay`` for a unit of effect; a list where several are of interest
``cycle``              a duration: cuts a continuous model in cycles where a cohort is asked for
``cycle_correction``   none, half_cycle (the default), life_table, beginning, end, simpson,
                       simpson_as_published
``costs``              list of {``per_year`` {state: cost}, ``per_transition`` {"a -> b": cost},
                       ``per_entry`` {state: cost}, ``at_start``, ``begins``, ``lasts``}
``utilities`` *        {``per_year``, ``per_transition``, ``per_entry``} of every strategy
``strategies`` *       list of {``name`` *, ``effects``: as in arms of a scenario or in a cohort
                       model, ``costs``: added, ``utilities``: in place of those above}
``uncertain``          list of {``name`` *, ``distribution`` * {``family`` *: gamma, beta or normal
                       with ``mean``, ``sd``; lognormal with ``median``, ``sdlog``; uniform with
                       ``low``, ``high``}, ``places`` *: paths in this file, such as
                       ``strategies.B.effects.0.hazard_ratio``}
====================== ====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.common.shown import Shown
from lupusim.common.spelling import nearest
from lupusim.economics.corrections import CORRECTIONS
from lupusim.economics.distributions import DISTRIBUTIONS, Distribution
from lupusim.economics.strategies import Discount, Strategy
from lupusim.errors import InputError, ModelError
from lupusim.model import Effect, MultiStateModel
from lupusim.model.cycles import CohortModel
from lupusim.model.rewards import Rewards
from lupusim.scenario.document.content import is_mapping, is_text, text_keys
from lupusim.scenario.document.section import (
    Choice,
    Duration,
    ListOf,
    Number,
    Section,
    Text,
)
from lupusim.scenario.document.yaml_reader import Document, read_document
from lupusim.scenario.files.cohort_model import cohort_model_from_document, read_cycle_effects
from lupusim.scenario.files.model import model_from_document, read_schema
from lupusim.scenario.files.packaged import find_packaged, packaged_names
from lupusim.scenario.files.variation import path_exists, replaced, scalar_paths
from lupusim.scenario.sections.effects import read_effect, read_effects
from lupusim.scenario.sections.rewards import in_place, read_costs, read_rewards

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "lupusim/decision/1"
_RATE = Number(at_least=0, below=1)


class DecisionError(InputError):
    """A decision file is unusable."""

    consequence = "nothing was computed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertain:
    """A parameter that is not known, and where it stands in the file."""

    name: str
    distribution: Distribution  # what is known of it
    places: tuple[str, ...]  # paths in the file


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Decision(Shown):
    """What a decision file says.

    Parameters
    ----------
    title, question : str
        For people.
    strategies : tuple of Strategy
        As the file gives them.
    horizon : float
        Study time, years; ``inf`` for ever.
    discount : Discount
        Yearly rates.
    cycle : float or None
        Length (years) of the cycles that a continuous model is cut into.
    correction : str
        What counts at the ends of cycles stand for.
    willingness_to_pay : tuple of float
        For a unit of effect.
    uncertain : tuple of Uncertain
        Parameters that are not known.
    document : Document
        The file, its model written out in it.
    model_file : Path
        Where the model came from.
    """

    title: str
    question: str
    strategies: tuple[Strategy, ...]
    horizon: float
    discount: Discount
    cycle: float | None
    correction: str
    willingness_to_pay: tuple[float, ...]
    uncertain: tuple[Uncertain, ...]
    document: Document = field(repr=False)
    model_file: Path

    def make(self, values: Mapping[str, float]) -> tuple[Strategy, ...]:
        """Return the strategies with other values of uncertain parameters, by their names."""
        known = {parameter.name: parameter.places for parameter in self.uncertain}
        for name in values:
            if name not in known:
                raise ValueError(f"{name!r} is not uncertain here. {nearest(name, known)}")
        changed = {path: value for name, value in values.items() for path in known[name]}
        content = replaced(self.document.content, changed)
        return _decision(replace(self.document, content=content), self.model_file).strategies

    def draws(self, n_draws: int, *, seed: int) -> pd.DataFrame:
        """Return independent draws of the uncertain parameters, a column for each.

        Raises
        ------
        ValueError
            If nothing in the file is uncertain.
        """
        import pandas as pd

        if not self.uncertain:
            raise ValueError("no number of this file is uncertain. Add an 'uncertain:' list")
        return pd.DataFrame(
            {
                parameter.name: parameter.distribution.draw(
                    n_draws, rng=stream(seed, "uncertain", k)
                )
                for k, parameter in enumerate(self.uncertain)
            }
        )


def load_decision(name_or_path: str | Path) -> Decision:
    """Return a decision, packaged with lupusim or from a file.

    Raises
    ------
    DecisionError
        If anything in the file is wrong; every problem is named with its line.

    Examples
    --------
    >>> [strategy.name for strategy in load_decision("sick-sicker").strategies]
    ['standard of care', 'A', 'B', 'AB']
    """
    path = find_packaged("decisions", name_or_path, DecisionError)
    return _decision(*_with_model(read_document(path, DecisionError)))


def decision_from_mapping(content: Mapping[str, Any], *, file: str | Path = "decision") -> Decision:
    """Return the decision that a mapping describes, laid out as a file would be.

    Examples
    --------
    >>> from lupusim.scenario.document.yaml_reader import read_document
    >>> from lupusim.scenario.files.packaged import find_packaged
    >>> path = find_packaged("decisions", "hiv", ValueError)
    >>> len(decision_from_mapping(read_document(path, InputError).content).strategies)
    2
    """
    document = Document(file=file, content=text_keys(content), error_class=DecisionError)
    return _decision(*_with_model(document))


def _with_model(document: Document) -> tuple[Document, Path]:
    """Write the model out in the file's content, so that paths may lead into it.

    Returns
    -------
    document : Document
        With the model's content in place of its name.
    file : Path
        Where the model came from.
    """
    name = document.content.get("model")
    if not is_text(name):
        return document, Path(document.file)
    folder = "cohorts" if name in packaged_names("cohorts") else "models"
    beside = Path(document.file).parent
    try:
        found = read_document(find_packaged(folder, name, ModelError, beside=beside), ModelError)
    except ModelError as error:
        problems = [document.problem("model", p.fault, p.fix) for p in error.problems]
        raise DecisionError(document.file, problems) from None
    whole = {**document.content, "model": dict(found.content)}
    return replace(document, content=whole), Path(found.file)


def _decision(document: Document, model_file: Path) -> Decision:
    top = Section.top(document)
    read_schema(top, SCHEMA)
    top.read("source", ListOf(Text()), ())
    disease = _disease(top, model_file)
    correction = top.read("cycle_correction", Choice({c: c for c in CORRECTIONS}), "half_cycle")
    values: dict[str, Any] = {
        "title": top.read("title", Text()),
        "question": top.read("question", Text(), ""),
        "horizon": _horizon(top),
        "discount": _discount(top),
        "cycle": top.read_or_none("cycle", Duration(above=0)),
        "correction": correction,
        "willingness_to_pay": _prices(top),
    }
    costs = read_costs(top)
    utilities = read_rewards(top.section("utilities"))
    strategies = [
        _strategy(section, disease, costs, utilities)
        for section in top.sections("strategies", at_least=1)
    ]
    uncertain = [_uncertain(section) for section in top.sections("uncertain")]
    names = [strategy.name for strategy in strategies if strategy is not None]
    if len(set(names)) < len(names):
        fault = f"names {names} repeat"
        top.place.child("strategies").report(fault, "Give each strategy its own name.")
    top.finish()
    top.raise_problems()
    return Decision(
        **values,
        strategies=tuple(s for s in strategies if s is not None),
        uncertain=tuple(u for u in uncertain if u is not None),
        document=document,
        model_file=model_file,
    )


Disease = MultiStateModel | CohortModel


def _disease(top: Section, model_file: Path) -> Disease | None:
    """Return the model; None, with what is wrong reported, where there is none."""
    if not top.has("model"):
        top.section("model")
        return None
    content = top.content["model"]
    if not is_mapping(content):
        top.read("model", Text())
        return None
    inner = Document(file=model_file, content=text_keys(content), error_class=ModelError)
    try:
        if "cycle" in content:
            return cohort_model_from_document(inner)
        return model_from_document(inner)
    except ModelError as error:
        for problem in error.problems:
            key = f"model.{problem.key}" if problem.key else "model"
            top.place.problems.append(top.place.document.problem(key, problem.fault, problem.fix))
        return None


def _horizon(top: Section) -> float:
    if top.content.get("horizon") == "for ever":
        top.has("horizon")
        return math.inf
    return top.read("horizon", Duration(above=0))


def _discount(top: Section) -> Discount:
    section = top.section_or_empty("discount")
    costs = section.read("costs", _RATE, 0.03)
    effects = section.read("effects", _RATE, 0.03)
    return section.build(lambda: Discount(costs=costs, effects=effects)) or Discount()


def _prices(top: Section) -> tuple[float, ...]:
    if top.is_list("willingness_to_pay"):
        return top.read("willingness_to_pay", ListOf(Number(at_least=0), at_least=1))
    price = top.read_or_none("willingness_to_pay", Number(at_least=0))
    return () if price is None else (price,)


def _strategy(
    section: Section, disease: Disease | None, costs: tuple[Rewards, ...], common: Rewards | None
) -> Strategy | None:
    name = section.read("name", Text())
    own = read_rewards(section.section("utilities")) if section.has("utilities") else None
    added = read_costs(section)
    treated = _treated(section, disease)
    section.finish()
    if treated is None or common is None or not section.place.is_sound:
        return None
    utilities = common if own is None else in_place(common, own)
    parts: dict[str, Any] = {
        **treated,
        "costs": (*costs, *added),
        "utilities": (utilities,),
    }
    return section.build(lambda: Strategy(name=name, **parts))


def _treated(section: Section, disease: Disease | None) -> dict[str, Disease] | None:
    """Return the disease under the strategy's effects, as the part of a strategy that it is."""
    if disease is None:
        section.has("effects")
        return None
    if isinstance(disease, CohortModel):
        cycle_effects = read_cycle_effects(section, disease.moves)
        if not section.place.is_sound:
            return None
        cohort = disease.treated(cycle_effects)
        section.build(lambda: cohort.matrices(cohort.n_matrices))
        return {"cohort": cohort}
    effects: tuple[Effect, ...] = read_effects(section, disease.transitions, read_effect)
    if not section.place.is_sound:
        return None
    return {"model": disease.treated(effects)}


def _uncertain(section: Section) -> Uncertain | None:
    name = section.read("name", Text())
    below = section.section("distribution")
    make = below.read("family", Choice(DISTRIBUTIONS))
    distribution = None
    if below.place.is_sound:
        distribution = _distribution(below, make)
    places = section.read("places", ListOf(Text(), at_least=1))
    content = section.place.document.content
    for k, path in enumerate(places):
        if path and not path_exists(content, path):
            fault = f"there is no number {path!r} in this file"
            section.place.child("places").child(k).report(
                fault, nearest(path, list(scalar_paths(content)))
            )
    section.finish()
    if distribution is None or not section.place.is_sound:
        return None
    return Uncertain(name=name, distribution=distribution, places=places)


def _distribution(section: Section, make: Any) -> Distribution | None:
    import inspect

    values = {name: section.read(name, Number()) for name in inspect.signature(make).parameters}
    found: Distribution | None = section.build(lambda: make(**values))
    return found


__all__ = [
    "Decision",
    "DecisionError",
    "Uncertain",
    "decision_from_mapping",
    "load_decision",
]
