"""Scenario files (``schema: lupusim/scenario/1``): a trial in the planner's words.

Every problem of a file is reported at once; what the format promises but is not built yet is
an error that says so, never ignored. All keys, ``*`` where one must be given; a duration has
a unit (``52 weeks``); every mapping may say its ``source``.

==================  =========================================================================
``schema`` *        ``lupusim/scenario/1``
``title`` *         one line; ``question``: why a planner runs it
``model``           packaged name, or a file beside this one, of all arms without their own
``population``      ``weight_kg`` {``mean`` 60, ``sd`` 0}; ``strata`` {factor: {level: share}};
                    ``covariates`` {name: {``mean`` *, ``sd`` 0, ``distribution`` normal or
                    lognormal}}; ``codes`` {factor: {level: number}}: a factor as covariate;
                    ``effects``: list of {``covariate`` *, ``level``: of a factor, ``on`` *,
                    ``hazard_ratio`` *: of the level, or per unit, ``reference``: where the ratio
                    is 1, by default the covariate's mean}; ``frailty``: list of {``on`` *,
                    ``variance`` *, ``distribution`` gamma or lognormal}, of mean 1;
                    ``cuts`` {factor: {``covariate`` *, ``at`` *, ``levels`` *}}: a covariate as
                    factor; ``screening`` {``sledai`` * {``mean`` *, ``sd`` *}, ``bilag``
                    {``systems`` *, ``grade_a`` *, ``grade_b`` *: probabilities}, ``eligible``:
                    list of ways in {``sledai``, ``bilag_a``, ``bilag_b``: at least}, SAT0244's,
                    ``tests`` 1: of a candidate, ``every`` * and ``correlation`` * between them};
                    enrollment is then of first tests, and sledai, bilag_a, bilag_b are covariates
``arms`` *          one, or several of which one says ``control``: true; each: ``name`` *,
                    ``allocation`` 1, ``model``, ``infusions`` {``cells_per_kg`` *, ``at``
                    [0 weeks], ``every``: further ones after those, ``number``: in all,
                    ``again_on``: states whose entry starts the course anew, ``missed`` 0: a
                    probability, ``lots`` {``doses`` *, ``sd`` *: of the log hazard ratio,
                    ``raises``, ``lowers``: lists of ways, by default as the effects do}},
                    ``switch`` {``to`` *: another arm, ``on`` *: states},
                    ``effects``: list of {``on`` * ``"a -> b"`` or a list of them,
                    ``hazard_ratio`` *, ``onset`` 0, ``lasts`` for good, ``half_life``}; for
                    the ratio may stand ``emax`` {``log_hazard_ratio`` *, ``ed50`` *: cells per
                    kg, ``hill`` 1}, and for all of it ``pieces``: list of {``until`` *: since the
                    infusion, not in the last, ``hazard_ratio`` *}
``enrollment`` *    ``kind`` poisson {``sites`` *, ``per_site_per_month`` * or
                    ``per_site_per_year``, ``ramp_up`` 0}, uniform {``duration`` *} or
                    piecewise {``breaks`` *, ``per_month`` *}; ``screen_failure`` 0: a share
``allocation``      ``method`` permuted_block {``block_size`` twice the ratio's sum}, simple,
                    minimization {``probability`` * of the card that leaves the least imbalance},
                    biased_coin {``probability`` 2/3 of the card that fewest have} or urn {``start``
                    0 balls of each card, ``added`` 1 of the others after each patient};
                    ``stratify_by``: names of strata, or the factors that are balanced
``follow_up``       duration; may be left out where a look is at events or at a date
``visits``          study times at which states can be seen
``marker``          a score, such as SLEDAI: ``by_state`` * {state: {``mean`` *, ``sd`` *}},
                    ``correlation`` * of a patient's values, ``lowest``, ``name``
``visit_conduct``   ``window`` 0: how early or late a visit may be; ``missed`` 0: probability of a
                    missed visit; ``misread`` {true state: {seen state: probability}}
``dropout``         ``per_year`` *: a hazard; ``by_state`` {state: multiplier}
``endpoints`` *     ``primary`` *, ``secondary`` (a list); each: ``kind`` * (see below),
                    ``name``, ``better`` more or fewer
``analysis``        ``test`` * and its parameters (see below), ``alpha`` 0.025, ``sided`` 1,
                    ``stratify_by``; ``true_effect``: a number on the scale of the estimate,
                    or ``simulated`` (from many patients fully observed), for bias and
                    coverage; left out where one arm only estimates
                    ``multiplicity``, where several arms or endpoints are tested, each arm against
                    the control: {``method`` * none, bonferroni, holm, hochberg, hommel, dunnett,
                    fixed_sequence, fallback or graph; ``endpoints``: list of {``endpoint`` * (a
                    secondary one), ``test`` *}; ``weights``: shares of alpha, ``transitions``: rows
                    of a graph, endpoint by endpoint and arm by arm; ``ends`` all or first: whether
                    the trial stops when all is decided or at the first rejection}
``looks``           list, the final look last (default: one, everybody followed to the end);
                    each has ``when`` * {``events``: number}, {``calendar_time``: duration since
                    the first site opened}, {``last_patient``: follow-up of the last patient},
                    {``patients``: number, ``followed``: duration}, {``information``: fraction of
                    the final look's}, or {``all``: [...]}, {``any``: [...]} of these;
                    ``efficacy`` {``spending``: obrien_fleming, pocock, hwang_shih_decani with
                    ``gamma``, kim_demets with ``rho``}, {``haybittle_peto``: z} or
                    {``wang_tsiatis``: delta}, the same at every look that has one;
                    ``futility`` {``spending``, ``beta`` 0.1, ``binding`` false} or
                    {``z``, ``binding`` false}; by what is likely: ``efficacy`` {``posterior``:
                    probability of a benefit}, ``futility`` {``posterior``},
                    {``conditional_power``; ``drift``: expected final z, default the trend seen} or
                    {``predictive_power``}; ``prior`` {``mean``, ``sd``} of the expected final z
``adaptation``      ``kind`` * bayesian_response (instead of an analysis; response at a visit)
                    {``success`` 0.99, ``success_at_end``, ``drop`` 0: posterior probabilities,
                    ``against`` control or all, ``prior`` [1, 1], ``shares`` of the arms after the
                    first look {``power`` 0 of the probability to be best, ``grows`` false,
                    ``least`` 0, ``most`` 1, ``control``: a fixed share}}, promising_zone
                    {``planned`` *: size without a change, ``least`` 0.3, ``power`` 0.9: zone of
                    conditional power} or blinded_size {``planned`` *, ``difference`` * of the
                    rates, ``power`` 0.9}; the most is the sample size, or the last look's events
``sample_size`` *   patients in all
``vary``            {path of a single value: list of values to try}, a design point for each
                    combination; an item of a list is named or counted from 0:
                    ``arms.msc.effects.0.hazard_ratio``
``simulation``      ``replicates`` 1000, ``seed`` 20260101
``estimand``        any keys, in words; printed, never computed with
==================  =========================================================================

``intercurrent_events`` {name, such as rescue: {``hazard_per_year`` * {state: hazard},
``strategy`` * treatment_policy, composite (no response, or an event), hypothetical (censored there,
or left out) or while_on_treatment (what was seen before it counts)}}; they don't change the
disease.

Endpoints, by ``kind``.

==================  =========================================================================
responder           ``states`` *, ``at`` *; ``since``: in them at all visits from then on;
                    ``missing`` non_responder
time_to_event       ``events`` *, ``competing``, ``origin`` randomization, first_remission or
                    states; ``observed`` exactly, or at_visits: the first at which it is seen
survival            time to the states that end a history
event_count         ``events`` *: every entry counts; ``until`` the end of follow-up
time_in_states      ``states`` *, ``until`` *; in years
ordinal_state       ``ranking`` *: every state, or lists of states that rank alike, from the worst
                    to the best; ``at`` *; ``missing``: as which state a missing one ranks (the
                    worst)
marker_change       ``at`` *; ``missing`` no_change or left_out
marker_responder    ``at`` *; ``fall`` *: by at least so much since randomization
hierarchy           ``levels`` *: list of endpoints of the other kinds, the most important first
==================  =========================================================================

Tests, by the endpoint's kind; ``s``: may say ``stratify_by`` (cochran_mantel_haenszel takes the
allocation's strata where it does not); ``m``: may say a ``margin``, for non-inferiority: how much
worse the experimental arm may be (0), or for ratios the ratio to beat (1).

==================  =========================================================================
responders          pooled_z, unpooled_z m, miettinen_nurminen m, risk_ratio m, risk_ratio_score
                    m, odds_ratio m, fisher_exact, boschloo, barnard, cochran_mantel_haenszel s,
                    logistic_regression s
time to an event    logrank s, cox s m, fleming_harrington {``rho`` 0, ``gamma`` 1}, magirr_burman
                    {``until`` *}, max_combo, restricted_mean m {``until`` *},
                    survival_difference m {``at`` *}; with competing events also fine_gray s m,
                    subdistribution_logrank s, incidence_difference m {``at`` *}
event_count         rate_ratio m
time_in_states,     proportional_odds (ranks), t_test, welch, ancova s (adjusts for a marker's
ordinal_state,      baseline), wilcoxon
marker_change
hierarchy           win_ratio, win_odds, net_benefit
==================  =========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from lupusim.errors import Problem, ScenarioError
from lupusim.planning.scenario import DesignPoint, Scenario
from lupusim.scenario.adapting import read_adaptation
from lupusim.scenario.arms import Models, ReadArms, read_arms
from lupusim.scenario.conduct import (
    read_allocation,
    read_dropout,
    read_enrollment,
)
from lupusim.scenario.endpoints import read_endpoints
from lupusim.scenario.looks import Question, read_looks
from lupusim.scenario.model_files import read_schema
from lupusim.scenario.multiplicity import read_family
from lupusim.scenario.packaged import find_packaged
from lupusim.scenario.patients import read_population
from lupusim.scenario.questions import read_analysis
from lupusim.scenario.reading import Duration, Integer, ListOf, Place, Section, Text
from lupusim.scenario.variation import read_variation, replaced
from lupusim.scenario.watching import (
    read_intercurrent_events,
    read_marker,
    read_visit_conduct,
)
from lupusim.scenario.yaml_file import Document, child_key, describe, read_document
from lupusim.trial import Trial
from lupusim.trial.checks import trial_problems

SCHEMA = "lupusim/scenario/1"
COMMON_KEYS = ("source",)  # every section may say where its numbers come from
NOT_BUILT_YET = ("supply",)
_MOST_REPLICATES = 10_000_000
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
    """
    document = Document(file=file, content=dict(content), error_class=ScenarioError)
    return scenario_from_document(document, folder=folder, command=str(file))


