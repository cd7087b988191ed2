"""The sentence of a run says how sure its share of false claims is."""

import re

import lupusim
from lupusim.report.run.table import meaning


def test_false_claims_are_told_with_their_error_where_it_is_not_small():
    scenario = lupusim.load_scenario("time_to_event")
    (point,) = (result := lupusim.run(scenario, 200, seed=3)).points
    error = point.claims_under_null
    said = f"{100 * error.value:.1f} (standard error {100 * error.mcse:.1f}) of 100 would claim one"
    assert said in meaning(result)


def test_an_exact_share_of_false_claims_has_no_error():
    said = meaning(lupusim.run(lupusim.load_scenario("two_rates"), 20, seed=3))
    assert re.search(r"no difference, 2\.\d of 100 would claim one", said)
