"""The pages of the manual and what can be tried of them: links, commands, examples."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINKED = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_INLINE = re.compile(r"`(lupusim [^`]+)`")


@dataclass(frozen=True)
class Shown:
    """Commands of a page, one after the other, and what it shows of the last one's output."""

    commands: tuple[str, ...]
    output: str


def script(name: str) -> ModuleType:
    """Return a module of ``scripts``."""
    spec = spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    sys.modules[name] = made  # dataclasses look their module up
    spec.loader.exec_module(made)
    return made


def name_of(page: Path) -> str:
    """Return a page's path from the checkout's top."""
    return page.relative_to(ROOT).as_posix()


def prose(text: str) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", text)


def links(text: str) -> list[str]:
    """Return where the links of a page lead, those to other sites left out."""
    found = _LINK.findall(re.sub(r"`[^`]*`", "", prose(text)))
    return [link for link in found if not link.startswith(("https://", "http://", "mailto:"))]


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and the site make them."""
    heads = re.findall(r"^#+ (.+)$", prose(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def broken_links(page: Path) -> list[str]:
    """Return the links of a page that lead to no file, or to no heading of it."""
    found = []
    for link in links(page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        there = target.is_relative_to(ROOT) and target.exists()
        if not there or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            found.append(link)
    return found


def sessions(text: str) -> Iterator[Shown]:
    """Yield the blocks of commands (```sh) with the output (```text) that follows each."""
    blocks = list(_FENCE.finditer(text))
    for block, after in zip(blocks, [*blocks[1:], None], strict=False):
        if block[1] != "sh":
            continue
        follows = after is not None and text[block.end() : after.start()].strip() == ""
        shown = after[2] if after and follows and after[1] == "text" else ""
        yield Shown(tuple(_joined(block[2])), shown)


def _joined(block: str) -> list[str]:
    lines = block.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def commands(text: str) -> list[str]:
    """Return every command ``lupusim ...`` of a page: in blocks, indented, or within a line."""
    in_blocks = [line for shown in sessions(text) for line in shown.commands]
    indented = re.findall(r"^ {4}(lupusim .+)$", prose(text), flags=re.MULTILINE)
    within = [found.replace("\\|", "|") for found in _INLINE.findall(prose(text))]
    every = [*in_blocks, *indented, *within]
    return [line.split("  #")[0].strip() for line in every if line.startswith("lupusim ")]


def words_of(command: str) -> list[str]:
    """Return a command's words without brackets of what may be left out, and what follows `|`."""
    plain = re.sub(r"[\[\]]|\.\.\.|\|\S+", " ", command.rstrip(",.:"))
    return shlex.split(plain)[1:]
