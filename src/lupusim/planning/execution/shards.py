"""Part of a run: for array jobs of a batch system, each of which does its share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Protocol

from lupusim.common.frozen import dataclass
from lupusim.planning.execution.ledger import FILE_NAME, Asked, Existing, Ledger, LedgerError
from lupusim.simulation.generation.generation import Block


class Share(Protocol):
    """Which blocks of a run are simulated here."""

    is_whole: ClassVar[bool]

    def takes(self, block: Block) -> bool:
        """Return whether a block is simulated here."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    """The whole run."""

    is_whole: ClassVar[bool] = True

    def takes(self, block: Block) -> bool:
        """Return True."""
        del block
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """Only what a ledger holds already."""

    is_whole: ClassVar[bool] = False

    def takes(self, block: Block) -> bool:
        """Return False."""
        del block
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One of several equal parts: every `count`-th block of each design."""

    number: int
    count: int
    """`number` and `count`: number of the part, from 1, and how many there are."""
    is_whole: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(f"shard {self.number}/{self.count} must lie between 1/n and n/n")

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Return the shard that words such as ``3/8`` mean."""
        found = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
        if found is None:
            raise ValueError(f"{text!r} is not a shard: write '3/8' for the third of eight")
        return cls(number=int(found[1]), count=int(found[2]))

    def takes(self, block: Block) -> bool:
        """Return whether a block belongs to this part."""
        return block.number % self.count == self.number - 1


def _nobody(_: str) -> None:
    """Listen to nothing."""


def merge(
    folders: Sequence[Path], out: Path, *, tell: Callable[[str], None] = _nobody
) -> tuple[Asked, int]:
    """Copy the finished blocks of several run folders into one.

    Parameters
    ----------
    folders : sequence of Path
        Folders of runs of the same scenario with the same seed, versions and replicates.
    out : Path
        Made if need be; it may hold some parts of the same run already.
    tell : callable
        Told in words what was left out, because it was changed after it was written.

    Returns
    -------
    asked : Asked
        What all of them were asked for.
    seed : int
        Their seed.

    Raises
    ------
    LedgerError
        If a folder holds no run, they are not parts of one run, or one of them is `out`; nothing is
        merged then.
    """
    if out.resolve() in {folder.resolve() for folder in folders}:
        raise LedgerError(f"{out} is itself one of the parts: give another folder for the whole")
    parts = [_identity(folder) for folder in folders]
    if (out / FILE_NAME).exists():
        parts.append(_identity(out))
    for folder, part in zip([*folders, out], parts, strict=False):
        _refuse_stranger(folder, part, parts[0])
    with Ledger(out, existing=Existing.RESUME) as ledger:
        for folder in folders:
            with Ledger.reading(folder) as shard:
                if damaged := ledger.copy(shard):
                    tell(f"{folder}: {damaged} damaged blocks left out; --resume makes them again")
    about, asked = parts[0]
    return asked, _seed(folders[0], about)


def _seed(folder: Path, about: Mapping[str, str]) -> int:
    seed = about.get("seed", "")
    if not seed.isdecimal():
        raise LedgerError(f"{folder}: its ledger names no seed ({seed!r}): it was changed")
    return int(seed)


def _identity(folder: Path) -> tuple[dict[str, str], Asked]:
    with Ledger.reading(folder) as shard:
        about, asked = shard.about(), shard.asked()
    if not asked:
        raise LedgerError(f"{folder} holds no run")
    return about, asked[-1]


def _refuse_stranger(
    folder: Path, found: tuple[dict[str, str], Asked], first: tuple[dict[str, str], Asked]
) -> None:
    """Raise LedgerError unless two folders are parts of one run."""
    different = [name for name, content in first[0].items() if found[0].get(name) != content]
    if found[1].text != first[1].text:
        different.append("scenario")
    if found[1].n_replicates != first[1].n_replicates:
        different.append("number of replicates")
    if different:
        verb = "differs" if len(different) == 1 else "differ"
        raise LedgerError(f"{folder} is a part of another run: {', '.join(different)} {verb}")
