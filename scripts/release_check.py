"""Whether this tree can be released: versions, pages, notebooks, licenses, packages.

Steps in the order of their cost; each says what it found, and the first that fails ends it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
LICENSES = TOP / "build" / "licenses.txt"
_VERSIONS = {
    "pyproject.toml": r'^version = "([^"]+)"$',
    "src/lupusim/__init__.py": r'^__version__ = "([^"]+)"$',
    "CITATION.cff": r"^version: (\S+)$",
    "CHANGELOG.md": r"^## (?:Unreleased \()?(\d[^) ]*)\)?",
}
_PAGES = ("commands_page", "methods_of_tests", "python_page", "keys_page", "columns_page")
_TEXT = re.compile(r"(licen[cs]e|copying|notice)", flags=re.IGNORECASE)


def main() -> None:
    """Do every step."""
    found = versions(TOP)
    if len(set(found.values())) != 1:
        sys.exit(f"versions disagree: {found}")
    print(f"version {found['pyproject.toml']} in {', '.join(found)}")
    for name in _PAGES:
        _do(sys.executable, f"scripts/{name}.py")
    _do("git", "diff", "--exit-code", "--stat", "--", "docs")
    if missing := untold(TOP):
        sys.exit(f"run scripts/validation_page.py, which does not tell of {', '.join(missing)}")
    print("pages that scripts write are current")
    _write_licenses()
    _do("make", "docs")
    print("the manual builds without a warning")
    tests = ("tests/interface/test_pages.py", "tests/interface/test_notebooks.py")
    _do(sys.executable, "-m", "pytest", "-q", "-n", "auto", *tests)
    print("links lead somewhere; commands, examples and notebooks print what they show")
    _do("make", "packages")
    print("packages work in empty environments: this tree can be released")


def versions(top: Path) -> dict[str, str]:
    """Return the version that each file states; empty where it states none."""
    found = {}
    for name, pattern in _VERSIONS.items():
        match = re.search(pattern, (top / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
        found[name] = match[1] if match else ""
    return found


def untold(top: Path) -> list[str]:
    """Return the tests against other programs and between engines that the page of them lacks."""
    text = (top / "docs/reference/validation.md").read_text(encoding="utf-8")
    folders = (top / "tests" / "reference", top / "tests" / "agreement")
    files = [path for folder in folders for path in sorted(folder.rglob("test_*.py"))]
    names = [path.relative_to(top).as_posix() for path in files]
    return [name for name in names if f"`{name}`" not in text]


def _write_licenses() -> None:
    names = sorted(needed("lupusim", ("all", "fast")) - {"lupusim"})
    LICENSES.parent.mkdir(exist_ok=True)
    LICENSES.write_text("\n\n".join(map(license_text, names)), encoding="utf-8")
    if unknown := [name for name in names if not license_of(distribution(name))]:
        sys.exit(f"no license is stated by: {', '.join(unknown)}")
    print(f"licenses of {len(names)} dependencies, with their texts: {LICENSES.relative_to(TOP)}")


def needed(name: str, extras: tuple[str, ...] = ()) -> set[str]:
    """Return the installed packages that one needs, itself among them, with theirs."""
    seen: set[tuple[str, str]] = set()
    waiting = [(_plain(name), extra) for extra in ("", *extras)]
    while waiting:
        one, extra = waiting.pop()
        if (one, extra) in seen:
            continue
        seen.add((one, extra))
        waiting += _requirements(one, extra)
    return {one for one, _ in seen if _is_installed(one)}


def _requirements(name: str, extra: str) -> Iterator[tuple[str, str]]:
    from packaging.requirements import Requirement

    if not _is_installed(name):
        return
    for line in distribution(name).requires or []:
        one = Requirement(line)
        if one.marker is None or one.marker.evaluate({"extra": extra}):
            yield _plain(one.name), ""
            yield from ((_plain(one.name), each) for each in sorted(one.extras))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def license_of(one: Distribution) -> str:
    """Return the license that a package states; empty if it states none."""
    said = one.metadata.get_all("License-Expression") or one.metadata.get_all("License") or []
    classes = one.metadata.get_all("Classifier") or []
    named = [c.rpartition(" :: ")[2] for c in classes if c.startswith("License ::")]
    return next((line.splitlines()[0] for line in [*said, *named] if line.strip()), "")


def license_text(name: str) -> str:
    """Return the license texts that a package brings, under its name."""
    one = distribution(name)
    files = [path for path in one.files or [] if _TEXT.search(path.name)]
    paths = [path for path in map(one.locate_file, files) if Path(str(path)).is_file()]
    texts = [Path(str(path)).read_text(encoding="utf-8", errors="replace") for path in paths]
    said = license_of(one) or "not stated"
    body = "\n\n".join(dict.fromkeys(texts)) or "(the package brings no text of its license)"
    return f"{'=' * 78}\n{name} {one.version}: {said}\n{'=' * 78}\n\n{body}"


def _do(*words: str) -> None:
    done = subprocess.run(words, cwd=TOP, check=False)
    if done.returncode:
        sys.exit(f"failed: {' '.join(words)}")


if __name__ == "__main__":
    main()
