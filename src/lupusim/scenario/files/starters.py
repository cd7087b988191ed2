"""Scenarios to start from: a commented file for each kind of trial, with one's own numbers."""

from __future__ import annotations

from collections.abc import Mapping

from lupusim.common.frozen import dataclass
from lupusim.model.checks import nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """A kind of trial that a new scenario can be."""

    words: str  # what it is, in a line
    asked: Mapping[str, tuple[str, str]]
    """What one may say: by the name of the option, the question and the default."""
    body: str  # lines of the file between title and enrollment, with the names asked in braces
    analysis: str


_SHARED: Mapping[str, tuple[str, str]] = {
    "size": ("patients in all", "120"),
    "allocation": ("allocation, such as 1:2", "1:1"),
    "enrollment": ("patients enrolled", "10 per month"),
    "dropout": ("share that leaves early", "10 % a year"),
}


def _two_arms(outcome: str, treated: str = "{treated}") -> str:
    """Return the lines of two arms: a value of one outcome for each."""
    return (
        "arms:  # what each arm is expected to do; the control is marked\n"
        f"  - {{{{name: control, control: true, outcomes: {{{{{outcome}: {{control}}}}}}}}}}\n"
        f"  - {{{{name: treated, outcomes: {{{{{outcome}: {treated}}}}}}}}}\n"
    )


STARTERS: Mapping[str, Starter] = {
    "two_rates": Starter(
        words="two shares of responders",
        asked={
            "control": ("share of responders in the control", "30 %"),
            "treated": ("share of responders treated", "55 %"),
            "at": ("when they are counted", "24 weeks"),
        },
        body="outcomes:\n  response: {{kind: response, at: {at}}}\n" + _two_arms("response"),
        analysis="pooled_z",
    ),
    "time_to_event": Starter(
        words="times to an event, until so many have had it",
        asked={
            "control": ("median time to the event in the control", "14 months"),
            "treated": ("hazard ratio of those treated", "0.65"),
            "events": ("events at the last look", "180"),
            "size": ("patients in all", "280"),
        },
        body="outcomes:\n  event: {{kind: time_to_event}}\n"
        + _two_arms("event", "{{hazard_ratio: {treated}}}")
        + "looks:  # add a look before the last one, such as - {{when: {{events: 120}}, efficacy: "
        "{{spending: obrien_fleming}}}}\n  - {{when: {{events: {events}}}}}\n",
        analysis="logrank",
    ),
    "score": Starter(
        words="change of a score, adjusted for its baseline",
        asked={
            "control": ("mean change in the control", "-3"),
            "treated": ("mean change of those treated", "-7"),
            "sd": ("standard deviation of the score, not of its change", "8"),
            "at": ("when it is measured", "24 weeks"),
        },
        body="outcomes:\n  score: {{kind: score, at: {at}, sd: {sd}, correlation: 0.5}}"
        "  # correlation with baseline\n" + _two_arms("score"),
        analysis="ancova",
    ),
    "counts": Starter(
        words="events that come again, such as flares, per year",
        asked={
            "control": ("events per year in the control", "1.5 per year"),
            "treated": ("rate ratio of those treated", "0.6"),
            "at": ("how long they are counted", "52 weeks"),
        },
        body="outcomes:\n  flares: {{kind: event_count, until: {at}, dispersion: 0.8}}"
        "  # variance m + 0.8 m^2\nfollow_up: {at}\n"
        + _two_arms("flares", "{{rate_ratio: {treated}}}"),
        analysis="negative_binomial",
    ),
    "ordinal": Starter(
        words="ordered categories at a visit",
        asked={
            "control": ("shares of the levels in the control, worst first", "[50 %, 30 %, 20 %]"),
            "treated": ("odds ratio of better levels", "2"),
            "at": ("when they are judged", "24 weeks"),
        },
        body="outcomes:\n  level: {{kind: ordinal, at: {at}, levels: [none, partial, complete]}}\n"
        + _two_arms("level", "{{odds_ratio: {treated}}}"),
        analysis="proportional_odds",
    ),
    "dose_arms": Starter(
        words="two doses against one control, shares of responders",
        asked={
            "control": ("share of responders in the control", "30 %"),
            "treated": ("share of responders at the high dose", "55 %"),
            "low": ("share of responders at the low dose", "45 %"),
            "at": ("when they are counted", "24 weeks"),
            "allocation": ("allocation, such as 1:1:1", "1:1:1"),
        },
        body="outcomes:\n  response: {{kind: response, at: {at}}}\narms:\n"
        "  - {{name: control, control: true, outcomes: {{response: {control}}}}}\n"
        "  - {{name: low, outcomes: {{response: {low}}}}}\n"
        "  - {{name: high, outcomes: {{response: {treated}}}}}\n"
        "# looks:  # an early look that gives up where nothing is better, then the last one\n"
        "#   - {{when: {{patients: 60, followed: {at}}}, futility: {{z: 0}}}}\n"
        "#   - {{when: {{last_patient: {at}}}}}\n",
        analysis="pooled_z, multiplicity: {method: holm}",
    ),
    "platform": Starter(
        words="an arm that joins a running trial, compared with controls of its time",
        asked={
            "control": ("share of responders in the control", "30 %"),
            "treated": ("share of responders of the first arm", "55 %"),
            "second": ("share of responders of the arm that joins", "50 %"),
            "joins": ("when it joins", "6 months"),
            "size": ("patients in all", "300"),
            "at": ("when they are counted", "24 weeks"),
            "allocation": ("allocation, such as 1:1:1", "1:1:1"),
        },
        body="outcomes:\n  response: {{kind: response, at: {at}}}\narms:\n"
        "  - {{name: control, control: true, outcomes: {{response: {control}}}}}\n"
        "  - {{name: first, outcomes: {{response: {treated}}}}}\n"
        "  - {{name: second, joins: {joins}, outcomes: {{response: {second}}}}}\n",
        analysis="pooled_z, controls: concurrent, multiplicity: {method: none}",
    ),
    "model": Starter(
        words="a disease model, such as one calibrated to a published cohort, in each arm",
        asked={
            "control": ("model of the control (see 'lupusim list')", "standard-care"),
            "treated": ("model of those treated", "msc-central"),
            "states": ("states that count as success", "partial_remission, complete_remission"),
            "at": ("when they are counted", "52 weeks"),
        },
        body="arms:  # 'lupusim show {treated}' says what happens there\n"
        "  - {{name: control, control: true, model: {control}}}\n"
        "  - {{name: treated, model: {treated}}}\nfollow_up: {at}\nvisits: [{at}]\n"
        "endpoints:\n  primary: {{name: success, kind: responder, states: [{states}], at: {at}}}\n",
        analysis="pooled_z",
    ),
}
"""The kinds by their names."""


