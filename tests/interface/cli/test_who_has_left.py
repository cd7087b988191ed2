"""That who has left counts as a non-responder is said wherever a share of responders is told."""

import pytest

from lupusim import load_scenario, run
from paragraphs import paragraph_of

SAID = "Who has left before the response is seen counts as a non-responder"


def new(lupusim, tmp_path, kind, *more):
    file = tmp_path / f"{kind}.yaml"
    told = [word for value in more for word in ("--set", value)]
    assert lupusim("new", kind, "--file", file, *told)[0] == 0
    return file


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("check", ""),
        ("run", "--replicates 10 --jobs 1"),
        ("size", "--power 0.8 --jobs 1"),
    ],
)
def test_a_share_of_responders_is_told_with_who_has_left(lupusim, tmp_path, command, more):
    file = new(lupusim, tmp_path, "two_rates")
    code, out, err = lupusim(command, file, *more.split())
    assert code == 0, err
    assert SAID in " ".join(out.split())
    assert ("fewer respond than stated" in " ".join(out.split())) == (command != "check")
    (tmp_path / "stays").mkdir()
    stays = new(lupusim, tmp_path / "stays", "two_rates", "dropout=none")
    assert SAID not in " ".join(lupusim(command, stays, *more.split())[1].split())


def test_the_protocol_says_it_and_no_trial_of_events_does(lupusim, tmp_path):
    (point,) = run(load_scenario(new(lupusim, tmp_path, "two_rates")), 10, seed=1).points
    assert f"{SAID}." in paragraph_of(point)
    (point,) = run(load_scenario(new(lupusim, tmp_path, "time_to_event")), 10, seed=1).points
    assert SAID not in paragraph_of(point)
