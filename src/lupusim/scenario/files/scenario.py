"""Scenario files (``schema: lupusim/scenario/1``): a trial in the planner's words.

Every problem of a file is reported at once. All keys are in docs/scenario_files.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from lupusim.common.frozen import dataclass
from lupusim.common.spelling import near
from lupusim.errors import Problem, ScenarioError
from lupusim.scenario.analysis.analysis import read_analysis
from lupusim.scenario.analysis.around import Around, in_stages, read_size
from lupusim.scenario.analysis.looks import Question, read_looks
from lupusim.scenario.document.content import is_list, is_mapping, is_text, items, text_keys
from lupusim.scenario.document.section import (
    MISSING,
    Duration,
    Integer,
    ListOf,
    Place,
    Section,
    Text,
)
from lupusim.scenario.document.yaml_reader import Document, child_key, describe, read_document
from lupusim.scenario.files.model import read_schema
from lupusim.scenario.files.packaged import find_packaged
from lupusim.scenario.files.shorthand import reaching, spelled_out
from lupusim.scenario.files.variation import read_variation, replaced
from lupusim.scenario.outcomes import read_outcomes
from lupusim.scenario.sections.adaptation import read_adaptation
from lupusim.scenario.sections.arms import Models, ReadArms, read_arms
from lupusim.scenario.sections.costs import read_costs
from lupusim.scenario.sections.endpoints import read_endpoints
from lupusim.scenario.sections.enrollment import read_enrollment
from lupusim.scenario.sections.population import read_population
from lupusim.scenario.sections.recruitment import (
    read_allocation,
    read_dropout,
)
from lupusim.scenario.sections.supply import read_supply
from lupusim.scenario.sections.visits import (
    read_intercurrent_events,
    read_marker,
    read_visit_conduct,
)
from lupusim.trial import Arm, Endpoint, Trial
from lupusim.trial.checks.trial import trial_problems
from lupusim.trial.design import TrialParts
from lupusim.trial.multiplicity import Family
from lupusim.trial.scenario import MOST_REPLICATES, DesignPoint, Scenario

SCHEMA = "lupusim/scenario/1"
COMMON_KEYS = ("source",)  # every section may say where its numbers come from
_LARGEST_SEED = 2**63 - 1


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Return a scenario, packaged with lupusim or from a file.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a packaged scenario, or the path of a scenario file.

    Raises
    ------
    ScenarioError
        If there is no such file, or if anything in it is wrong; every problem of the file
        and of the models it names is told with its line.

    Examples
    --------
    >>> import lupusim
    >>> lupusim.load_scenario("two_rates").points[0].trial.n_patients
    100
    """
    path = find_packaged("scenarios", name_or_path, ScenarioError)
    document = read_document(path, ScenarioError)
    return scenario_from_document(document, folder=path.parent, command=str(name_or_path))


def scenario_from_mapping(
    content: Mapping[str, Any], *, file: str | Path = "scenario", folder: Path | None = None
) -> Scenario:
    """Return the scenario that a mapping describes, laid out as a file would be.

    Parameters
    ----------
    content : mapping
        What a scenario file holds.
    file : str or Path
        What messages call it; its stem names the scenario.
    folder : Path, optional
        Where relative paths of models start; default: the working folder.

    Raises
    ------
    ScenarioError
        If anything is wrong; every problem is named.

    Examples
    --------
    >>> from lupusim.scenario.document.yaml_reader import read_document
    >>> from lupusim.scenario.files.packaged import find_packaged
    >>> path = find_packaged("scenarios", "two_rates", ValueError)
    >>> scenario_from_mapping(read_document(path, ScenarioError).content).title
    'Two rates, 30 % against 55 % at 24 weeks'
    """
    document = Document(file=file, content=text_keys(content), error_class=ScenarioError)
    return scenario_from_document(document, folder=folder, command=str(file))


def scenario_from_document(
    document: Document, *, folder: Path | None = None, command: str = ""
) -> Scenario:
    """Return the scenario of a document; raises ScenarioError with all its problems."""
    vary = document.content.get("vary")
    written = reaching(document, filter(is_text, vary) if is_mapping(vary) else ())
    document = spelled_out(written)
    top = Section.top(document, COMMON_KEYS)
    models = Models(folder)
    about = _read_about(top)
    variation = read_variation(top, written.content)
    sources = dict(_read_sources(top.place, document.content))
    design = _read_design(top, models)
    top.finish()
    trial = _checked_trial(top.place, design)
    _forget_varied(top.place.problems)
    varied = Place(written, "", top.place.problems)
    points = [_point(varied, models, values, trial) for values in variation]
    _forget_echoes(top)
    top.raise_problems()
    return Scenario(
        name=Path(document.file).stem,
        points=tuple(cast("list[DesignPoint]", points)),
        text=document.text,
        command=command,
        sources=sources,
        **about,
    )


