"""Write docs/keys.md: every key that readers of files know, each with an example that is run.

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
PAGE = ROOT / "docs" / "keys.md"
_LONGEST = 90
_KINDS = {"ScenarioError": "scenario", "ModelError": "model", "EvidenceError": "evidence"}
_HEAD = """# Every key of a file, with an example

What the readers of scenario, model and evidence files ask for, section by section; `[]` stands for
an item of a list. Each example stands in a file that the tests run: a packaged one, or one of
docs/examples. What the keys mean and their defaults: [the format of scenario
files](scenario_files.md). Made by `scripts/keys_page.py`.
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


def known_keys() -> Keys:
    """Return the keys that readers ask for, with an example of each where a file has one."""
    found: Keys = {}
    finish = Section.finish

    def listen(section: Section) -> None:
        document = section.place.document
        kind = _KINDS.get(document.error_class.__name__, "")
        if kind:
            keys = found.setdefault((kind, _general(section.place.key)), {})
            for name in set(section.asked) - ELSEWHERE.get(_general(section.place.key), set()):
                here = (Path(document.file).name, section.content.get(name))
                keys[name] = keys.get(name) or (here if name in section.content else None)
        finish(section)

    with patch.object(Section, "finish", listen):
        for name in packaged_names("scenarios"):
            load_scenario(name)
        for path in sorted(EXAMPLES.glob("*.yaml")):
            load_scenario(path)
        for model in (*packaged_names("models"), *sorted(EXAMPLES.glob("models/*.yaml"))):
            load_model(model)
        for study in (*packaged_names("evidence"), *sorted(EXAMPLES.glob("evidence/*.yaml"))):
            load_study(study)
    return found


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
    keys = known_keys()
    for kind in _KINDS.values():
        yield f"## {kind.capitalize()} files\n"
        for (of, section), known in sorted(keys.items()):
            if of == kind and known:
                yield f"### {section or 'the file itself'}\n"
                yield "| key | example | in |\n|---|---|---|"
                yield from (_row(name, known[name]) for name in sorted(known))
                yield ""


def _row(name: str, example: tuple[str, Any] | None) -> str:
    if example is None:
        return f"| `{name}` | none yet | |"
    file, value = example
    return f"| `{name}` | `{_flow(value)}` | {file} |"


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
