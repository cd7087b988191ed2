"""The designs that are open in the browser; each has an address of its own.

Two tabs have two designs, or the same one if they show the same address; a reload finds it.
"""

from __future__ import annotations

import secrets
from dataclasses import field
from pathlib import Path

from lupusim.app.designs.fields import PATIENTS, Field
from lupusim.app.designs.wording import Change, changes, without_old_numbers, words_of_packaged
from lupusim.app.folder import StartFolder, plain_name
from lupusim.common.frozen import dataclass
from lupusim.errors import ScenarioError
from lupusim.scenario.document.content import is_mapping
from lupusim.scenario.document.edits import Path as Place
from lupusim.scenario.document.edits import parsed, value_at, with_value
from lupusim.scenario.files.packaged import find_packaged, packaged_descriptions

_MOST_DRAFTS = 200
_LONGEST_SHOWN = 60  # of a name that is none


@dataclass(slots=True, kw_only=True)
class Draft:
    """A design that is being written."""

    id: str  # in its address
    name: str  # of its file, without ending
    text: str  # the scenario file as it stands
    file: str = ""  # the file it was opened from or saved to; empty for none
    saved: str = ""  # what that file holds
    packaged: str = ""
    """The packaged scenario it was made from, while it is the same; empty for none."""
    original: str = ""
    told: dict[Place, str] = field(default_factory=dict)
    """Words of a packaged scenario that hold its numbers, and where they stand."""
    agreed: str = ""
    """The text when its words were last made to agree with its numbers."""

    def write(self, changed: Field, value: object) -> bool:
        """Write what a field shall hold, and take back words it made wrong; False where it does.

        Raises
        ------
        ValueError
            If the text cannot hold it.
        """
        self.agree()
        text = with_value(self.text, changed.path, value)
        if text == self.text:
            return False
        before = changed.shown(parsed(self.text).content) or ""
        group = PATIENTS if changed.path[0] == "simulation" else changed.group
        change = Change(group=group, before=before)
        self.text = without_old_numbers(text, self.told, change, kind=self.heading)
        self.agreed = self.text
        return True

    def agree(self) -> bool:
        """Take back words that changes of the text made wrong, once it can be read; say if any."""
        try:
            old, new = parsed(self.agreed).content, parsed(self.text).content
        except ScenarioError:
            return False
        text = self.text
        for change in changes(old, new):
            text = without_old_numbers(text, self.told, change, kind=self.heading)
        is_changed, self.text, self.agreed = text != self.text, text, text
        return is_changed

    @property
    def heading(self) -> str:
        """Its name as words."""
        words = self.name.replace("_", " ")
        return f"{words[:1].upper()}{words[1:]}"

    @property
    def is_saved(self) -> bool:
        """Whether its file holds it as it stands."""
        return bool(self.file) and self.text == self.saved

    @property
    def command_name(self) -> str:
        """How a command names it."""
        if self.is_saved:
            return self.file
        if self.packaged and self.text == self.original:
            return self.packaged
        return self.file or f"{self.name}.yaml"

    def beside(self, folder: StartFolder) -> Path:
        """Return the folder that its relative paths start from."""
        return folder.inside(self.file).parent if self.file else folder.path


@dataclass(slots=True)
class Drafts:
    """All open designs."""

    _drafts: dict[str, Draft] = field(default_factory=dict)

    def get(self, id: str) -> Draft | None:
        """Return an open design, or None."""
        return self._drafts.get(id)

    def add(self, *, name: str, text: str, file: str = "", packaged: str = "") -> Draft:
        """Open a design, and close the oldest where there are very many."""
        draft = Draft(
            id=secrets.token_urlsafe(6),
            name=plain_name(name),
            text=text,
            file=file,
            saved=text if file else "",
            packaged=packaged,
            original=text,
            told=words_of_packaged(text),
            agreed=text,
        )
        self._drafts[draft.id] = draft
        while len(self._drafts) > _MOST_DRAFTS:
            del self._drafts[next(iter(self._drafts))]
        return draft

    def open_packaged(self, name: str, *, one_size: bool = False) -> Draft:
        """Open a packaged scenario; with `one_size` only the size it states, where sizes vary.

        Raises
        ------
        ValueError
            If there is none of the name; a path is none.
        """
        if name not in packaged_descriptions("scenarios"):
            raise ValueError(f"No trial of the name {name[:_LONGEST_SHOWN]!r} comes with lupusim.")
        path = find_packaged("scenarios", name, ScenarioError)
        text = path.read_text(encoding="utf-8")
        vary = value_at(parsed(text).content, ("vary",))
        sizes_alone = is_mapping(vary) and vary.keys() == {"sample_size"}
        changed = with_value(text, ("vary",), None) if one_size and sizes_alone else text
        return self.add(name=name, text=changed, packaged=name if changed == text else "")

    def open_file(self, folder: StartFolder, name: str) -> Draft:
        """Open a scenario file of the folder.

        Raises
        ------
        ValueError, OSError
            If it cannot be read.
        """
        file = folder.shown(folder.inside(name))
        return self.add(name=Path(file).stem, text=folder.read(name), file=file)
