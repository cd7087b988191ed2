"""Control variates that several designs need: worked out side by side, each once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

import small_trials
from lupusim.planning.controls import building
from lupusim.planning.controls.building import ControlKey, know_controls, known_control
from lupusim.simulation.controls import Control

TRIAL = small_trials.survival(0.6)
KEYS: list[ControlKey] = [(name, 1, 1) for name in "abcd"]


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let nothing be known; return how many are worked out at a time."""
    monkeypatch.setattr(building, "_known", {})
    return []


def test_the_first_is_worked_out_alone_then_the_others_side_by_side(asked: list[int]) -> None:
    def results(functions: Sequence[Callable[[], Control | None]]) -> list[Control | None]:
        asked.append(len(functions))
        return [function() for function in functions]

    know_controls(dict.fromkeys(KEYS[:3], TRIAL), results)
    know_controls(dict.fromkeys(KEYS, TRIAL), results)
    assert asked == [1, 2, 0, 1]
    alone = building.control_of(TRIAL, seed=1, growth=1)
    assert alone is not None
    known = known_control(KEYS[3], TRIAL)
    assert known is not None
    assert [score.means.tolist() for score in known.scores] == [
        score.means.tolist() for score in alone.scores
    ]


def test_no_more_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_KEPT", 2)

    def results(functions: Sequence[Callable[[], Control | None]]) -> list[Control | None]:
        return [None for _ in functions]

    know_controls(dict.fromkeys(KEYS[:2], TRIAL), results)
    know_controls(dict.fromkeys(KEYS, TRIAL), results)
    assert list(building._known) == KEYS[:2]
    assert known_control(KEYS[0], TRIAL) is None  # as it is remembered
    assert known_control(KEYS[2], TRIAL) is not None
    assert list(building._known) == [KEYS[2]]
