"""The command ``lupusim calibrate``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import click

from lupusim.cli.options import Format, FormatOption, WidthOption
from lupusim.cli.parameters import Argument, Option
from lupusim.cli.session import interruptible
from lupusim.cli.writing import ForceOption, if_present
from lupusim.common.output import Folder, IfPresent, csv_text, file_stems

if TYPE_CHECKING:
    from lupusim.calibration.checking.elasticities import Elasticity
    from lupusim.calibration.checking.outlook import PlannedTrial
    from lupusim.calibration.fit import Fit
    from lupusim.report.calibration.answers import Answers


class TimeUnit(Enum):
    """Unit of the times in a table of patients."""

    years = "years"
    months = "months"
    weeks = "weeks"
    days = "days"


_Told: TypeAlias = Callable[[int, int], None] | None
_LONG = 45.0  # seconds of a fit
_PAGE, _FACTS = "calibration.html", "calibration.json"
_Question: TypeAlias = Callable[[_Told], Any]


def calibrate(
    evidence: Annotated[
        list[str] | None,
        Argument(
            metavar="[EVIDENCE]...",
            help="Evidence files, packaged names, tables of patients (.csv); default: those the "
            "model names.",
        ),
    ] = None,
    model: Annotated[
        str, Option(help="A model file with a calibration block, or a packaged name.")
    ] = "markov-sat0244",
    seed: Annotated[int, Option(min=0, help="Of the search and of the draws.")] = 20260101,
    starts: Annotated[int, Option(min=20, help="Starting points of the search.")] = 24,
    draws: Annotated[int, Option(min=0, help="Posterior draws; 0 for none.")] = 5000,
    out: Annotated[
        Path | None, Option(help="Folder for the model, its draws, and the page with plots.")
    ] = None,
    compare: Annotated[
        bool, Option("--compare", help="Fit other shapes of the way into remission too.")
    ] = False,
    sensitivity: Annotated[
        bool, Option("--sensitivity", help="Which published count moves predictions most.")
    ] = False,
    per_arm: Annotated[
        int | None,
        Option(min=2, help="With --sensitivity or --predict: of the power of such a trial."),
    ] = None,
    control: Annotated[
        str, Option(help="With --per-arm: the model of the control arm.")
    ] = "standard-care",
    second_opinion: Annotated[
        bool, Option("--second-opinion", help="Draw by Markov chains, too, and compare.")
    ] = False,
    check_sampler: Annotated[
        int | None,
        Option(min=20, help="Rounds of simulation-based calibration; 150 for a verdict."),
    ] = None,
    study_effect: Annotated[
        list[str] | None,
        Option(help="A parameter that differs from study to study; repeat it."),
    ] = None,
    predict: Annotated[
        str | None,
        Option(help='Count the states of --n further patients, as in "state at 5 years".'),
    ] = None,
    n: Annotated[int | None, Option("--n", min=1, help="With --predict: patients.")] = None,
    time_unit: Annotated[
        TimeUnit, Option(help="Of the times in a table of patients.")
    ] = TimeUnit.years,
    force: ForceOption = False,
    format: FormatOption = Format.table,
    width: WidthOption = None,
) -> None:
    """Fit a model to published counts: estimates, what is identified, targets, draws."""
    from lupusim.scenario.calibrate import calibrate as fit_model

    _check_options(
        needs_draws=second_opinion or bool(study_effect),
        draws=draws,
        has_plan=sensitivity or predict is not None,
        per_arm=per_arm,
    )
    time = _prediction_time(predict, n, draws)
    _check_extras(second_opinion=second_opinion, page=out is not None)
    folder = None if out is None else _folder(out, model, has_draws=draws > 0, force=force)
    _forecast(evidence or (), model, time_unit.value)
    with interruptible(), _progress("search, then profiles") as told:
        fit = fit_model(
            evidence or (),
            model=model,
            seed=seed,
            n_starts=starts,
            n_draws=draws,
            progress=told,
            time_unit=time_unit.value,
        )
    wanted: dict[str, tuple[object, _Question]] = {
        # First, because a wrong name is found out here, before minutes are spent on the rest.
        "next_study": (study_effect, lambda _: _next_study(fit, tuple(study_effect or ()))),
        "targets": (draws and fit.likelihood.targets, lambda _: _targets(fit)),
        "priors": (draws, lambda _: _priors(fit)),
        "scores": (compare, lambda _: _scores(fit)),
        "elasticities": (sensitivity, lambda _: _elasticities(fit, per_arm, control)),
        "counts": (predict, lambda _: _counts(fit, time, n or 0)),
        "further": (predict, lambda _: _further(fit, n or 0, per_arm, control)),
        "opinion": (second_opinion, lambda _: _opinion(fit)),
        "ranks": (check_sampler, lambda told: _ranks(fit, check_sampler or 0, told)),
    }
    questions = {name: answer for name, (is_asked, answer) in wanted.items() if is_asked}
    with interruptible():
        answers = _ask(fit, questions)
    _print_fit(fit, answers, format, width)
    if folder is not None:
        _write_fit(fit, answers, folder)


def _forecast(evidence: Sequence[str], model: str, time_unit: str) -> None:
    """Say on standard error that a fit to patients will take long, if it will."""
    from lupusim.scenario.calibrate import seconds_of_fit

    with interruptible():
        seconds = seconds_of_fit(evidence, model, time_unit=time_unit)
    if seconds > _LONG:
        print(
            f"the fit takes about {max(1, round(seconds / 60))} min: between visits all that may "
            "have happened is summed over for every set of values (hazards that are constant "
            "have a formula, and take seconds)",
            file=sys.stderr,
        )


def _check_extras(*, second_opinion: bool, page: bool) -> None:
    """Raise MissingExtraError unless what is asked for can be done here."""
    from lupusim.report.figures.style import need

    if second_opinion:
        need("calibration", "emcee")
    if page:
        need("report", "jinja2", "matplotlib")


def _check_options(*, needs_draws: bool, draws: int, has_plan: bool, per_arm: int | None) -> None:
    if needs_draws and draws == 0:
        raise click.BadParameter("--second-opinion and --study-effect need --draws above 0")
    if per_arm is not None and not has_plan:
        raise click.BadParameter(
            "--per-arm belongs to --sensitivity or --predict. Add one, or leave it out"
        )


def _prediction_time(predict: str | None, n: int | None, draws: int) -> float:
    """Return the study time of ``--predict``, years; 0 if it is not asked for."""
    if predict is None:
        if n is not None:
            raise click.BadParameter("--n belongs to --predict. Add it, or leave both out")
        return 0.0
    if n is None or draws == 0:
        raise click.BadParameter("--predict needs --n patients, and --draws above 0")
    from lupusim.scenario.document.durations import parse_duration

    words, _, time = predict.partition(" at ")
    if words.strip() != "state" or not time:
        raise click.BadParameter(f"--predict {predict!r}: write it as 'state at 5 years'")
    try:
        return parse_duration(time.strip())
    except ValueError as wrong:
        raise click.BadParameter(f"--predict {predict!r}: {wrong}") from None


@contextmanager
def _progress(label: str) -> Iterator[_Told]:
    """Show a bar while something runs, on a terminal; nothing where errors go to a file."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _ask(fit: Fit, questions: dict[str, _Question]) -> Answers:
    from lupusim.report.calibration.answers import Answers

    found = {}
    for name, answer in questions.items():
        with _progress(name.replace("_", " ")) as told:
            found[name] = answer(told)
    return Answers(names=fit.likelihood.free_model.names, **found)


