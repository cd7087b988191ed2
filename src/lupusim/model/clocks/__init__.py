"""The clocks that hazards run on, each under its name in model files.

A kind is one module, which registers it in :data:`CLOCKS`, and one line here.
"""

from __future__ import annotations

from lupusim.model.clocks.base import CLOCKS, Clock, Years
from lupusim.model.clocks.forward import ForwardClock
from lupusim.model.clocks.reset import ResetClock

__all__ = ["CLOCKS", "Clock", "ForwardClock", "ResetClock", "Years"]
