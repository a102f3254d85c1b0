"""The checks of the repository itself that no other tool makes; prints what is wrong, exits 1."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
LONGEST_FILE = 600
# Written so that this file does not match itself.
REGISTRY = re.compile(r"(?i)https?://[\w.@:-]*(?:p[y]pi|python[h]osted|npm[j]s|debian\.[o]rg)")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:w[o]rk|r[o]ot|h[o]me/\w+)/")
PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[\w,-]*\])?==([^\s;\\]+)", re.MULTILINE)
PARTS = {
    "requirements.txt": ("dependencies", "postgres"),
    "requirements-build.txt": ("build",),
    "requirements-dev.txt": ("dependencies", "postgres", "build", "dev"),
}

Pins = dict[str, Version]


def main() -> int:
    """Print every problem; return the exit code."""
    files = list(project_files(ROOT))
    problems = [*addresses(ROOT, files), *lock_files(files), *long_files(ROOT, files)]
    problems += pins_out_of_step(ROOT)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"repository: {len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


def project_files(root: Path) -> Iterator[Path]:
    """Yield what is or could be committed, relative to `root`; ignored files are left out."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout
    for name in sorted(set(listing.decode().split("\0")) - {""}):
        if (root / name).is_file():
            yield Path(name)


def addresses(root: Path, files: Iterable[Path]) -> Iterator[str]:
    """Find addresses of package registries, and absolute paths of somebody's machine."""
    for file in files:
        try:
            lines = (root / file).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a binary file
        for number, line in enumerate(lines, 1):
            if found := REGISTRY.search(line):
                yield f"{file}:{number}: address of a package registry: {found.group()}"
            if found := MACHINE_PATH.search(line):
                yield f"{file}:{number}: path of one machine: {found.group()}"


def lock_files(files: Iterable[Path]) -> Iterator[str]:
    """Find lock files that name registries; the hashed requirements files stand for them."""
    for file in files:
        if file.name in {"uv.lock", "poetry.lock", "Pipfile.lock"}:
            yield f"{file}: not to be committed; scripts/lock writes requirements files instead"


def long_files(root: Path, files: Iterable[Path]) -> Iterator[str]:
    """Find Python files of the application that nobody reads in one sitting."""
    for file in files:
        if file.parts[0] == "app" and file.suffix == ".py":
            lines = len((root / file).read_text(encoding="utf-8").splitlines())
            if lines > LONGEST_FILE:
                yield f"{file}: {lines} lines; at most {LONGEST_FILE}"


def pins_out_of_step(root: Path) -> Iterator[str]:
    """Compare the pinned requirements with what `pyproject.toml` asks for."""
    asked = _asked(root)
    everything = _pins(root / "requirements-dev.txt")
    for name, parts in PARTS.items():
        pinned = _pins(root / name)
        for requirement in (each for part in parts for each in asked[part]):
            yield from _unmet(name, requirement, pinned)
        for package, version in pinned.items():
            if everything.get(package) != version:
                yield f"{name}: {package}=={version} differs from requirements-dev.txt"


def _asked(root: Path) -> dict[str, list[Requirement]]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    lists = {
        "dependencies": project["project"]["dependencies"],
        **project["project"].get("optional-dependencies", {}),
        **project["dependency-groups"],
    }
    return {part: [Requirement(text) for text in texts] for part, texts in lists.items()}


def _pins(file: Path) -> Pins:
    found = PIN.findall(file.read_text(encoding="utf-8"))
    return {canonicalize_name(name): Version(version) for name, version in found}


def _unmet(file: str, requirement: Requirement, pinned: Pins) -> Iterator[str]:
    version = pinned.get(canonicalize_name(requirement.name))
    if version is None:
        yield f"{file}: {requirement.name} is missing; run scripts/lock"
    elif not requirement.specifier.contains(version, prereleases=True):
        yield f"{file}: {requirement.name}=={version} is not {requirement}; run scripts/lock"


if __name__ == "__main__":
    sys.exit(main())
