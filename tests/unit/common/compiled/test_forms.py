"""Compiled forms return the same bits as those in NumPy, whatever they are given."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.survival.cox import share_sums as share_sums_of_groups
from lupusim.analysis.survival.cox_beside import sums_at_ratio
from lupusim.analysis.survival.exit_sums import Table, added_by_each, added_until, sums_on_arm
from lupusim.analysis.survival.logrank_looks import Exits
from lupusim.analysis.survival.ordering import Room
from lupusim.analysis.survival.rank_sums import group_columns, labeled_sums, share_sums
from lupusim.analysis.survival.sorting import sort_keys, stratum_bits
from lupusim.common.compiled.choice import compiled_form
from lupusim.common.rng import fill_exponential, fill_largest, fill_sorted, fill_within, stream
from lupusim.trial.allocation.adaptive import minimized

pytest.importorskip("numba")
pytestmark = pytest.mark.xdist_group("compiled")  # compiled anew by every process of a clean clone

SIZES = (1, 2, 7, 8, 9, 60, 128, 129, 301, 1000)  # of trials; NumPy adds up in eights and 128s


def assert_same_bits(form, *given):
    compiled = compiled_form(form.home, form.plain.__name__)
    assert compiled is not None
    found, wanted = compiled(*given), form.plain(*given)
    one = isinstance(wanted, np.ndarray)
    for mine, his in zip(*(([a] if one else a) for a in (found, wanted)), strict=True):
        assert mine.dtype == his.dtype
        assert mine.tobytes() == np.ascontiguousarray(his).tobytes()


def times(kind, shape, rng):
    return {
        "continuous": lambda: rng.standard_exponential(shape),
        "visits": lambda: rng.integers(1, 5, shape) / 4.0,
        "zeros": lambda: np.maximum(rng.standard_exponential(shape) - 0.7, 0.0),
        "end of follow-up": lambda: np.minimum(rng.standard_exponential(shape), 0.5),
        "tails": lambda: rng.standard_exponential(shape) ** 9,
        "never": lambda: np.where(rng.random(shape) < 0.6, np.inf, rng.random(shape)),
        "nobody": lambda: np.full(shape, np.inf),
        "at once": lambda: np.zeros(shape),
        "hardly later": lambda: rng.integers(0, 3, shape) * 5e-324,
    }[kind]()


KINDS = ("continuous", "visits", "zeros", "end of follow-up", "tails", "never", "nobody")
KINDS += ("at once", "hardly later")


@pytest.mark.parametrize("n_strata", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_who_is_at_risk_and_the_sums_of_a_cox_model(kind, n_strata):
    for n_patients in SIZES:
        rng = stream(2, kind, str(n_patients))
        shape = (12, n_patients)
        bits = stratum_bits(n_strata)
        keys = sort_keys(
            times(kind, shape, rng),
            rng.random(shape) < rng.random((12, 1)),  # from no event to nearly all
            rng.random(shape) < rng.random((12, 1)),  # from one arm to the other
            included=rng.random(shape) < 0.9,
            strata=(rng.integers(0, n_strata, shape), bits) if bits else None,
        )
        keys.sort(axis=1)
        assert_same_bits(group_columns, keys, bits)
        row, _, _, _, at_risk, treated = group_columns.plain(keys, bits)
        for ratio in (np.ones(12), rng.standard_exponential(12) * 1e3):
            assert_same_bits(share_sums_of_groups, row, at_risk - treated, treated, ratio)


@pytest.mark.parametrize("n_patients", SIZES)
def test_the_sums_of_control_variates(n_patients):
    rng, shape = stream(3, str(n_patients)), (30, n_patients)
    cells = rng.normal(size=(2, 2, 401))
    table = Table(width=0.01, adds=cells, mean=np.ascontiguousarray(cells[:, 0]))
    for kind in KINDS:
        exits = Exits(
            time=times(kind, shape, rng),
            event=rng.random(shape) < 0.7,
            arm=rng.integers(0, 2, shape).astype(np.int8),
            enrollment_time=np.sort(rng.random(shape), axis=1),
        )
        date = rng.random(30) * 6
        assert_same_bits(added_until, date, exits, table)
        assert_same_bits(added_by_each, date, exits, table)
        nobodys = replace(exits, arm=np.broadcast_to(exits.arm, shape))  # not to be written to
        assert_same_bits(added_by_each, date, nobodys, table)


@pytest.mark.parametrize("n_patients", SIZES)
def test_the_sums_of_a_log_rank_test_and_of_a_cox_model_beside_it(n_patients, monkeypatch):
    shape = (40, n_patients)
    rng = stream(6, str(n_patients))
    sums = importlib.import_module("lupusim.common.compiled.sums")
    for adds_pairs in (sums._ADDS_PAIRS, False):  # where it doesn't, NumPy adds up squares
        monkeypatch.setattr(sums, "_ADDS_PAIRS", adds_pairs)
        for share in (0.0, 0.3, 1.0):
            arm = (rng.random(shape) < rng.random((40, 1))).astype(np.int8)
            event = rng.random(shape) < share
            mine, his = Room(shape), Room((50, n_patients))
            found = compiled_form(share_sums.home, "share_sums")(arm, event, mine)
            assert found.tobytes() == share_sums.plain(arm, event, his).tobytes()
            assert mine.at_event.tobytes() == his.at_event[:40].tobytes()
            for ratio in (np.ones(40), rng.standard_exponential(40), np.exp(np.full(40, 20.0))):
                assert_same_bits(sums_at_ratio, mine.at_event, ratio, mine.share)
                assert_same_bits(sums_at_ratio, mine.at_event[::2], ratio[::2], mine.share[:20])


@pytest.mark.parametrize("n_cards", [1, 2, 3, 5])
@pytest.mark.parametrize("probability", [0.5, 0.8, 1.0])
def test_minimization(n_cards, probability):
    rng = stream(4, str(n_cards))
    for n_patients in (1, 2, 50):
        margins = [rng.integers(0, levels, (20, n_patients)) for levels in (1, 2, 4)]
        uniform = rng.random((n_patients, 20))
        assert_same_bits(minimized, n_cards, margins, uniform, probability)
        assert_same_bits(minimized, n_cards, margins[2:], uniform, probability)


@pytest.mark.parametrize("n_patients", SIZES)
def test_log_rank_sums_of_relabeled_patients(n_patients):
    rng = stream(5, str(n_patients))
    order = rng.permuted(np.tile(np.arange(n_patients), (9, 1)), axis=1)
    for n_labelings in (1, 4, 16, 37):  # sixteen at a time
        labels = rng.integers(0, 2, (n_labelings, 9, n_patients + 3), dtype=np.int8)
        for share in (0.0, 0.6, 1.0):
            event = rng.random((9, n_patients)) < share
            assert_same_bits(labeled_sums, event, order, labels)
            assert_same_bits(labeled_sums, event[:4], order[:4], labels[:, 2:6])
        arms = labels + labels[:, ::-1]  # three
        values = rng.normal(size=(9, n_patients))
        assert_same_bits(sums_on_arm, values, arms, 1)
        assert_same_bits(sums_on_arm, -values[::2, : n_patients // 2], arms[:, ::2], 2)


@pytest.mark.parametrize("kind", [np.random.SFC64, np.random.PCG64])
def test_random_numbers_and_those_that_follow_them(kind):
    for fill in (fill_exponential, fill_sorted):
        mine, his = (np.random.Generator(kind(7)) for _ in range(2))
        for shape in ((1, 1), (3, 0), (0, 3), (40, 7), (500, 300)):
            compiled, plain = np.empty(shape), np.empty(shape)
            compiled_form(fill.home, fill.plain.__name__)(compiled, rng=mine)
            fill.plain(plain, rng=his)
            assert compiled.tobytes() == plain.tobytes()
        assert mine.random() == his.random()
        assert mine.integers(10, dtype=np.int32) == his.integers(10, dtype=np.int32)


@pytest.mark.parametrize("kind", [np.random.SFC64, np.random.PCG64])
@pytest.mark.parametrize(
    ("fill", "how"),
    [(fill_within, {"scale": 0.7, "limit": 0.4}), (fill_within, {"scale": 3.0, "limit": np.inf})]
    + [(fill_largest, {"of": of}) for of in (1, 7, 60_000)],
)
def test_what_is_kept_of_random_numbers(kind, fill, how):
    for n in (0, 1, 7, 5) if how.get("of", 0) > 7 else (0, 1, 300, 100_000):
        mine, his = (np.random.Generator(kind(7)) for _ in range(2))
        compiled, plain = (np.empty(n, bool if fill is fill_within else float) for _ in range(2))
        compiled_form(fill.home, fill.plain.__name__)(compiled, **how, rng=mine)
        fill.plain(plain, **how, rng=his)
        assert compiled.tobytes() == plain.tobytes()
        assert mine.random() == his.random()


def test_what_is_kept_is_that_of_the_numbers_themselves():
    within, largest = np.empty(500, bool), np.empty(20)
    fill_within.plain(within, scale=0.7, limit=0.4, rng=stream(1, "moves"))
    drawn = stream(1, "moves").standard_exponential(500)
    assert np.array_equal(within, drawn * 0.7 <= 0.4)
    fill_largest.plain(largest, of=9, rng=stream(1, "dates"))
    assert np.array_equal(largest, stream(1, "dates").random((20, 9)).max(axis=1))


def test_where_numpy_draws_otherwise_it_draws(monkeypatch):
    draws = importlib.import_module("lupusim.common.compiled.draws")
    monkeypatch.setattr(draws, "fill_exponential", lambda out, *, rng: out.fill(rng.random()))
    with pytest.raises(ImportError, match="draws exponential numbers otherwise"):
        draws._refuse_other_draws()