def _forget_varied(problems: list[Problem]) -> None:
    """Leave out what is said of varying a value that is wrong itself, or missing."""
    keys = {problem.key for problem in problems}
    problems[:] = [p for p in problems if p.key.removeprefix("vary.") not in keys - {p.key}]


def _read_about(top: Section) -> dict[str, Any]:
    read_schema(top, SCHEMA)
    about: dict[str, Any] = {
        "title": top.read("title", Text()),
        "question": top.read("question", Text(), ""),
    }
    simulation = top.section_or_empty("simulation")
    about["n_replicates"] = simulation.read(
        "replicates", Integer(at_least=1, at_most=MOST_REPLICATES), 1000
    )
    about["seed"] = simulation.read("seed", Integer(at_least=0, at_most=_LARGEST_SEED), 20260101)
    simulation.finish()
    estimand = top.section_or_empty("estimand")
    about["estimand"] = {
        name: _words(value, estimand.place.child(name)) for name, value in estimand.content.items()
    }
    return about


def _words(value: object, place: Place) -> str:
    """Return free text, also where it was given as a list or a mapping."""
    if is_mapping(value):
        parts = (f"{name}: {_words(v, place.child(name))}" for name, v in value.items())
        return "; ".join(parts)
    if is_list(value):
        return "; ".join(_words(v, place.child(k)) for k, v in enumerate(value))
    if value is None:
        place.report(f"{describe(value)} says nothing", "Write words, or remove the key.")
    return value if is_text(value) else describe(value)


def _read_sources(place: Place, content: object) -> Iterator[tuple[str, str]]:
    """Yield what every key ``source`` says, by the key that it stands under."""
    for name, value in items(content):
        below = place.child(name)
        if name == "source":
            yield place.key or "scenario", _words(value, below)
        elif place.key or name != "estimand":
            yield from _read_sources(below, value)


def _checked_trial(place: Place, design: _Design) -> Trial | None:
    """Return the trial, or None after reporting why there is none."""
    read, parts = design.arms, design.parts
    if not read.arms:
        return None
    known = [problem.key for problem in place.problems]
    for problem in trial_problems(TrialParts(**parts)):
        found = _in_the_file(problem, read)
        if not _follows(found.key, known):
            place.problems.append(place.document.locate(found))
    return Trial(**parts) if place.is_sound else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Design:
    """The parts of a trial as they were read, before they are checked together."""

    arms: ReadArms
    parts: dict[str, Any]


def _read_design(top: Section, models: Models) -> _Design:
    stated = read_outcomes(top)
    read = read_arms(top, models, stated)
    model = read.arms[0].model if read.arms else None
    follow_up = top.read("follow_up", Duration(above=0), stated.follow_up)
    visits = top.read("visits", ListOf(Duration()), stated.visits)
    primary, secondary = read_endpoints(top, model, visits, stated)
    population = stated.population(read_population(top))
    allocation, stratify_by = read_allocation(top, population)
    around = Around(primary=primary, arms=read.arms, models=models, follow_up=follow_up)
    analysis = read_analysis(top, primary, stratify_by, around)
    n_patients = read_size(top, analysis)
    question = Question(
        primary=primary,
        n_patients=n_patients,
        follow_up=follow_up,
        analysis=analysis,
        secondary=secondary,
        arms=read.arms,
    )
    parts: dict[str, Any] = {
        "arms": read.arms,
        "n_patients": n_patients,
        "population": population,
        "enrollment": read_enrollment(top),
        "allocation": allocation,
        "stratify_by": stratify_by,
        "follow_up": follow_up,
        "visits": visits,
        "visit_conduct": read_visit_conduct(top),
        "intercurrent_events": read_intercurrent_events(top),
        "marker": stated.marker() or read_marker(top),
        "supply": read_supply(top, read.arms),
        "costs": read_costs(top),
        "dropout": read_dropout(top),
        "primary": primary,
        "secondary": secondary,
        "analysis": analysis,
        **(looks := read_looks(top, question) | in_stages(top, analysis, primary)),
        "adaptation": read_adaptation(top, (primary, *secondary)),
        "family": _read_family(top, read.arms, secondary, looks),
    }
    return _Design(arms=read, parts=parts)


def _read_family(
    top: Section,
    arms: tuple[Arm, ...],
    secondary: tuple[Endpoint, ...],
    looks: Mapping[str, Any],
) -> Family | None:
    """Return the hypotheses and their procedure; None where the file says nothing of them."""
    if not top.has("analysis") or not (analysis := top.section("analysis")).has("multiplicity"):
        return None
    from lupusim.scenario.analysis.multiplicity import read_family

    n_looks = 1 + len(looks["interims"])
    return read_family(analysis, arms, secondary, stopping=looks["stopping"], n_looks=n_looks)


def _in_the_file(problem: Problem, read: ReadArms) -> Problem:
    """Return a problem with the key of the arm as the file counts them."""
    steps = problem.key.split(".")
    if steps[0] == "arms" and len(steps) > 1:
        steps[1] = str(read.order[int(steps[1])])
    return replace(problem, key=".".join(steps))


