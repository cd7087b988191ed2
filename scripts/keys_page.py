"""Write docs/reference/keys.md: every key of a file, what it may be, an example that is run.

The keys are those that the readers ask for while they read the packaged files and the examples in
docs/examples; the example of a key is what one of these files has there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

from lupusim.scenario import load_model, load_scenario, packaged_names
from lupusim.scenario.document.section import Section
from lupusim.scenario.files.evidence import load_study

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "docs" / "examples"
PAGE = ROOT / "docs/reference/keys.md"
_LONGEST = 90
_KINDS = {"ScenarioError": "scenario", "ModelError": "model", "EvidenceError": "evidence"}
_HEAD = """# Every key of a file, with an example

What the readers of scenario, model and evidence files ask for, section by section; `[]` stands for
an item of a list. What a key may be is what its reader checks, and what a message about it says;
nothing stands there where further keys are below it. Each example stands in a file that the tests
run: a packaged one, or one of docs/examples. What the keys mean and their defaults: [the format of
scenario files](../scenario_files.md). Made by `scripts/keys_page.py`.
"""

ELSEWHERE: Mapping[str, set[str]] = {
    "": {"cycle", "effects"},
    "looks[]": {"extension", "gap", "latest"},
    "arms[].outcomes.NAME": {"emax"},
    "analysis.multiplicity.endpoints[]": {"at"},
}
"""Keys that a section asks for only to say where they belong."""

Keys = dict[tuple[str, str], dict[str, tuple[str, Any] | None]]
"""By kind of file and section: each key, with a file that has it and what it has there."""
Words = dict[tuple[str, str, str], list[str]]
"""By kind of file, section and key: what it may be."""


class _Listener:
    """Notes what sections are asked for while files are read."""

    def __init__(self) -> None:
        self.keys: Keys = {}
        self.words: Words = {}

    def finish(self, section: Section) -> None:
        """Note the keys of a section, with what the file has there."""
        of = _place(section)
        if of[0]:
            keys = self.keys.setdefault(of, {})
            for name in set(section.asked) - ELSEWHERE.get(of[1], set()):
                here = (Path(section.place.document.file).name, section.content.get(name))
                keys[name] = keys.get(name) or (here if name in section.content else None)
        _FINISH(section)

    def read(self, section: Section, name: str, kind: Any, *default: Any) -> Any:
        """Note what a key may be."""
        said = self.words.setdefault((*_place(section), name), [])
        if kind.words not in said:
            said.append(kind.words)
        return _READ(section, name, kind, *default)


_FINISH, _READ = Section.finish, Section.read


def _place(section: Section) -> tuple[str, str]:
    """Return the kind of a section's file, empty for others, and its path in general."""
    of = _KINDS.get(section.place.document.error_class.__name__, "")
    return of, _general(section.place.key)


def known_keys() -> tuple[Keys, Words]:
    """Return the keys that readers ask for, with an example of each, and what each may be."""
    found = _Listener()

    def finish(section: Section) -> None:
        found.finish(section)

    def read(section: Section, *asked: Any) -> Any:
        return found.read(section, *asked)

    with patch.multiple(Section, finish=finish, read=read):
        for name in packaged_names("scenarios"):
            load_scenario(name)
        for path in sorted(EXAMPLES.glob("*.yaml")):
            load_scenario(path)
        for model in (*packaged_names("models"), *sorted(EXAMPLES.glob("models/*.yaml"))):
            load_model(model)
        for study in (*packaged_names("evidence"), *sorted(EXAMPLES.glob("evidence/*.yaml"))):
            load_study(study)
    return found.keys, found.words


def _general(key: str) -> str:
    """Return the path of a section, whatever names and numbers the file chose."""
    general = re.sub(r"\.\d+(?=\.|$)", "[]", key)
    general = re.sub(r"(\.when)(\.(all|any)\[\])+$", r"\1", general)
    general = re.sub(r"^outcomes\.[^.]+$", "outcomes.NAME", general)
    general = re.sub(r"\.outcomes\.[^.]+$", ".outcomes.NAME", general)
    general = re.sub(r"by_state\.[^.]+$", "by_state.STATE", general)
    return re.sub(r"(covariates|cuts|intercurrent_events)\.[^.]+$", r"\1.NAME", general)


def page() -> str:
    """Return the text of the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    keys, words = known_keys()
    for kind in _KINDS.values():
        yield f"## {kind.capitalize()} files\n"
        for (of, section), known in sorted(keys.items()):
            if of == kind and known:
                yield f"### {section or 'the file itself'}\n"
                yield "| key | may be | example | in |\n|---|---|---|---|"
                for name in sorted(known):
                    yield _row(name, words.get((of, section, name), []), known[name])
                yield ""


def _row(name: str, words: list[str], example: tuple[str, Any] | None) -> str:
    may_be = " or ".join(sorted(words)).replace("|", "\\|")
    if example is None:
        return f"| `{name}` | {may_be} | none yet | |"
    file, value = example
    return f"| `{name}` | {may_be} | `{_flow(value)}` | {file} |"


def _flow(value: Any) -> str:
    """Return a value in one line, as a file could have it; long ones in part."""
    text = _in_a_line(value).replace("|", "\\|").replace("`", "'")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


def _in_a_line(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{k}: {_in_a_line(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_in_a_line, value))}]"
    if isinstance(value, str):
        return " ".join(value.split())
    return json.dumps(value)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
