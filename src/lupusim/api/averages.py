"""Power averaged over what one does not know, of a name, a path, or a scenario that was read."""

from __future__ import annotations

from lupusim.api.by_name import by_name
from lupusim.api.scenarios import load
from lupusim.scenario import assurance as assuring

assurance = by_name(load)(assuring.assurance)