def questions(kind: str) -> dict[str, tuple[str, str]]:
    """Return what may be said of a kind: by name, the question and the default.

    Raises
    ------
    ValueError
        If there is no such kind; the message names those there are.
    """
    if kind not in STARTERS:
        raise ValueError(f"{kind!r} is no kind of trial to start from. {nearest(kind, STARTERS)}")
    return {**_SHARED, **STARTERS[kind].asked}


def starter_text(kind: str, values: Mapping[str, str]) -> str:
    """Return the file of a kind of trial, less than 30 lines.

    Parameters
    ----------
    kind : str
        One of `STARTERS`.
    values : mapping of str to str
        By name what was said; what was not has its default.

    Raises
    ------
    ValueError
        If there is no such kind, or it asks for no such value.
    """
    asked = questions(kind)
    for name in values:
        if name not in asked:
            fix = f"It takes {', '.join(asked)}."
            raise ValueError(f"a scenario of kind {kind!r} takes no {name!r}. {fix}")
    said = {name: default for name, (_, default) in asked.items()} | dict(values)
    starter = STARTERS[kind]
    return (
        "schema: lupusim/scenario/1\n"
        f'title: "{starter.words[0].upper()}{starter.words[1:]}"\n'
        + starter.body.format(**said)
        + f"allocation: {said['allocation']}\n"
        f"enrollment: {said['enrollment']}\n"
        f"dropout: {said['dropout']}\n"
        f"analysis: {{test: {starter.analysis}, alpha: 0.025, sided: 1}}"
        "  # one-sided 2.5 % is two-sided 5 %\n"
        f"sample_size: {said['size']}  # in all arms together; 'lupusim size' finds it\n"
        "# vary: {sample_size: [100, 150]}  # any number of this file may be varied\n"
        "simulation: {replicates: 1000, seed: 20260101}\n"
        'source: "say here where your numbers come from: assumption"\n'
    )