def _targets(fit: Fit) -> object:
    from lupusim.calibration.checking.posterior_checks import check_targets

    return check_targets(fit)


def _priors(fit: Fit) -> object:
    from lupusim.calibration.checking.posterior_checks import check_priors

    return check_priors(fit)


def _scores(fit: Fit) -> object:
    from lupusim.calibration.checking.outlook import remission_edges
    from lupusim.calibration.estimation.comparison import compare
    from lupusim.calibration.estimation.shapes import shapes

    candidates = shapes(fit.free_model, remission_edges(fit.model))
    likelihood = fit.likelihood
    return compare(
        likelihood.studies,
        candidates,
        seed=fit.seed,
        n_starts=fit.n_starts,
    )


def _elasticities(fit: Fit, per_arm: int | None, control: str) -> tuple[Elasticity, ...]:
    from lupusim.calibration.checking.outlook import find_elasticities

    found = find_elasticities(fit)
    trial = _planned(per_arm, control)
    return found if trial is None else (*trial.elasticities(found), *found)


def _planned(per_arm: int | None, control: str) -> PlannedTrial | None:
    """Return the trial whose power is asked for, if any."""
    from lupusim.calibration.checking.outlook import PlannedTrial, first_share
    from lupusim.scenario import load_model

    if per_arm is None:
        return None
    return PlannedTrial(n_per_arm=per_arm, control=first_share(load_model(control)))


