"""A real OpenID Connect provider for tests: `oidc-provider`, fetched by npm, kept apart.

Nothing of it is part of this repository. `python scripts/oidc_provider.py` makes it ready and
prints its folder; tests do the same when they need it first.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE, VERSION = "oidc-provider", "9.13.3"
INSTALL = "scripts/oidc_provider.py needs npm (Debian: apt-get install npm) and its registry"
SECONDS = 300


class ProviderError(RuntimeError):
    """The package cannot be had."""


def folder() -> Path:
    """Return the folder whose `node_modules` hold the provider, made if need be.

    Raises:
        ProviderError: when node, npm or the package is not to be had.
    """
    if shutil.which("node") is None:
        raise ProviderError(INSTALL)
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headwater"
    place = caches / f"{PACKAGE}-{VERSION}"
    if not place.is_dir():
        caches.mkdir(parents=True, exist_ok=True)
        with (caches / f"{PACKAGE}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not place.is_dir():
                _fetch(caches, place)
    return place


def _fetch(caches: Path, place: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ProviderError(INSTALL)
    with tempfile.TemporaryDirectory(dir=caches) as work:
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save"]
        kept = Path(work) / "kept"
        kept.mkdir()
        command = [npm, "install", *quiet, "--prefix", str(kept), f"{PACKAGE}@{VERSION}"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
        if done.returncode:
            raise ProviderError(f"{INSTALL}: {done.stderr.strip()[-500:]}")
        kept.rename(place)


if __name__ == "__main__":
    try:
        print(folder())
    except ProviderError as error:
        sys.exit(str(error))
