"""Build the packages and use them as a stranger would: outside the checkout, with nothing else.

The wheel, the source package and the wheel built from it hold every packaged file; installed into
an empty environment with core dependencies only, every command works, or says in one line which
extra it needs, before any work. With --constraints FILE the same on other versions.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
PACKAGE = TOP / "src" / "lupusim"
SECONDS = 300

WORKS = [
    "--help",
    "list",
    "check phase2_remission_52w",
    "init mine",
    "check mine/phase2_remission_52w.yaml",
    "occupancy illness-death --at '1 year'",
    "ask illness-death life",
    "cohort hiv-chancellor --cycles 3",
    "generator sick-sicker-yearly",
    "trial two_rates --out trial",
    "run two_rates --replicates 20 --jobs 2 --out run",
    "run two_rates --replicates 20 --jobs 1 --out half --shard 1/1",
    "merge half --out whole",
    "compare run whole",
    "size two_rates --power 0.8 --precision 0.1 --jobs 1",
    "assurance phase2_remission_52w --draws msc-central --replicates 100 --jobs 1",
    "sensitivity two_rates --over sample_size=60,90 --replicates 100 --jobs 1",
    "threshold two_rates --key analysis.alpha --replicates 100 --jobs 1",
    "solve two_rates --for sample_size --replicates 200 --jobs 1",
    "decide hiv",
    "draw illness-death --plot diagram.svg",
    "calibrate --draws 0",
    "selftest --out selftest.html",
]
NEEDS = {
    "draw illness-death --picture occupancy --plot picture.svg": "report",
    "run two_rates --plot picture.svg": "report",
    "report run": "report",
    "calibrate --out calibrated": "report",
    "calibrate --second-opinion": "calibration",
    "app --no-show": "app",
    "docs --no-show": "docs",
    "run two_rates --backend dask --scheduler tcp://127.0.0.1:1": "cluster",
}


def main() -> None:
    """Build, look inside, install, run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--constraints", type=Path, default=TOP / "constraints.txt")
    constraints = parser.parse_args().constraints.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        wheel, source = build(TOP, folder / "built")
        with tarfile.open(source) as archive:
            archive.extractall(folder / "unpacked", filter="data")
        (unpacked,) = (folder / "unpacked").iterdir()
        rebuilt = wheel_of(unpacked, folder / "rebuilt")
        look_inside(wheel, rebuilt)
        command = install(wheel, folder / "empty", constraints)
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir()
        failed = [line for line in WORKS if not works(command, line, elsewhere)]
        failed += [
            line for line, extra in NEEDS.items() if not asks(command, line, extra, elsewhere)
        ]
    if failed:
        sys.exit("failed outside the checkout:\n  " + "\n  ".join(failed))
    print(f"{len(WORKS)} commands work with core dependencies only, {len(NEEDS)} name their extra")


def build(tree: Path, folder: Path) -> tuple[Path, Path]:
    """Return the wheel and the source package of a tree."""
    _run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder), within=tree)
    (source,) = folder.glob("*.tar.gz")
    return wheel_of(tree, folder), source


def wheel_of(tree: Path, folder: Path) -> Path:
    """Return the wheel of a tree."""
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), within=tree)
    (wheel,) = folder.glob("*.whl")
    return wheel


def look_inside(wheel: Path, rebuilt: Path) -> None:
    """Stop unless both wheels hold the same bytes of every file of the package."""
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(rebuilt) as other:
        held = {name: one.read(name) for name in one.namelist() if name.startswith("lupusim/")}
        again = {n: other.read(n) for n in other.namelist() if n.startswith("lupusim/")}
    tracked = _run("git", "ls-files", "src/lupusim", within=TOP).split()
    wanted = {name.removeprefix("src/") for name in tracked}
    if missing := sorted(wanted - held.keys()) or sorted(wanted - again.keys()):
        sys.exit(f"missing in a package: {', '.join(missing)}")
    if held != again:
        sys.exit("the wheel built from the source package differs from the wheel")
    print(f"wheel, source package and the wheel built from it hold the same {len(held)} files")


def install(wheel: Path, folder: Path, constraints: Path) -> Path:
    """Return the command, installed into an environment that holds nothing else."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    _run(*pip, "--disable-pip-version-check", "-c", str(constraints), str(wheel), within=folder)
    return folder / "bin" / "lupusim"


def works(command: Path, line: str, within: Path) -> bool:
    """Return whether a command ends well."""
    done = _try(command, line, within)
    if done.returncode:
        print(f"lupusim {line}: code {done.returncode}\n{done.stderr}")
    return done.returncode == 0


def asks(command: Path, line: str, extra: str, within: Path) -> bool:
    """Return whether a command says in one line, before any work, which extra it needs."""
    before = sorted(within.rglob("*"))
    done = _try(command, line, within)
    said = done.stderr.strip().splitlines()
    told = len(said) == 1 and "pip install" in said[0] and f"lupusim[{extra}]" in said[0]
    if not (told and done.returncode == 2 and not done.stdout):
        print(f"lupusim {line}: code {done.returncode}\n{done.stdout}{done.stderr}")
        return False
    return sorted(within.rglob("*")) == before


def _try(command: Path, line: str, within: Path) -> subprocess.CompletedProcess[str]:
    words = [str(command), *shlex.split(line)]
    return subprocess.run(
        words, cwd=within, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip


def _run(*words: str, within: Path) -> str:
    done = subprocess.run(words, cwd=within, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
