"""Procedures for several hypotheses in sentences that a protocol can take over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_KNOWN = {
    "none": "Each of {n} hypotheses is tested at the whole level: the error holds for each alone, "
    "not for all together",
    "bonferroni": "Each of {n} hypotheses is tested at 1/{n} of the level (Bonferroni)",
    "holm": "Holm's procedure holds the family-wise error of {n} hypotheses: the smallest p-value "
    "is compared with 1/{n} of the level, the next with one over one hypothesis fewer, and so on "
    "until one is larger",
    "hochberg": "Hochberg's procedure holds the family-wise error of {n} hypotheses whose "
    "statistics depend positively: the largest p-value is compared with the level, the next with "
    "half of it, and so on; once one is small enough, it and all smaller ones are shown",
    "hommel": "Hommel's procedure, the closed test of Simes' tests, holds the family-wise error of "
    "{n} hypotheses whose statistics depend positively",
    "fixed_sequence": "The hypotheses are tested in a fixed order, each at the whole level as long "
    "as all before it are shown",
}

OVER_LOOKS = (
    "Each is tested at every look by the bound that its share of the level buys there "
    "(Maurer and Bretz 2013)."
)
"""How a hypothesis of a graph is tested over several looks."""


def adjustment_in_words(method: str, names: Sequence[str]) -> str:
    """Return what the p-values of hypotheses are compared with.

    Parameters
    ----------
    method : str
        Of :data:`~lupusim.analysis.multiplicity.procedures.PROCEDURES`; one of a plug-in is named.
    names : sequence of str
        The hypotheses, in their order.

    Examples
    --------
    >>> adjustment_in_words("bonferroni", ["remission", "flares"])
    'Each of 2 hypotheses is tested at 1/2 of the level (Bonferroni); they are: remission, flares.'
    """
    known = _KNOWN.get(method, "The procedure {method} judges {n} hypotheses together")
    listed = ("; " if any("," in name for name in names) else ", ").join(names)
    return f"{known.format(n=len(names), method=method)}; they are: {listed}."


def graph_in_words(
    weights: Sequence[float], transitions: Sequence[Sequence[float]], names: Sequence[str]
) -> str:
    """Return which share of the level each hypothesis starts with, and where it goes.

    Parameters
    ----------
    weights, transitions
        Of the graph (Bretz et al. 2009).
    names : sequence of str
        The hypotheses, in their order.
    """
    shares = (f"{n} starts with {100 * w:.3g} %" for n, w in zip(names, weights, strict=True))
    passed = "; ".join(_passed(transitions, names))
    goes = f" Once one is shown, its share passes on: {passed}." if passed else ""
    return (
        "A graphical procedure (Bretz et al. 2009) holds the family-wise error. Of the level "
        f"{'; '.join(shares)}.{goes} {OVER_LOOKS}"
    )


def _passed(transitions: Sequence[Sequence[float]], names: Sequence[str]) -> Iterator[str]:
    for name, row in zip(names, transitions, strict=True):
        to = [f"{100 * g:.3g} % to {n}" for n, g in zip(names, row, strict=True) if g > 0]
        if to:
            yield f"from {name} {', '.join(to)}"
