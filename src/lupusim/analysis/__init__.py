"""Analyses: what a trial's observations say; one estimator or test per file."""

from __future__ import annotations

from lupusim.common.lazy import declared

# Each is imported when first used, so that who needs one pays for no other.
__getattr__, __all__ = declared(__name__, __file__)
