"""What ``lupusim assurance`` may be told of what is not known, and of what is at stake."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from lupusim.cli.asking import Answer, Partly, Question
from lupusim.cli.parameters import Option
from lupusim.cli.writing import save_figure
from lupusim.common.frozen import dataclass

if TYPE_CHECKING:
    from lupusim.planning.assurance.beliefs import Gain
    from lupusim.planning.assurance.effect_priors import EffectPrior
    from lupusim.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What is not known, as the options say it."""

    draws: Annotated[
        list[str] | None,
        Option(help="Calibrated model with draws, by name or file; repeat it."),
    ] = None
    effect_sd: Annotated[
        float | None,
        Option(help="Standard deviation of the log hazard ratio around the stated one."),
    ] = None
    effect_on: Annotated[
        list[str] | None,
        Option(
            help='With --effect-sd, for arms with a model of their own: "active -> relapse" gets a '
            "further hazard ratio around 1; repeat it."
        ),
    ] = None
    sceptical: Annotated[
        float | None,
        Option(
            share=True,
            help="With --effect-sd: how much the uncontrolled study behind it counts, 0 to 1.",
        ),
    ] = None
    worthwhile_ratio: Annotated[
        float | None,
        Option(help="With --sceptical: hazard ratio that a sceptic gives 5 in 100 to be beaten."),
    ] = None
    no_effect: Annotated[
        float, Option(share=True, help="Probability that there is no effect at all.")
    ] = 0.0

    def __post_init__(self) -> None:
        if self.effect_sd is not None and not 0 <= self.effect_sd < math.inf:
            raise ValueError(f"--effect-sd {self.effect_sd:g} must be a number, 0 or above")
        if self.effect_sd is None and (self.effect_on or self.sceptical is not None):
            raise ValueError("--effect-on and --sceptical need --effect-sd")
        if self.effect_on and self.sceptical is not None:
            raise ValueError("--sceptical discounts a stated hazard ratio; --effect-on has none")
        if (self.sceptical is None) != (self.worthwhile_ratio is None):
            raise ValueError("--sceptical and --worthwhile-ratio go together")
        if self.worthwhile_ratio is not None and not self.worthwhile_ratio > 0:
            raise ValueError(f"--worthwhile-ratio {self.worthwhile_ratio:g} must be above 0")

    def prior(self, trials: Sequence[Trial]) -> EffectPrior | None:
        """Return the prior for the effect; None where the stated effect is certain.

        Of designs that state different hazard ratios it is around each design's own.
        """
        from lupusim.planning.assurance.effect_priors import OrNoEffect, StatedEffect

        around = self._around(trials)
        if self.no_effect:
            otherwise = StatedEffect() if around is None else around
            return OrNoEffect(probability=self.no_effect, otherwise=otherwise)
        return around

    def _around(self, trials: Sequence[Trial]) -> EffectPrior | None:
        from lupusim.planning.assurance.around_stated import AroundStated, normal_around
        from lupusim.planning.assurance.effect_priors import sceptical

        if self.effect_sd is None or self.effect_on:
            return None
        around: Callable[[float], EffectPrior] = partial(normal_around, sd=self.effect_sd)
        if self.sceptical is not None and self.worthwhile_ratio is not None:
            worthwhile = math.log(self.worthwhile_ratio)
            around = partial(
                sceptical,
                standard_error=self.effect_sd,
                weight=self.sceptical,
                worthwhile=worthwhile,
            )
        ratios = {_stated(trial) for trial in trials}
        return around(*ratios) if len(ratios) == 1 else AroundStated(prior=around)

    def all_draws(self, seed: int) -> list[Any]:
        """Return the draws of models, and of a further hazard ratio."""
        from lupusim.planning.assurance.beliefs import FurtherRatio
        from lupusim.scenario.files.draws import load_model_draws

        found: list[Any] = [load_model_draws(name) for name in self.draws or ()]
        if self.effect_on and self.effect_sd is not None:
            edges = tuple(_edge(words) for words in self.effect_on)
            found.append(FurtherRatio(on=edges, sd=self.effect_sd, seed=seed))
        return found


def _stated(trial: Trial) -> float:
    """Return the log hazard ratio that a prior is to lie around."""
    from lupusim.planning.assurance.effect_priors import experimental, stated_log_ratio

    stated = stated_log_ratio(trial)
    if math.isfinite(stated) and stated != 0:
        return stated
    own = ", ".join(f"{arm.name} ({arm.model.name})" for arm in experimental(trial))
    raise ValueError(
        f"--effect-sd: no hazard ratio other than 0 and 1 is stated for {own}. Say where a "
        "further one acts with --effect-on 'active -> relapse', or use --draws MODEL "
        "or --no-effect P"
    )


def _edge(words: str) -> tuple[str, str]:
    start, arrow, end = (part.strip() for part in words.partition("->"))
    if not (start and arrow and end):
        raise ValueError(f"--effect-on {words!r} must be a transition such as 'active -> relapse'")
    return start, end


