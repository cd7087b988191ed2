"""The kinds of trial that a new scenario can be, with what each may be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from lupusim.common.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a new scenario may be told."""

    words: str  # the question
    default: str = ""  # what is taken where nothing is said; empty: the file says nothing of it
    written: str = "$value"  # how the file says it
    ratio: str = ""  # what a plain number is called in the file, where others stand as they are
    also: tuple[str, ...] = ()  # further names of the option, such as those in the file
    unit: str = ""  # how to write a plain number, which could be in several units; empty: as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """A kind of trial that a new scenario can be.

    In its texts ``$name`` stands for what was said of an option, or nothing.
    """

    words: str  # what it is, in a line
    asked: Mapping[str, Ask]  # what every planner says, by the name of the option
    further: Mapping[str, Ask]  # what some say
    body: str  # lines of the file between title and enrollment
    analysis: str = ""  # what the analysis says after test, level and margin
    look: str = "{information: $share}"  # when an interim look is, with the patients then
    last: str = "{information: 1}"  # when the last look is, where there are looks
    unsaid: str = ""  # lines of the file where nothing is said of interim looks
    second: Mapping[str, str] = field(default_factory=dict)
    """Parts of the texts, by name, where a second endpoint is stated; ``$value`` is what was said
    of it, ``$first`` and ``$other`` its two halves."""


def _ask(
    words: str,
    default: str = "",
    written: str = "$value",
    *,
    ratio: str = "",
    also: str = "",
    unit: str = "",
) -> Ask:
    names = tuple(filter(None, (ratio, *also.split())))
    return Ask(words=words, default=default, written=written, ratio=ratio, also=names, unit=unit)


_SHARED: Mapping[str, Ask] = {
    "size": _ask("patients in all", "120", also="sample_size patients"),
    "allocation": _ask("allocation, such as 1:2", "1:1"),
    "enrollment": _ask("patients enrolled", "10 per month", unit="$value per month"),
    "dropout": _ask(
        "who leaves early, such as 10 % in 24 weeks, or none",
        "10 % a year",
        unit="$percent % a year, such as $percent % in 24 weeks, or $value per year for a hazard",
    ),
}
_THREE = {"allocation": _ask("allocation, such as 1:1:1", "1:1:1")}
_LEVEL: Mapping[str, Ask] = {
    "alpha": _ask("level of the test", "0.025"),
    "sided": _ask("sides of the test, 1 or 2", "1"),
    "margin": _ask("margin of non-inferiority, on the scale of the test", "", ", margin: $value"),
    "looks": _ask(
        "interim looks before the last: how many, or when, such as 50 %, 75 % of the information"
    ),
    "efficacy": _ask("bound for success there: obrien_fleming, pocock or none", "obrien_fleming"),
    "futility": _ask("z there at which the trial gives up, such as 0"),
}


def _further(test: str, like: str, better: str = "") -> dict[str, Ask]:
    """Return what some planners say: the test, what is better, its level, looks."""
    direction = {"better": _ask(f"what is better: {better}", "", ", better: $value")}
    return {"test": _ask(f"test, such as {like}", test), **(direction if better else {}), **_LEVEL}


def _method(usual: str) -> dict[str, Ask]:
    words = "what holds the level over several hypotheses, such as holm, dunnett, fixed_sequence"
    return {"method": _ask(f"{words} or none", usual, also="multiplicity")}


def _two_arms(outcome: str) -> str:
    """Return the lines of two arms: a value of one outcome for each, and of a second one."""
    return (
        "arms:  # what each arm is expected to do; the control is marked\n"
        f"  - {{name: control, control: true, outcomes: {{{outcome}: $control$second_control}}}}\n"
        f"  - {{name: treated, outcomes: {{{outcome}: $treated$second_treated}}}}\n"
        "$endpoints"
    )


def _second(
    primary: str,
    outcome: str = "kind: response, at: $at",
    treated: str = "$other",
    test: str = "pooled_z",
) -> dict[str, str]:
    """Return what the file says of a second outcome of two arms, tested after the primary."""
    return {
        "second": f"  second: {{{outcome}}}\n",
        "second_control": ", second: $first",
        "second_treated": f", second: {treated}",
        "endpoints": f"endpoints:\n  primary: {{outcome: {primary}}}\n"
        "  secondary: [{outcome: second, name: second}]  # tested once the first is shown\n",
        "family": _in_sequence(test),
    }


def _in_sequence(test: str) -> str:
    second = f"{{endpoint: second, test: {test}}}"
    return f", multiplicity: {{method: fixed_sequence, endpoints: [{second}]}}"


_LATER = "a second endpoint, tested once the first is shown:"
_SECOND_SHARES = {"second": _ask(f"{_LATER} responders in control and treated, such as 20 %, 35 %")}
_SHARES_TESTS = "fisher_exact, boschloo, miettinen_nurminen"
_MORE_OR_FEWER = "more (usual) or fewer responders"

STARTERS: Mapping[str, Starter] = {
    "two_rates": Starter(
        words="two shares of responders",
        asked={
            **_SHARED,
            "control": _ask("share of responders in the control", "30 %"),
            "treated": _ask("share of responders treated", "55 %"),
            "at": _ask("when they are counted", "24 weeks"),
        },
        further=_further("pooled_z", _SHARES_TESTS, _MORE_OR_FEWER) | _SECOND_SHARES,
        body="outcomes:\n  response: {kind: response, at: $at$better}\n${second}"
        + _two_arms("response"),
        second=_second("response"),
    ),
    "time_to_event": Starter(
        words="times to an event, until so many have had it",
        asked={
            **_SHARED,
            "size": _ask("patients in all", "280", also="sample_size patients"),
            "control": _ask("median time to the event in the control", "14 months", also="median"),
            "treated": _ask(
                "hazard ratio, or median, of those treated", "0.65", ratio="hazard_ratio"
            ),
            "events": _ask("events at the last look", "180"),
        },
        further=_further("logrank", "cox, max_combo", "later (usual) or sooner")
        | {
            "onset": _ask("when the effect begins, such as 3 months", "", also="delay"),
            "second": _ask(
                f"{_LATER} median in the control and hazard ratio, such as 30 months, 0.8"
            ),
        },
        body="outcomes:\n  event: {kind: time_to_event$better}\n${second}" + _two_arms("event"),
        last="{events: $events}",
        unsaid="looks:  # an earlier look would be - {when: {information: 0.5}, "
        "efficacy: {spending: obrien_fleming}}\n  - {when: {events: $events}}\n",
        second=_second("event", "kind: time_to_event", "{hazard_ratio: $other}", "logrank"),
    ),
    "score": Starter(
        words="change of a score, adjusted for its baseline",
        asked={
            **_SHARED,
            "control": _ask("mean change in the control", "-3"),
            "treated": _ask("mean change of those treated", "-7"),
            "sd": _ask("standard deviation of the score, not of its change", "8"),
            "correlation": _ask("correlation of the score with its baseline, 0 to 1", "0.5"),
            "at": _ask("when it is measured", "24 weeks"),
        },
        further=_further("ancova", "t_test, welch, mmrm", "lower (usual) or higher scores")
        | _SECOND_SHARES,
        body="outcomes:\n  score: {kind: score, at: $at, sd: $sd, correlation: $correlation$better}"
        "  # correlation with baseline\n${second}" + _two_arms("score"),
        second=_second("score"),
    ),
    "counts": Starter(
        words="events that come again, such as flares, per year",
        asked={
            **_SHARED,
            "control": _ask(
                "events per year in the control", "1.5 per year", unit="$value per year"
            ),
            "treated": _ask("rate ratio, or events per year, treated", "0.6", ratio="rate_ratio"),
            "dispersion": _ask("dispersion k: the variance of counts is m + k m^2", "0.8"),
            "at": _ask("how long they are counted", "52 weeks"),
        },
        further=_further(
            "negative_binomial", "rate_ratio, andersen_gill", "fewer (usual) or more events"
        ),
        body="outcomes:\n  flares: {kind: event_count, until: $at, dispersion: $dispersion$better}"
        "\nfollow_up: $at\n" + _two_arms("flares"),
        look="{patients: $patients, followed: $at}",
    ),
    "ordinal": Starter(
        words="ordered categories at a visit",
        asked={
            **_SHARED,
            "control": _ask(
                "shares of the levels in the control, worst first", "[50 %, 30 %, 20 %]"
            ),
            "treated": _ask(
                "odds ratio of better levels, or shares, treated", "2", ratio="odds_ratio"
            ),
            "levels": _ask("the levels, worst first", "[none, partial, complete]"),
            "at": _ask("when they are judged", "24 weeks"),
        },
        further=_further("proportional_odds", "wilcoxon, win_odds") | _SECOND_SHARES,
        body="outcomes:\n  level: {kind: ordinal, at: $at, levels: $levels}\n${second}"
        + _two_arms("level"),
        second=_second("level"),
    ),
    "dose_arms": Starter(
        words="two doses against one control, shares of responders",
        asked={
            **_SHARED,
            **_THREE,
            "control": _ask("share of responders in the control", "30 %"),
            "treated": _ask("share of responders at the high dose", "55 %", also="high"),
            "low": _ask("share of responders at the low dose", "45 %"),
            "at": _ask("when they are counted", "24 weeks"),
        },
        further=_further("pooled_z", _SHARES_TESTS, _MORE_OR_FEWER) | _method("holm"),
        body="outcomes:\n  response: {kind: response, at: $at$better}\narms:\n"
        "  - {name: control, control: true, outcomes: {response: $control}}\n"
        "  - {name: low, outcomes: {response: $low}}\n"
        "  - {name: high, outcomes: {response: $treated}}\n",
        analysis=", multiplicity: {method: $method}",
        unsaid="# looks:  # an early look that gives up what is not better, then the last one\n"
        "#   - {when: {information: 0.5}, futility: {z: 0}}\n"
        "#   - {when: {information: 1}}\n",
    ),
    "platform": Starter(
        words="an arm that joins a running trial, compared with controls of its time",
        asked={
            **_SHARED,
            **_THREE,
            "size": _ask("patients in all", "300", also="sample_size patients"),
            "control": _ask("share of responders in the control", "30 %"),
            "treated": _ask("share of responders of the first arm", "55 %", also="first"),
            "second": _ask("share of responders of the arm that joins", "50 %"),
            "joins": _ask("when it joins", "6 months"),
            "at": _ask("when they are counted", "24 weeks"),
        },
        further=_further("pooled_z", _SHARES_TESTS, _MORE_OR_FEWER)
        | _method("none")
        | {"controls": _ask("controls of an arm: concurrent, all or adjusted", "concurrent")},
        body="outcomes:\n  response: {kind: response, at: $at$better}\narms:\n"
        "  - {name: control, control: true, outcomes: {response: $control}}\n"
        "  - {name: first, outcomes: {response: $treated}}\n"
        "  - {name: second, joins: $joins, outcomes: {response: $second}}\n",
        analysis=", controls: $controls, multiplicity: {method: $method}",
    ),
    "model": Starter(
        words="a disease model in each arm",
        asked={
            **_SHARED,
            "control": _ask("model of the control (see 'lupusim list')", "standard-care"),
            "treated": _ask("model of those treated", "msc-central"),
            "states": _ask("states that count as success", "partial_remission, complete_remission"),
            "at": _ask("when they are counted", "52 weeks"),
        },
        further=_further("pooled_z", _SHARES_TESTS, _MORE_OR_FEWER)
        | {"second": _ask(f"{_LATER} its states, such as complete_remission")},
        body="arms:  # 'lupusim show $treated' says what happens there\n"
        "  - {name: control, control: true, model: $control}\n"
        "  - {name: treated, model: $treated}\nfollow_up: $at\nvisits: [$at]\n"
        "endpoints:\n"
        "  primary: {name: success, kind: responder, states: [$states], at: $at$better}\n${second}",
        second={
            "second": "  secondary: [{name: second, kind: responder, states: [$value], at: $at}]\n",
            "family": _in_sequence("pooled_z"),
        },
    ),
}
"""The kinds by their names."""
