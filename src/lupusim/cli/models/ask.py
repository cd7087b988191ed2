"""``lupusim ask``: what one asks of a chain, solved exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import click

from lupusim.cli.asking import Answer
from lupusim.cli.options import Format, FormatOption
from lupusim.cli.parameters import Argument, Option
from lupusim.common.frozen import dataclass

if TYPE_CHECKING:
    import pandas as pd

    from lupusim.model import MultiStateModel


class QuestionName(StrEnum):
    """What to ask."""

    probabilities = "probabilities"
    sojourn = "sojourn"
    next = "next"
    visits = "visits"
    time = "time"
    first_passage = "first-passage"
    life = "life"


def ask(
    model: Annotated[str, Argument(metavar="MODEL", help="A model file or packaged name.")],
    question: Annotated[
        QuestionName,
        Argument(
            metavar="QUESTION",
            help="probabilities: P(t), needs --at; sojourn: how long stays last; next: where they "
            "lead; visits: stays that begin; time: years in each state; first-passage: into --to, "
            "ever and by --at; life: expected years alive.",
        ),
    ],
    at: Annotated[
        list[str] | None, Option("--at", help='A time such as "10 years"; repeat it.')
    ] = None,
    start: Annotated[
        str | None, Option("--from", help="Start in this state. Default: the model's start.")
    ] = None,
    to: Annotated[
        list[str] | None, Option("--to", help="State to be reached; repeat it for a set.")
    ] = None,
    until: Annotated[
        str | None, Option("--until", help='Until such as "5 years". Default: for ever.')
    ] = None,
    discount: Annotated[
        str, Option("--discount", help="Yearly rate such as 3% (of time and life).")
    ] = "0%",
    format: FormatOption = Format.table,
) -> None:
    """Ask a model: P(t), sojourn times, next state, visits, time in state, first passage, life."""
    from lupusim.scenario import load_model, parse_duration

    asked = _Asked(
        model=load_model(model),
        times=[parse_duration(time) for time in at or []],
        start=start,
        to=to or [],
        until=parse_duration(until) if until else math.inf,
        discount=_share(discount),
    )
    title, table = _ANSWERS[question](asked)
    _answer(asked.model.name, title, table).tell(format)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A model and what narrows a question down; times in years."""

    model: MultiStateModel
    times: list[float]
    start: str | None
    to: list[str]
    until: float
    discount: float

    @property
    def span(self) -> str:
        """Until when, in words."""
        from lupusim.scenario import format_duration

        words = "for ever" if self.until == math.inf else f"in {format_duration(self.until)}"
        return f"{words}, from {self.start}" if self.start else words


def _share(words: str) -> float:
    number = words.strip().removesuffix("%")
    try:
        value = float(number) / (100 if words.strip().endswith("%") else 1)
    except ValueError:
        raise click.BadParameter(f"--discount {words!r} is no rate. Write 3% or 0.03") from None
    if not 0 <= value < 1:
        raise click.BadParameter(f"--discount {words!r} is out of range. Write 3% or 0.03")
    return value


def _probabilities(asked: _Asked) -> tuple[str, pd.DataFrame]:
    import pandas as pd

    from lupusim.engines import exact

    if not asked.times:
        raise click.BadParameter('probabilities need --at, such as --at "1 year"')
    tables = []
    for years in asked.times:
        table = exact.transition_probabilities(asked.model, years)
        if asked.start is not None:
            exact.occupancy(asked.model, [years], start=asked.start)  # refuses an unknown state
            table = table.loc[[asked.start]]
        tables.append(table.reset_index().assign(years=years))
    table = pd.concat(tables, ignore_index=True)
    return "probability of being in each state", table[["years", "from_state", *asked.model.states]]


def _sojourn(asked: _Asked) -> tuple[str, pd.DataFrame]:
    from lupusim.engines import exact

    return "years that a stay lasts", exact.sojourn_times(asked.model).reset_index()


def _next(asked: _Asked) -> tuple[str, pd.DataFrame]:
    from lupusim.engines import exact

    return "probability of each next state", exact.next_states(asked.model).reset_index()


def _visits(asked: _Asked) -> tuple[str, pd.DataFrame]:
    from lupusim.engines import exact

    found = exact.visits(asked.model, asked.until, start=asked.start)
    return f"expected stays that begin {asked.span}", _one_row(asked, found.tolist())


def _time(asked: _Asked) -> tuple[str, pd.DataFrame]:
    from lupusim.engines import exact

    found = exact.time_in_state(
        asked.model, asked.until, start=asked.start, discount=asked.discount
    )
    title = f"expected years in each state {asked.span}{_discounted(asked)}"
    return title, _one_row(asked, found.tolist())


def _first_passage(asked: _Asked) -> tuple[str, pd.DataFrame]:
    import pandas as pd

    from lupusim.engines import exact

    if not asked.to:
        raise click.BadParameter("first-passage needs --to, the state to be reached")
    starts = [asked.start] if asked.start else list(asked.model.states)
    rows = []
    for state in starts:
        found = exact.first_passage(asked.model, asked.to, start=state)
        row = {"from_state": state, "ever": found.probability, "mean_years": found.mean_time}
        if asked.times:
            by = exact.ever(asked.model, asked.to, asked.times, start=state)
            row |= {
                f"by_{years:g}_years": p for years, p in zip(asked.times, by.tolist(), strict=True)
            }
        rows.append(row)
    return f"first entry into {' or '.join(asked.to)}", pd.DataFrame(rows)


def _life(asked: _Asked) -> tuple[str, pd.DataFrame]:
    import pandas as pd

    from lupusim.engines import exact

    model = asked.model
    starts = [asked.start] if asked.start else [s for s in model.states if model.outgoing(s)]
    rows = [
        {
            "from_state": state,
            "years": exact.life_expectancy(
                model, asked.until, start=state, discount=asked.discount, dead=asked.to or None
            ),
        }
        for state in starts
    ]
    return f"expected years alive{_discounted(asked)}", pd.DataFrame(rows)


def _discounted(asked: _Asked) -> str:
    return f", discounted at {100 * asked.discount:g} % a year" if asked.discount else ""


def _one_row(asked: _Asked, values: list[float]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([dict(zip(asked.model.states, values, strict=True))])


_ANSWERS: dict[QuestionName, Callable[[_Asked], tuple[str, pd.DataFrame]]] = {
    QuestionName.probabilities: _probabilities,
    QuestionName.sojourn: _sojourn,
    QuestionName.next: _next,
    QuestionName.visits: _visits,
    QuestionName.time: _time,
    QuestionName.first_passage: _first_passage,
    QuestionName.life: _life,
}


def _answer(name: str, title: str, table: pd.DataFrame) -> Answer:
    content = {"model": name, "rows": table.to_dict(orient="records")}
    heading = f"{name}: {title} (exact)"
    return Answer.of_table(heading, table, "{:.6f}", content=content, sentence="")