_RESTS_ON: Sequence[tuple[str, Sequence[str]]] = (
    ("looks.*", ("sample_size", "endpoints", "outcomes", "follow_up", "enrollment", "arms")),
    ("looks.*", ("looks.#.when",)),
    ("follow_up", ("looks", "endpoints", "outcomes")),
    ("adaptation.*", ("looks", "endpoints", "outcomes", "sample_size", "arms")),
    ("analysis.*", ("outcomes", "population", "=arms")),
    ("analysis.test", ("endpoints.primary",)),
    (r"analysis\.multiplicity.*", ("endpoints",)),
    ("analysis.controls", ("arms.#.joins", "arms.#.closes")),
    ("allocation.*", ("population", "=arms")),
    ("endpoints.*", ("outcomes", "model")),
    (r"endpoints\.(primary|secondary\.\d+).*", ("endpoints.{0}",)),
    (r".*\.kind", ("marker",)),
    ("marker.baseline", ("population",)),
    (r"visits|.*\.at", ("visits", "follow_up")),
    (r".*\.(?:joins|closes)", ("sample_size", "enrollment")),
    # what the trial adapts may make them unneeded
    (r"analysis|analysis\.multiplicity|looks", ("adaptation",)),
)
"""Keys (regular expressions), and what must be read before anything can be said against them.

In what is needed ``#`` is any number, ``{0}`` what the key's group is, and behind a ``=`` stands
what is in the way only as a whole.
"""


def _follows(key: str, known: list[str]) -> bool:
    """Return whether a problem of the trial only follows from one that is known already."""
    rests_on = [
        need.format(*of.groups())
        for keys, needs in _RESTS_ON
        if (of := re.fullmatch(keys, key))
        for need in needs
    ]
    return _misspelled(key, known) or any(
        _is_along(k, key) or any(_stands_in_the_way(k, need) for need in rests_on)
        for k in known
        if k
    )


def _is_along(one: str, other: str) -> bool:
    """Return whether two keys are the same, or one lies below the other."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _stands_in_the_way(known: str, need: str) -> bool:
    """Return whether a problem's key spoils what is needed: it is that, below it or above."""
    if need.startswith("="):
        return known == need[1:]
    return _is_along(known, need) or _is_along(re.sub(r"\.\d+", ".#", known), need)


def _misspelled(key: str, known: list[str]) -> bool:
    """Return whether a key beside this one is known to be none, and could be this one."""
    parent, _, name = key.rpartition(".")
    siblings = [k.rpartition(".")[2] for k in known if k.rpartition(".")[0] == parent]
    return bool(get_close_matches(name, siblings, n=1, cutoff=0.8))


_ECHOES: Sequence[tuple[str, str, Sequence[str]]] = (
    ("endpoints", MISSING, ("outcomes",)),
    (r"arms\.\d+\.model", "no model is given", ("outcomes",)),
    (r"arms\.\d+\.outcomes", "no such key", ("outcomes",)),
    ("sample_size", "1 patient is fewer", ("sample_size",)),
    (r"looks\.\d+\.when", "this look can never happen", ("sample_size",)),
    (r"analysis\.(?:test|multiplicity\..*)", ".* does not test", ("outcomes", "endpoints")),
    ("looks", "there are interim looks, but no analysis", ("analysis",)),
)
"""Keys and faults (regular expressions) that say nothing where another key is at fault."""


def _forget_echoes(top: Section) -> None:
    """Forget problems that would not be there but for a key that is misspelled or unreadable."""
    problems = top.place.problems
    meant = [m for name in top.unknown() for m in near(name, top.asked)]
    spoiled = [problem.key for problem in (*problems, *top.place.document.problems)]

    def is_echo(problem: Problem) -> bool:
        faulty = [*meant, *(key for key in spoiled if key != problem.key)]
        return any(
            re.fullmatch(key, problem.key)
            and re.match(fault, problem.fault)
            and any(_is_along(need, one) for need in needs for one in faulty)
            for key, fault, needs in _ECHOES
        )

    problems[:] = [problem for problem in problems if not is_echo(problem)]


def _point(
    place: Place, models: Models, values: Mapping[str, Any], trial: Trial | None
) -> DesignPoint | None:
    """Return one design point, or None after reporting what is wrong with its values."""
    if not values or trial is None:
        return None if trial is None else DesignPoint(values=values, trial=trial)
    document = place.document
    changed = spelled_out(
        replace(document, content=replaced(document.content, values), problems=())
    )
    top = Section.top(changed, COMMON_KEYS)
    varied = _checked_trial(top.place, _read_design(top, models))
    told = {problem.fault for problem in place.problems}
    for problem in top.place.problems:
        if (fault := f"a design point is not possible: {problem.key}: {problem.fault}") not in told:
            key = child_key("vary", next(iter(values))) if len(values) == 1 else "vary"
            place.problems.append(document.problem(key, fault, problem.fix))
    return None if varied is None else DesignPoint(values=values, trial=varied)
