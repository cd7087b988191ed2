"""What SciPy asks of NumPy and nobody uses is not loaded by a command, and works where it is."""

from __future__ import annotations

import subprocess
import sys

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
