"""How long calibration takes, on one core: ``python benchmarks/calibration.py``.

Targets: a fit under 1 s, all its profiles under 10 s, 2000 effective draws under 10 s.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from lupusim.calibration.estimation.identifiability import observed_information, standard_errors
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.estimation.profiles import profile_all
from lupusim.calibration.estimation.search import search
from lupusim.calibration.posterior.model_posterior import sample
from lupusim.scenario.files.calibration_block import load_free_model
from lupusim.scenario.files.evidence import load_study

T = TypeVar("T")


def timed(make: Callable[[], T]) -> tuple[T, float]:
    """Return a result and the processor seconds it took."""
    begun = time.process_time()
    result = make()
    return result, time.process_time() - begun


def measure(name: str) -> None:
    """Time one packaged model."""
    free_model = load_free_model(name)
    likelihood = Likelihood(free_model, [load_study(key) for key in free_model.evidence])
    for n in (1, 100):
        stack = np.repeat(free_model.prior_mean[None], n, axis=0)
        _, seconds = timed(lambda stack=stack: likelihood.residuals(stack))  # type: ignore[misc]
        print(f"{name}: {n} vectors in {1e3 * seconds:.1f} ms")
    optima, fit_seconds = timed(lambda: search(likelihood, seed=1))
    best = optima[0].free
    errors = standard_errors(observed_information(likelihood, best))
    _, profile_seconds = timed(lambda: profile_all(likelihood, best, standard_errors=errors))
    draws, seconds = timed(lambda: sample(likelihood, optima, 5000, seed=1))
    print(
        f"{name}: {best.size} parameters; 24 starts {fit_seconds:.2f} s; "
        f"profiles {profile_seconds:.2f} s; "
        f"{draws.effective_sample_size:.0f} effective draws {seconds:.2f} s"
    )


def main() -> None:
    """Time every packaged model."""
    import scipy.optimize
    import scipy.stats  # noqa: F401 - loaded here so that its import is not timed

    for name in ("markov-sat0244", "standard-care", "msc-durable", "msc-fading", "msc-central"):
        measure(name)


if __name__ == "__main__":
    main()
