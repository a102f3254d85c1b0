"""GitHub's published API description and webhook payloads, for tests: fetched by npm, kept apart.

Nothing of it is part of this repository. `python scripts/github_material.py` makes it ready and
prints its folder; tests do the same when they need it first.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = {"@octokit/openapi": "23.0.2", "@octokit/webhooks-examples": "7.6.1"}
KEPT = {
    "openapi.json": "@octokit/openapi/generated/api.github.com.json",
    "webhooks.json": "@octokit/webhooks-examples/api.github.com/index.json",
}
INSTALL = "scripts/github_material.py needs npm (Debian: apt-get install npm) and its registry"
SECONDS = 300


class MaterialError(RuntimeError):
    """The packages cannot be had."""


def folder() -> Path:
    """Return the folder with `openapi.json` and `webhooks.json`, made if need be.

    Raises:
        MaterialError: when npm, or a package, is not to be had.
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headwater"
    versions = "-".join(PACKAGES.values())
    place = caches / f"github-{versions}"
    if not place.is_dir():
        caches.mkdir(parents=True, exist_ok=True)
        with (caches / "github.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not place.is_dir():
                _fetch(caches, place)
    return place


def _fetch(caches: Path, place: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise MaterialError(INSTALL)
    with tempfile.TemporaryDirectory(dir=caches) as work:
        wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save"]
        command = [npm, "install", *quiet, "--prefix", work, *wanted]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
        if done.returncode:
            raise MaterialError(f"{INSTALL}: {done.stderr.strip()[-500:]}")
        kept = Path(work) / "kept"
        kept.mkdir()
        for name, path in KEPT.items():
            shutil.move(Path(work) / "node_modules" / path, kept / name)
        kept.rename(place)


if __name__ == "__main__":
    try:
        print(folder())
    except MaterialError as error:
        sys.exit(str(error))
