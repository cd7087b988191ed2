"""Named things of one kind: a name is given once, and files and messages know it from here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from lupusim.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Things of one kind by their names, in the order in which they registered or the alphabet's.

    Parameters
    ----------
    kind : str
        What they are, in a word for messages.
    group : str
        Entry points of this name, of packages that are installed, register as well: all are
        loaded when a registry is first asked for what it does not know, or for all it has.
    needs : tuple of str
        What such a thing must at least have: names of methods and fields.
    made : bool
        Whether an entry point may name a class, of which the thing is an object without arguments.
    in_alphabet : bool
        Whether all names come in the alphabet's order, as where modules register in any order.
    """

    def __init__(
        self,
        kind: str,
        *,
        group: str,
        needs: tuple[str, ...] = (),
        made: bool = False,
        in_alphabet: bool = False,
    ) -> None:
        self.kind, self.group, self.needs = kind, group, needs
        self.made, self.in_alphabet = made, in_alphabet
        self._found: dict[str, T] = {}
        self._homes: dict[str, str] = {}
        self._has_looked = False

    def offer(self, package: str, homes: Mapping[str, str]) -> None:
        """Say which modules register which names; one is imported when a name of it is asked for.

        Parameters
        ----------
        package : str
            In which the modules are.
        homes : mapping
            Of each module, the names, with spaces between.
        """
        for module, names in homes.items():
            self._homes |= dict.fromkeys(names.split(), f"{package}.{module}")

    @property
    def names(self) -> Mapping[str, str]:
        """The names by themselves: to ask for one loads nothing of other packages."""
        return _Names(self)

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that gives a thing its name.

        Raises
        ------
        ValueError
            If the name is another thing's.
        """

        def give(thing: T) -> T:
            known = self._found.setdefault(name, thing)
            if known is not thing and known != thing:
                raise ValueError(f"{name!r} is the name of another {self.kind}. Choose a new one")
            return thing

        return give

    def __getitem__(self, name: str) -> T:
        """Return the thing of this name."""
        self._import(name)
        if name not in self._found:
            self._look()
        return self._found[name]

    def _import(self, name: object) -> None:
        """Import the module that registers a name, where one is known to."""
        if name not in self._found and name in self._homes:
            import_module(self._homes[str(name)])

    def __iter__(self) -> Iterator[str]:
        """Yield all names."""
        self._look()
        names = self._homes | dict.fromkeys(self._found, "")
        return iter(sorted(names) if self.in_alphabet else names)

    def __len__(self) -> int:
        """Return how many there are."""
        self._look()
        return len(self._homes.keys() | self._found.keys())

    def _look(self) -> None:
        """Load what other packages offer, once.

        Raises
        ------
        PluginError
            If one cannot be loaded, or is no such thing.
        """
        if self._has_looked:
            return
        from importlib.metadata import entry_points

        for point in entry_points(group=self.group):
            self._import(point.name)
            try:
                self.register(point.name)(self._usable(point.load()))
            except Exception as error:  # whatever a package of others raises
                raise PluginError(self._complaint(point, error)) from error
        self._has_looked = True

    def _usable(self, thing: Any) -> T:
        """Return what an entry point gave; an object of it where that is asked for."""
        if self.made and isinstance(thing, type):
            thing = thing()
        lacking = [name for name in self.needs if not hasattr(thing, name)]
        if lacking:
            raise TypeError(f"{thing!r} has no {', '.join(lacking)}")
        usable: T = thing
        return usable

    def _complaint(self, point: EntryPoint, error: Exception) -> str:
        package = f"the package {point.dist.name!r}" if point.dist else "a package"
        return (
            f"{package} offers the {self.kind} {point.name!r} ({point.value}), which cannot be "
            f"used: {type(error).__name__}: {error}. Mend the package, or uninstall it"
        )


class _Names(Mapping[str, str]):
    """The names of a registry; each stands for itself."""

    def __init__(self, registry: Registry[Any]) -> None:
        self.registry = registry

    def __getitem__(self, name: str) -> str:
        """Return the name, if there is a thing of it."""
        self.registry[name]
        return name

    def __iter__(self) -> Iterator[str]:
        """Yield all names."""
        return iter(self.registry)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.registry)
