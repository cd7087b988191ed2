"""Where in a document one is, and what is reported there."""

from __future__ import annotations

from lupusim.common.frozen import dataclass
from lupusim.errors import Problem
from lupusim.scenario.document.yaml_reader import Document, child_key


@dataclass(frozen=True, slots=True)
class Place:
    """One key of a document; what is found wrong there is reported through it."""

    document: Document
    key: str
    problems: list[Problem]

    def report(self, fault: str, fix: str) -> None:
        """Note a problem of this key."""
        self.problems.append(self.document.problem(self.key, fault, fix))

    def child(self, name: str | int) -> Place:
        """Return the place of a key or an item below this one."""
        return Place(self.document, child_key(self.key, name), self.problems)

    @property
    def is_right(self) -> bool:
        """Whether no problem is known of this very key."""
        return not any(p.key == self.key for p in self.problems)

    @property
    def is_sound(self) -> bool:
        """Whether no problem is known here or below."""
        below = f"{self.key}." if self.key else ""
        return not any(p.key == self.key or p.key.startswith(below) for p in self.problems)
