import pytest

from lupusim.scenario.document.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("1 year", 1.0),
        ("5 years", 5.0),
        ("6 months", 0.5),
        ("52.1775 weeks", 1.0),
        ("365.2425 days", 1.0),
        ("28 days", 28 / 365.2425),
        ("1.5e1months", 1.25),
        (" .5 Years ", 0.5),
        ("0 weeks", 0.0),
    ],
)
def test_a_duration_with_a_unit_becomes_years(text: str, years: float) -> None:
    assert parse_duration(text) == pytest.approx(years, rel=1e-14)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (52, "52 has no unit. Write '52 weeks' or '52 months'"),
        ("52", "'52' has no unit. Write '52 weeks' or '52 months'"),
        (1.5, "1.5 has no unit"),
        (True, "True is not a duration"),
        (None, "None is not a duration"),
        ("six months", "'six months' is not a duration. Write one such as '52 weeks'"),
        ("3 fortnights", "'fortnights' is not a unit of time. Write days, weeks, months or years"),
        ("-3 weeks", "'-3 weeks' is not a duration from 0 to 100,000 years"),
        ("1e400 years", "'1e400 years' is not a duration from 0 to 100,000 years"),
    ],
)
def test_what_is_no_duration_is_refused_with_the_repair(value: object, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message.replace("(", r"\(")):
        parse_duration(value)


@pytest.mark.parametrize(
    "text", ["1 year", "5 years", "18 months", "1 month", "52 weeks", "30 days", "1 week"]
)
def test_a_duration_is_written_in_the_unit_that_makes_it_whole(text: str) -> None:
    assert format_duration(parse_duration(text)) == text


@pytest.mark.parametrize("weeks", [0, 3, 24, 31, 52])
def test_days_that_are_whole_weeks_are_those_to_the_last_bit(weeks: int) -> None:
    assert parse_duration(f"{7 * weeks} days") == parse_duration(f"{weeks} weeks")
    assert parse_duration(f"{7 * weeks + 1} days") == (7 * weeks + 1) / 365.2425


def test_a_duration_whole_in_no_unit_is_written_in_years() -> None:
    assert format_duration(0.123456789) == "0.123456789 years"
    assert format_duration(0.0) == "0 years"
