"""Scenarios, models and evidence in words that a colleague could check."""

from __future__ import annotations

from lupusim.common.lazy import declared

# Each is imported when first used, so that who needs one pays for no other.
__getattr__, __all__ = declared(__name__, __file__)
