"""The page of a selftest, in the form of lupusim's reports."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from lupusim import __version__
from lupusim.report.document.parts import Document, Part, Section, Table, Words
from lupusim.report.selftest.comparison import Comparison
from lupusim.report.selftest.validation import Checked

_PACKAGES = ("numpy", "scipy", "pandas", "simpy", "joblib", "ruamel.yaml", "click", "rich")


def platform_rows() -> list[tuple[str, str]]:
    """Return what this installation is made of: programs, versions, machine."""
    return [
        ("lupusim", __version__),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        *((name, _version(name)) for name in _PACKAGES),
        ("system", f"{platform.system()} {platform.release()}"),
        ("machine", f"{platform.machine()}, {sys.byteorder} endian"),
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def document_of(groups: Sequence[Checked], seconds: float) -> Document:
    """Return the page.

    Parameters
    ----------
    groups : sequence of Checked
        From :func:`~lupusim.report.selftest.validation.validate`.
    seconds : float
        How long that took.
    """
    installed = Table(
        caption="What was tested.",
        head=("what", "version"),
        rows=tuple(platform_rows()),
        wordy=True,
    )
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    took = f"{seconds:.0f} s; seeds 1, 2, 3 and 20260101"
    return Document(
        title="lupusim selftest",
        subtitle=f"lupusim {__version__}, {when}, {took}",
        answer=(verdict(groups), *map(_told, groups)),
        sections=(
            Section(title="Installation", parts=(installed,)),
            *(Section(title=group.title, parts=_parts(group)) for group in groups),
            Section(title="How to read it", parts=(Words(text=_READING),)),
        ),
    )


_READING = (
    "Each row compares a number found on this machine with one that is right: a closed form, a "
    "published table, another program, or another engine. It holds where the distance is at most "
    "the tolerance. Simulated numbers may be 4 Monte Carlo standard errors away, one false alarm "
    "in 16,000; with fixed seeds the page says the same each time. This is a check of an "
    "installation; the whole evidence is the test suite that comes with the source."
)


def verdict(groups: Sequence[Checked]) -> str:
    """Return in a sentence how many comparisons held."""
    n = sum(len(group.comparisons) for group in groups)
    n_held = n - sum(len(group.failed) for group in groups)
    if all(group.passed for group in groups):
        return f"PASSED: all {n} comparisons in {len(groups)} groups hold."
    n_broken = sum(bool(group.broken) for group in groups)
    return f"FAILED: {n_held} of {n} comparisons hold; {n_broken} groups could not be finished."


def _told(group: Checked) -> str:
    held = len(group.comparisons) - len(group.failed)
    said = f"{group.title}: {held} of {len(group.comparisons)}"
    return f"{said}; stopped by {group.broken}" if group.broken else said


def _parts(group: Checked) -> tuple[Part, ...]:
    parts: list[Part] = []
    if group.broken:
        parts.append(Words(text=f"It could not be finished: {group.broken}", loud=True))
    for one in group.failed:
        parts.append(Words(text=f"Does not hold: {one.name}", loud=True))
    if group.comparisons:
        head = ("comparison", "found", "expected", "holds: distance", "source")
        rows = tuple(map(_row, group.comparisons))
        parts.append(Table(caption=f"{group.title}.", head=head, rows=rows))
    return tuple(parts)


def _row(one: Comparison) -> tuple[str, ...]:
    held = "yes" if one.held else "NO"
    distance = f"{held}: {one.distance:.2g}, at most {one.tolerance:.2g}"
    return (one.name, f"{one.found:.10g}", f"{one.expected:.10g}", distance, one.source)
