"""All comparisons, group by group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from lupusim.common.frozen import dataclass
from lupusim.report.selftest import analyses, engines
from lupusim.report.selftest.comparison import Comparison

Group = Callable[[], Iterator[Comparison]]

GROUPS: Mapping[str, Group] = {
    "Random numbers": engines.random_numbers,
    "Exact engine against closed forms": engines.exact_engine,
    "Vectorised engine against the exact one": engines.vector_engine,
    "SimPy engine against the vectorised one": engines.events_engine,
    "Times drawn from each hazard family": engines.samplers,
    "Tests against published numbers": analyses.tests,
    "Bounds and sizes against tables and programs": analyses.bounds,
    "Simulated trials against exact power": analyses.powers,
}
"""What is compared, by the title under which the page shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A group of comparisons that were made.

    Parameters
    ----------
    title : str
        What was compared with what.
    comparisons : tuple of Comparison
        In their order.
    broken : str
        What stopped the group before its end; empty if nothing did.
    """

    title: str
    comparisons: tuple[Comparison, ...]
    broken: str = ""

    @property
    def failed(self) -> tuple[Comparison, ...]:
        """Those that are further apart than they may be."""
        return tuple(one for one in self.comparisons if not one.held)

    @property
    def passed(self) -> bool:
        """Whether all were made and all held."""
        return not self.broken and not self.failed and bool(self.comparisons)


def validate(groups: Mapping[str, Group] = GROUPS) -> Iterator[Checked]:
    """Yield each group as soon as it is done; one that cannot be computed is told, not raised.

    Parameters
    ----------
    groups : mapping of str to callable
        From titles to what yields comparisons.

    Examples
    --------
    >>> one = Comparison(name="two", found=1 + 1, expected=2, tolerance=0, source="arithmetic")
    >>> [group.passed for group in validate({"sums": lambda: iter([one])})]
    [True]
    """
    for title, group in groups.items():
        made: list[Comparison] = []
        broken = ""
        try:
            made.extend(group())
        except Exception as error:  # whatever is broken here is what this page must tell
            broken = f"{type(error).__name__}: {error}"
        yield Checked(title=title, comparisons=tuple(made), broken=broken)
