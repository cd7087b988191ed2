"""What tests of drawn tables share."""

from __future__ import annotations

import pytest

from lupusim.planning.theory.counts import claims


@pytest.fixture
def few(monkeypatch):
    """Let few tables be drawn."""
    monkeypatch.setattr(claims, "_WORK", 500_000)
    monkeypatch.setattr(claims, "_FEWEST", 1000)