@dataclass(frozen=True, slots=True, kw_only=True)
class Stake:
    """What an effect is worth, as the options say it."""

    worthwhile: Annotated[
        float | None,
        Option(
            share=True,
            help="Smallest true gain in the primary endpoint's probability worth having.",
        ),
    ] = None
    by: Annotated[
        str | None,
        Option(help='Study time at which events count as avoided, such as "2 years".'),
    ] = None
    value: Annotated[
        float | None,
        Option(
            help="Value of the trial's data: future patients who would be treated. "
            "A table over sizes."
        ),
    ] = None
    patient_cost: Annotated[
        float,
        Option(help="With --value: cost of a patient in the trial, in responders (or events)."),
    ] = 0.0

    def __post_init__(self) -> None:
        if self.patient_cost and self.value is None:
            raise ValueError("--patient-cost goes with --value")
        if self.by is not None and self.worthwhile is None and self.value is None:
            raise ValueError("--by goes with --worthwhile or --value")
        if self.value is not None and not self.value > 0:
            raise ValueError(f"--value {self.value:g} must be above 0")

    def gain(self, trial: Trial) -> Gain:
        """Return what the treatment truly gains in the primary endpoint."""
        from lupusim.planning.assurance.beliefs import EventsAvoided, ResponseGain
        from lupusim.scenario.document.durations import parse_duration

        if trial.primary.response_at_visit is not None:
            if self.by is not None:
                raise ValueError("--by: the primary endpoint is a response and has its own visit")
            return ResponseGain()
        if trial.primary.time_of_event is None:
            raise ValueError(
                "--worthwhile and --value need a primary endpoint that is a response at a visit "
                "or a time to an event: the gain in others has no exact solution"
            )
        if self.by is None:
            raise ValueError('--worthwhile and --value: say --by when, such as --by "2 years"')
        return EventsAvoided(by=parse_duration(self.by))


@dataclass(frozen=True, slots=True, kw_only=True)
class NetGain:
    """Gain of all future patients, less what would make it worthless."""

    gain: Gain  # of one patient
    at_least: float  # what a patient must gain for the treatment to be worth having
    n_future: float  # future patients

    def __call__(self, trial: Trial) -> float:
        """Return the gain of adopting, in responders or events avoided."""
        return self.n_future * (self.gain(trial) - self.at_least)


def ask_assurance(
    question: Question, doubt: Doubt, stake: Stake, *, replicates: int, plot: Path | None
) -> None:
    """Answer with the assurance of every design."""
    from lupusim.planning.assurance.assurance import Nesting, Worthwhile, is_simulated
    from lupusim.planning.assurance.assurance import assurance as average
    from lupusim.planning.assurance.results import Assurance, InterruptedAssuranceError
    from lupusim.report.questions.assured import assurance_sentence, assurance_table

    loaded, seed = question.scenario, question.seed
    trials = [point.trial for point in loaded.points]
    prior, draws = doubt.prior(trials), doubt.all_draws(seed)
    worthwhile = None
    if stake.worthwhile is not None:
        worthwhile = Worthwhile(gain=stake.gain(trials[0]), at_least=stake.worthwhile)
    nesting = Nesting(worthwhile=worthwhile)

    def answer(found: Assurance) -> Answer:
        return Answer(
            content=found.to_json(),
            table=lambda: found.table,
            shown=assurance_table(found),
            sentence=assurance_sentence(found),
        )

    def partly(interrupt: InterruptedAssuranceError) -> Answer | None:
        return answer(interrupt.partial) if interrupt.partial.points else None

    def find(bench: Any) -> Assurance:
        return average(
            loaded,
            draws,
            prior,
            seed=seed,
            n_replicates=replicates,
            nesting=replace(nesting, bench=bench),
        )

    question = replace(question, simulates=lambda: any(map(is_simulated, trials)))
    found = question.ask(find, answer, Partly(InterruptedAssuranceError, partly))
    if plot is not None:
        from lupusim.report.questions.figures import assurance_distribution

        save_figure(assurance_distribution(found.points[0], title=loaded.title), plot)


def ask_value(
    question: Question, doubt: Doubt, stake: Stake, *, replicates: int, plot: Path | None
) -> None:
    """Answer with the expected value of the data of every design."""
    from lupusim.planning.assurance.beliefs import Beliefs
    from lupusim.planning.assurance.drawn import has_one_table
    from lupusim.planning.assurance.effect_priors import StatedEffect
    from lupusim.planning.assurance.value_of_information import (
        Decision,
        InterruptedValueError,
        information_value,
    )
    from lupusim.report.questions.answers import plain_rows, value_sentence, value_table

    trials = [point.trial for point in question.scenario.points]
    prior = doubt.prior(trials) or StatedEffect()
    beliefs = Beliefs(draws=tuple(doubt.all_draws(question.seed)), effect=prior)
    net = NetGain(
        gain=stake.gain(trials[0]), at_least=stake.worthwhile or 0.0, n_future=stake.value or 0.0
    )
    decision = Decision(gain=net, cost=lambda trial: stake.patient_cost * trial.n_patients)

    def answer(table: Any, *, complete: bool = True) -> Answer:
        content = {
            "scenario": question.scenario.name,
            "seed": question.seed,
            "n_draws": int(table["n_draws"].min()),
            "complete": complete,
            "future_patients": stake.value,
            "worthwhile": net.at_least,
            "sizes": plain_rows(table),
        }
        shown = value_table(table, seed=question.seed)
        sentence = value_sentence(table)
        return Answer(content=content, table=lambda: table, shown=shown, sentence=sentence)

    def partly(interrupt: InterruptedValueError) -> Answer | None:
        done = interrupt.partial
        return None if done is None else answer(done, complete=False)

    question = replace(
        question, name="value", simulates=lambda: not all(map(has_one_table, trials))
    )
    found = question.ask(
        lambda bench: information_value(
            trials,
            beliefs=beliefs,
            decision=decision,
            n_draws=replicates,
            seed=question.seed,
            bench=bench,
        ),
        answer,
        Partly(InterruptedValueError, partly),
    )
    if plot is not None:
        from lupusim.report.questions.figures import value_by_size

        save_figure(value_by_size(found, title=question.scenario.title), plot)
