"""Named random streams, frozen arrays, errors."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

from lupusim.common.arrays import read_only
from lupusim.common.rng import stream
from lupusim.errors import (
    EvidenceError,
    InputError,
    LupusimError,
    ModelError,
    Problem,
    ScenarioError,
)


def test_a_name_always_gives_the_same_numbers():
    one = stream(7, "block", 3, "arm msc").random(5)
    stream(7, "something else").random(100)
    np.testing.assert_array_equal(stream(7, "block", 3, "arm msc").random(5), one)


@pytest.mark.parametrize(
    "name", [(), ("block",), ("block", 0), ("block", 1), (0, "block"), ("block", 0, "dropout")]
)
def test_different_names_and_seeds_give_different_numbers(name):
    numbers = stream(7, *name).random(4)
    others = [stream(8, *name), stream(7, *name, "more"), stream(7, "other", *name)]
    for other in others:
        assert not np.any(other.random(4) == numbers)


def test_numbers_are_pinned():
    # A snapshot: it changes only if every seeded result changes, which is a [NUMBERS] change.
    numbers = stream(1, "dropout").integers(1_000_000, size=3).tolist()
    assert numbers == [481916, 866186, 624478]


@pytest.mark.parametrize("seed", [-1, 1.0, "1", None])
def test_a_seed_is_a_whole_number_from_0(seed):
    with pytest.raises(ValueError, match="must be a whole number, 0 or above"):
        stream(seed, "dropout")


def test_seeds_may_be_large_or_of_numpy():
    assert stream(2**63 - 1, "a").random() != stream(2**63 - 2, "a").random()
    assert stream(np.int64(5), "a").random() == stream(5, "a").random()


def test_a_frozen_array_is_a_copy_that_nobody_can_change():
    mine = np.array([1.0, 2.0])
    frozen = read_only(mine)
    mine[0] = 9
    assert frozen.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        frozen[0] = 3


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem(key="a.b", fault="it is wrong", fix="Mend it."), "a.b: it is wrong. Mend it."),
        (
            Problem(key="a.b", fault="it is wrong", fix="Mend it.", line=3, column=5),
            "line 3, a.b: it is wrong. Mend it.",
        ),
        (Problem(key="", fault="it is wrong", fix="Mend it."), "file: it is wrong. Mend it."),
        (Problem(key="", fault="wrong", fix="Mend it.", line=3), "line 3: wrong. Mend it."),
    ],
)
def test_a_problem_says_where_what_and_what_to_do(problem, text):
    assert str(problem) == text


@pytest.mark.parametrize(
    ("kind", "consequence"),
    [
        (InputError, "nothing was done"),
        (ScenarioError, "nothing was simulated"),
        (ModelError, "the model was not read"),
        (EvidenceError, "nothing was calibrated"),
    ],
)
def test_an_error_tells_every_problem_and_survives_the_way_from_a_worker(kind, consequence):
    problems = [Problem(key="a", fault="one", fix="x."), Problem(key="b", fault="two", fix="y.")]
    error = kind("trial.yaml", problems)
    assert str(error) == f"trial.yaml: 2 problems, {consequence}\n  a: one. x.\n  b: two. y."
    assert str(kind("trial.yaml", problems[:1])).startswith(f"trial.yaml: 1 problem, {consequence}")
    assert isinstance(error, LupusimError)
    assert isinstance(error, ValueError)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert again.problems == error.problems
    assert str(again) == str(error)


def test_importing_the_packages_that_workers_need_loads_nothing_heavy():
    code = (
        "import sys, lupusim.planning.runs.run, lupusim.trial, lupusim.engines.vector, lupusim.cli;"
        "heavy = ('pandas', 'scipy', 'matplotlib', 'simpy', 'joblib');"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
