"""Named things of one kind: a name is given once, and files and messages know it from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import TypeVar

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Things of one kind by their names, in the order in which they registered or the alphabet's.

    Parameters
    ----------
    kind : str
        What they are, in a word for messages.
    group : str
        Entry points of this name, of packages that are installed, register as well: each is
        loaded when a registry is first asked for what it does not know, or for all it has.
    in_alphabet : bool
        Whether all names come in the alphabet's order, as where modules register in any order.
    """

    def __init__(self, kind: str, *, group: str, in_alphabet: bool = False) -> None:
        self.kind, self.in_alphabet = kind, in_alphabet
        self.group = group
        self._found: dict[str, T] = {}
        self._has_looked = False

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that gives a thing its name.

        Raises
        ------
        ValueError
            If the name is another thing's.
        """

        def give(thing: T) -> T:
            if self._found.setdefault(name, thing) is not thing:
                raise ValueError(f"{name!r} is the name of another {self.kind}. Choose a new one")
            return thing

        return give

    def __getitem__(self, name: str) -> T:
        """Return the thing of this name."""
        if name not in self._found:
            self._look()
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        """Yield all names."""
        self._look()
        return iter(sorted(self._found) if self.in_alphabet else self._found)

    def __len__(self) -> int:
        """Return how many there are."""
        self._look()
        return len(self._found)

    def _look(self) -> None:
        """Load what other packages offer, once: each entry point registers by being loaded."""
        if not self._has_looked:
            self._has_looked = True
            for point in entry_points(group=self.group):
                self.register(point.name)(point.load())