def _counts(fit: Fit, time: float, n: int) -> object:
    from lupusim.calibration.checking.next_counts import next_counts

    return next_counts(fit, time, n)


def _further(fit: Fit, n: int, per_arm: int | None, control: str) -> object:
    from lupusim.calibration.checking.next_counts import further_numbers

    return further_numbers(fit, n, trial=_planned(per_arm, control))


def _opinion(fit: Fit) -> object:
    from lupusim.calibration.posterior.sampler_comparison import ask_second_opinion

    return ask_second_opinion(fit)


def _ranks(fit: Fit, n_rounds: int, told: _Told) -> object:
    from lupusim.calibration.checking.sampler_check import check_sampler

    return check_sampler(fit.likelihood, n_rounds=n_rounds, seed=fit.seed, progress=told)


def _next_study(fit: Fit, varies: tuple[str, ...]) -> object:
    from lupusim.calibration.checking.outlook import predict_next_study

    try:
        return predict_next_study(fit, varies)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong)) from None


def _print_fit(fit: Fit, answers: Answers, format: Format, width: int | None) -> None:
    if format is Format.json:
        print(json.dumps(_facts(fit, answers), indent=2))
    elif format is Format.csv:
        print(csv_text(fit.estimates), end="")
    else:
        from rich.console import Console

        from lupusim.report.calibration.tables import calibration_report

        Console(width=width, markup=False, highlight=False).print(calibration_report(fit, answers))


def _facts(fit: Fit, answers: Answers) -> dict[str, Any]:
    """Return all that was found, with the verdicts that the tables print."""
    from lupusim.report.calibration.answers import estimate_table

    facts = fit.summary() | answers.summary()
    for row, shown in zip(facts["estimates"], estimate_table(fit, answers), strict=True):
        row["verdict"] = shown["verdict"]
    return facts


def _folder(out: Path, model: str, *, has_draws: bool, force: bool) -> Folder:
    """Return the folder of the page and the model, once the names of its files are free."""
    from lupusim.scenario.calibrate import refuse_stale_draws
    from lupusim.scenario.files.calibration_block import load_free_model

    stem = _stem(load_free_model(model).model.name)
    folder = Folder(out, if_present(force))
    draws = [f"{stem}.draws.npz"] if has_draws else []
    if not has_draws:
        refuse_stale_draws(out / f"{stem}.yaml")
    folder.reserve([_PAGE, _FACTS, f"{stem}.yaml", *draws])
    return folder


def _stem(name: str) -> str:
    return file_stems([name])[name]


def _write_fit(fit: Fit, answers: Answers, folder: Folder) -> None:
    from lupusim.report.calibration.page import page

    stem = _stem(fit.model.name)
    folder.write(_PAGE, page(fit, answers))
    folder.write(_FACTS, json.dumps(_facts(fit, answers), indent=2))
    model = f"{stem}.yaml"
    files = [model] if fit.draws is None else [model, f"{stem}.draws.npz"]
    folder.reserve(files)
    fit.save(folder.path / model, IfPresent.REPLACE)
    folder.keep(*files)
    for name in (_PAGE, _FACTS, *files):
        print(f"written: {folder.path / name}", file=sys.stderr)
