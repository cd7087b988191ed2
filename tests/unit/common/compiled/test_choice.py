"""When compiled forms are used: with work that pays for them, and where there are some."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import lupusim
from lupusim.analysis.survival.rank_sums import group_columns
from lupusim.common.compiled import choice
from lupusim.common.compiled.choice import BackendError, Form, wanted, work_ahead, work_in_all
from lupusim.planning.runs.run import RunOptions
from lupusim.planning.runs.series import Estimates

PLAIN = RunOptions(estimates=Estimates.PLAIN)


@pytest.fixture(autouse=True)
def _as_new(monkeypatch):
    """Let a process have done nothing, and forget afterwards what it has."""
    monkeypatch.setattr(choice._Work, "patients", 0)
    monkeypatch.setattr(choice._Work, "compiled", False)
    monkeypatch.setattr(choice._Work, "processes", 1)
    monkeypatch.setattr(choice, "_forms", {})


def which(monkeypatch, said, *work):
    """Return what a function does that has two forms, after some work."""
    monkeypatch.setenv("LUPUSIM_BACKEND", said)
    form = Form(lambda: "in NumPy", "lupusim.common.compiled.one")
    monkeypatch.setitem(choice._forms, (form.home, "<lambda>"), lambda: "compiled")
    for n_patients in work:
        work_ahead(n_patients)
    return form()


@pytest.fixture
def _numba(monkeypatch):
    """Let Numba be installed."""
    monkeypatch.setattr(choice, "find_spec", lambda name: name)


@pytest.mark.usefixtures("_numba")
def test_only_a_process_with_much_work_uses_compiled_forms(monkeypatch):
    assert which(monkeypatch, "auto", 1) == "in NumPy"
    assert which(monkeypatch, "auto", choice.PAYS_AFTER - 2) == "in NumPy"
    assert which(monkeypatch, "auto", 1, 1) == "compiled"


@pytest.mark.usefixtures("_numba")
@pytest.mark.parametrize(("n_processes", "expected"), [(1, "in NumPy"), (2, "compiled")])
def test_processes_that_share_a_run_count_what_all_of_them_do(monkeypatch, n_processes, expected):
    choice.share_work(n_processes)
    assert which(monkeypatch, "auto", choice.PAYS_AFTER // 2, 1) == expected


@pytest.mark.usefixtures("_numba")
@pytest.mark.parametrize(("more", "expected"), [(0, "in NumPy"), (1, "compiled")])
def test_who_knows_of_much_work_uses_compiled_forms_from_the_first_patient(
    monkeypatch, more, expected
):
    work_in_all(choice.PAYS_AFTER + more)
    assert which(monkeypatch, "auto", 1) == expected
    assert which(monkeypatch, "numpy", 1) == "in NumPy"


@pytest.mark.usefixtures("_numba")
def test_who_says_so_has_the_one_or_the_other_from_the_first_patient(monkeypatch):
    assert which(monkeypatch, "numba", 1) == "compiled"
    assert which(monkeypatch, "numpy", choice.PAYS_AFTER, 1) == "in NumPy"
    assert which(monkeypatch, "", choice.PAYS_AFTER, 1) == "compiled"  # said nothing


def test_without_numba_numpy_does_it(monkeypatch):
    monkeypatch.setattr(choice, "find_spec", lambda _name: None)
    assert which(monkeypatch, "auto", choice.PAYS_AFTER, 1) == "in NumPy"
    with pytest.raises(BackendError, match=r"pip install 'lupusim\[fast\]'"):
        which(monkeypatch, "numba", 1)


def test_a_backend_that_is_none_is_refused_in_words(monkeypatch):
    monkeypatch.setenv("LUPUSIM_BACKEND", "cuda")
    with pytest.raises(BackendError, match="'cuda' is no backend: say one of auto, numpy, numba"):
        lupusim.run(lupusim.load_scenario("two_rates"), 10)


@pytest.mark.usefixtures("_numba")
def test_where_nothing_can_be_compiled_numpy_does_it_or_it_is_said(monkeypatch):
    monkeypatch.setenv("LUPUSIM_BACKEND", "auto")
    monkeypatch.setattr(choice._Work, "compiled", True)
    monkeypatch.setitem(sys.modules, "lupusim.common.compiled.ranks", None)  # importing it fails
    keys = np.array([[4, 9, 14]])
    assert group_columns(keys, 0)[1].tolist() == [0, 1]
    monkeypatch.setattr(choice, "_forms", {})
    monkeypatch.setenv("LUPUSIM_BACKEND", "numba")
    assert wanted() == "numba"
    with pytest.raises(BackendError, match=r"nothing can be compiled here .*NUMBA_CACHE_DIR"):
        group_columns(keys, 0)


def test_a_cache_that_cannot_be_written_is_no_trouble(monkeypatch):
    caching = pytest.importorskip("numba.core.caching")
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])  # no folder can be written
    monkeypatch.setenv("LUPUSIM_BACKEND", "auto")
    monkeypatch.setattr(choice._Work, "compiled", True)
    for name in ("lupusim.common.compiled.ranks", "lupusim.common.compiled.loops"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert group_columns(np.array([[4, 9, 14]]), 0)[1].tolist() == [0, 1]
    assert set(choice._forms.values()) == {None}


@pytest.mark.parametrize(
    ("name", "options"),
    [("survival_three_looks", RunOptions()), ("lots_and_reinfusion", PLAIN)],
)
def test_a_run_is_the_same_to_the_bit(name, options, monkeypatch):
    pytest.importorskip("numba")
    found = []
    for said in ("numpy", "numba"):
        monkeypatch.setenv("LUPUSIM_BACKEND", said)
        result = lupusim.run(lupusim.load_scenario(name), 60, seed=5, options=options)
        found.append(json.dumps(result.to_json()["points"], sort_keys=True))
    assert found[0] == found[1]