def scenario_from_document(
    document: Document, *, folder: Path | None = None, command: str = ""
) -> Scenario:
    """Return the scenario of a document; raises ScenarioError with all its problems."""
    top = Section.top(document, COMMON_KEYS)
    models = Models(folder)
    about = _read_about(top)
    variation = read_variation(top)
    sources = dict(_read_sources(top.place, document.content))
    design = _read_design(top, models)
    for name in NOT_BUILT_YET:
        fault = f"{name!r} is not built yet, and would change the answer"
        top.refuse(name, fault, "Remove it, or wait for a later version.")
    top.finish()
    trial = _checked_trial(top.place, design)
    points = [_point(top.place, models, values, trial) for values in variation]
    top.raise_problems()
    return Scenario(
        name=Path(document.file).stem,
        points=tuple(cast("list[DesignPoint]", points)),
        text=document.text,
        command=command,
        sources=sources,
        **about,
    )


def _read_about(top: Section) -> dict[str, Any]:
    read_schema(top, SCHEMA)
    about: dict[str, Any] = {
        "title": top.read("title", Text()),
        "question": top.read("question", Text(), ""),
    }
    simulation = top.section_or_empty("simulation")
    about["n_replicates"] = simulation.read(
        "replicates", Integer(at_least=1, at_most=_MOST_REPLICATES), 1000
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
    if isinstance(value, Mapping):
        parts = (f"{name}: {_words(v, place.child(name))}" for name, v in value.items())
        return "; ".join(parts)
    if isinstance(value, list | tuple):
        return "; ".join(_words(v, place.child(k)) for k, v in enumerate(value))
    if value is None:
        place.report(f"{describe(value)} says nothing", "Write words, or remove the key.")
    return value if isinstance(value, str) else describe(value)


def _read_sources(place: Place, content: object) -> Iterator[tuple[str, str]]:
    """Yield what every key ``source`` says, by the key that it stands under."""
    if isinstance(content, Mapping):
        for name, value in content.items():
            below = place.child(str(name))
            if name == "source":
                yield place.key or "scenario", _words(value, below)
            elif place.key or name != "estimand":
                yield from _read_sources(below, value)
    if isinstance(content, list):
        for k, item in enumerate(content):
            yield from _read_sources(place.child(k), item)


def _checked_trial(place: Place, design: _Design) -> Trial | None:
    """Return the trial, or None after reporting why there is none."""
    read, parts = design.arms, design.parts
    if not read.arms:
        return None
    draft = SimpleNamespace(
        **parts, states=read.arms[0].model.states, ratio=tuple(a.allocation for a in read.arms)
    )
    known = [problem.key for problem in place.problems]
    for problem in trial_problems(cast("Trial", draft)):
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
    read = read_arms(top, models)
    model = read.arms[0].model if read.arms else None
    follow_up = top.read("follow_up", Duration(above=0), math.inf)
    visits = top.read("visits", ListOf(Duration()), ())
    primary, secondary = read_endpoints(top, model, visits)
    population = read_population(top)
    allocation, stratify_by = read_allocation(top, population)
    n_patients = top.read("sample_size", Integer(at_least=1, at_most=1_000_000))
    analysis = read_analysis(top, primary, stratify_by)
    question = Question(
        primary=primary, n_patients=n_patients, follow_up=follow_up, analysis=analysis
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
        "marker": read_marker(top),
        "dropout": read_dropout(top),
        "primary": primary,
        "secondary": secondary,
        "analysis": analysis,
        **(looks := read_looks(top, question)),
        "adaptation": read_adaptation(top),
        "family": read_family(
            top,
            read.arms,
            secondary,
            stopping=looks["stopping"],
            n_looks=1 + len(looks["interims"]),
        ),
    }
    return _Design(arms=read, parts=parts)


def _in_the_file(problem: Problem, read: ReadArms) -> Problem:
    """Return a problem with the key of the arm as the file counts them."""
    steps = problem.key.split(".")
    if steps[0] == "arms" and len(steps) > 1:
        steps[1] = str(read.order[int(steps[1])])
    return replace(problem, key=".".join(steps))


def _follows(key: str, known: list[str]) -> bool:
    """Return whether a problem of the trial only follows from one that is known already."""
    related = any(
        k == key or k.startswith(f"{key}.") or key.startswith(f"{k}.") for k in known if k
    )
    parent, _, name = key.rpartition(".")
    siblings = [k.rpartition(".")[2] for k in known if k.rpartition(".")[0] == parent]
    misspelled = bool(get_close_matches(name, siblings, n=1, cutoff=0.8))
    needs_times = key == "visits" or key.endswith(".at")
    times_unknown = any(k.startswith(("visits", "follow_up")) for k in known)
    arms_unknown = key.startswith(("allocation", "analysis")) and "arms" in known
    return related or misspelled or (needs_times and times_unknown) or arms_unknown


def _point(
    place: Place, models: Models, values: Mapping[str, Any], trial: Trial | None
) -> DesignPoint | None:
    """Return one design point, or None after reporting what is wrong with its values."""
    if not values or trial is None:
        return None if trial is None else DesignPoint(values=values, trial=trial)
    document = place.document
    changed = replace(document, content=replaced(document.content, values), problems=())
    top = Section.top(changed, COMMON_KEYS)
    varied = _checked_trial(top.place, _read_design(top, models))
    told = {problem.fault for problem in place.problems}
    for problem in top.place.problems:
        if (fault := f"a design point is not possible: {problem.key}: {problem.fault}") not in told:
            key = child_key("vary", next(iter(values))) if len(values) == 1 else "vary"
            place.problems.append(document.problem(key, fault, problem.fix))
    return None if varied is None else DesignPoint(values=values, trial=varied)
