"""What SciPy asks of NumPy and nobody uses is not loaded by a command; threads are not taken."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lupusim.cli.start_up import take_one_thread
from lupusim.common.threads import ONE_THREAD

_LATE = """
import sys
from lupusim.cli.start_up import load_later
load_later(); load_later()
import scipy.special
loaded = [n for n in ("numpy.f2py", "numpy.testing") if type(sys.modules[n]) is type(sys)]
assert not loaded, loaded
import numpy as np
np.testing.assert_allclose([1.0], [1.0])
from numpy.testing import assert_array_equal
assert type(sys.modules["numpy.testing"]) is type(sys)
assert callable(np.f2py.run_main)
print(scipy.special.ndtr(0.0), sum(type(f).__name__ == "type" for f in sys.meta_path[:1]))
"""


def test_seldom_used_parts_of_numpy_are_loaded_when_somebody_uses_them() -> None:
    words = [sys.executable, "-c", _LATE]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("0.5")


@pytest.mark.parametrize(("said", "taken"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, None)])
def test_linear_algebra_takes_one_thread_unless_somebody_says_how_many(said, taken, monkeypatch):
    for name in ONE_THREAD:
        monkeypatch.delenv(name, raising=False)
    for name, number in said.items():
        monkeypatch.setenv(name, number)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    take_one_thread()
    assert os.environ.get("OMP_NUM_THREADS") == taken
    assert {name: os.environ[name] for name in said} == said
