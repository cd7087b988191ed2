"""How often patients of an arm win, lose and tie against controls, in the table."""

from __future__ import annotations

from collections.abc import Iterator

from lupusim.planning.runs.run import PointResult
from lupusim.report.numbers import rounded


def win_rows(point: PointResult) -> Iterator[tuple[str, str]]:
    """Yield the shares of pairs won, lost and left open: on each level, and in all."""
    trial, tally = point.trial, point.tally
    for endpoint in trial.endpoints:
        levels = enumerate(endpoint.levels, start=1)
        words = {f"level_{k}_": f"level {k}, {one.name}" for k, one in levels}
        prefix = "" if endpoint is trial.primary else f"{endpoint.name}: "
        for arm in trial.arms[1:]:
            for part, told in (words | {"": "all levels"} if words else {}).items():
                names = [f"{prefix}{part}{kind}_{arm.name}" for kind in ("wins", "losses", "ties")]
                shares = [rounded(tally.mean(name)) for name in names if name in tally.sums]
                yield f"{prefix}pairs {arm.name} wins / loses / ties: {told}", " / ".join(shares)
