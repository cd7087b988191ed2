"""The public interface as outside programs call it, one step after the other."""

from __future__ import annotations

import pytest

import lupusim


@pytest.mark.slow
def test_a_calibration_s_draws_go_straight_into_assurance() -> None:
    fit = lupusim.calibrate(model="msc-central", seed=1, n_draws=2000)
    scenario = lupusim.load_scenario("phase2_remission_52w")
    found = lupusim.assurance(scenario, draws=fit.draws, seed=1, n_replicates=300)
    by_name = lupusim.assurance(scenario, draws="msc-central", seed=1, n_replicates=300)
    for answer in (found, by_name):
        assert len(answer.table) == len(scenario.points)
        assert (answer.table["assurance"] > 0).all()


def test_draws_of_no_model_are_refused() -> None:
    fit = lupusim.calibrate("SAT0244", model="markov-sat0244", seed=1, n_draws=2000)
    assert fit.draws is not None
    orphan = type(fit.draws)(
        values=fit.draws.values,
        weights=fit.draws.weights,
        effective_sample_size=1.0,
        pareto_k=0.1,
        log_evidence=0.0,
        method="none",
        n_density_calls=0,
    )
    with pytest.raises(ValueError, match="belong to no model"):
        lupusim.assurance(lupusim.load_scenario("phase2_remission_52w"), draws=orphan)
