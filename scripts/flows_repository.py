"""The demo's repository of flows: a bare one as the remote, a clone to work in, a push hook."""

import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "flows-repo-template"
BRANCH = "main"
HOOK_KEY = "demo"
# The first commit's author, and whoever commits in the clone without a name of their own.
NAME, EMAIL = "Headwater Demo", "demo@headwater.example"


class RepositoryError(Exception):
    """The demo's repository cannot be made or used; the message says why and what to do."""


@dataclass(frozen=True)
class FlowsRepository:
    """`remote` is the bare repository that Headwater follows, `clone` the folder to edit in."""

    remote: Path
    clone: Path

    def secret(self) -> str:
        """Return the secret that signs the hook's deliveries, the same at every start."""
        return str(json.loads((self.remote / "webhook.json").read_text("utf-8"))["secret"])

    def tell(self, base: str) -> None:
        """Have pushes delivered to the service at `base` from now on."""
        hook = {"url": f"{base}/api/v1/hooks/git/{HOOK_KEY}", "secret": self._known_secret()}
        file = self.remote / "webhook.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(hook), encoding="utf-8")

    def _known_secret(self) -> str:
        return self.secret() if (self.remote / "webhook.json").exists() else secrets.token_hex(32)

    def move_ports(self, old: Mapping[str, int], new: Mapping[str, int]) -> None:
        """Point the flows at other ports of the demo services, as a commit like any other.

        Raises:
            RepositoryError: the clone has changes that stand in the way.
        """
        if git(self.clone, "status", "--porcelain"):
            raise RepositoryError(
                f"a port of the demo services ({_listed(old)}) is taken and the flows must change, "
                f"but {self.clone} has changes that are not committed; commit them or free the port"
            )
        git(self.clone, "pull", "--quiet", "--ff-only", "origin", BRANCH)
        if replace_ports(self.clone, old, new):
            git(
                self.clone,
                "commit",
                "--quiet",
                "--all",
                "-m",
                "Move the demo services to free ports",
            )
            git(self.clone, "push", "--quiet", "origin", f"HEAD:{BRANCH}")


def open_repository(
    folder: Path, ports: Mapping[str, int], defaults: Mapping[str, int]
) -> FlowsRepository:
    """Return the repository in `folder`; the first time, make it from the template.

    Raises:
        RepositoryError: Git is missing, or the folder holds something else.
    """
    if not shutil.which("git"):
        raise RepositoryError(
            "git is needed and was not found on the PATH; install it and try again"
        )
    repository = FlowsRepository(folder / "remote.git", folder / "flows")
    if not repository.remote.is_dir():
        if repository.clone.exists():
            raise RepositoryError(
                f"{repository.clone} is in the way; --data chooses another folder"
            )
        _make_remote(repository.remote, ports, defaults)
    if not repository.clone.is_dir():
        git(folder, "clone", "--quiet", str(repository.remote), str(repository.clone))
        _name_the_author(repository.clone)
    _install_hook(repository.remote)
    return repository


def _make_remote(remote: Path, ports: Mapping[str, int], defaults: Mapping[str, int]) -> None:
    # Made aside and moved into place, so that a run that was cut short leaves no half of it.
    with tempfile.TemporaryDirectory(dir=remote.parent) as aside:
        work, bare = Path(aside) / "work", Path(aside) / "remote.git"
        shutil.copytree(TEMPLATE, work)
        replace_ports(work, defaults, ports)
        git(work, "init", "--quiet", f"--initial-branch={BRANCH}", "--template=")
        _name_the_author(work)
        git(work, "add", "--all", "--force")
        git(work, "commit", "--quiet", "-m", "Add the order flow and a greeting")
        git(work, "clone", "--quiet", "--bare", "--template=", ".", str(bare))
        git(bare, "remote", "remove", "origin")
        bare.rename(remote)


def _name_the_author(repository: Path) -> None:
    """Let commits work on a machine where nobody told Git a name yet."""
    for key, value in (("user.name", NAME), ("user.email", EMAIL)):
        if not git(repository, "config", "--default", "", "--get", key):
            git(repository, "config", key, value)


def _install_hook(remote: Path) -> None:
    program = Path(__file__).with_name("post_receive.py")
    hook = remote / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        f"#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(program))}\n",
        encoding="utf-8",
    )
    hook.chmod(0o755)
    # A hooks folder in the user's own configuration must not take the place of ours.
    git(remote, "config", "core.hooksPath", str(hook.parent))


def replace_ports(folder: Path, old: Mapping[str, int], new: Mapping[str, int]) -> bool:
    """Rewrite the loopback addresses of the services in every flow below `folder`."""
    moves = {f"//127.0.0.1:{old[name]}": f"//127.0.0.1:{new[name]}" for name in old}
    changed = False
    for file in (folder / "tenants").rglob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        lines = [_replace_one(line, moves) for line in text.splitlines(keepends=True)]
        if (rewritten := "".join(lines)) != text:
            file.write_text(rewritten, encoding="utf-8")
            changed = True
    return changed


def _replace_one(line: str, moves: Mapping[str, str]) -> str:
    """Replace the first address that occurs, so that a new port is not taken for an old one."""
    found = next((address for address in moves if address in line), None)
    return line.replace(found, moves[found]) if found else line


def head(repository: Path) -> tuple[str, str, str]:
    """Return sha, author and subject of the branch's tip."""
    shown = git(repository, "log", "-1", "--format=%H%x00%an%x00%s", BRANCH)
    sha, author, subject = shown.split("\0")
    return sha, author, subject


def git(folder: Path, *arguments: str) -> str:
    """Run Git in `folder`; return what it printed.

    Raises:
        RepositoryError: Git says no; the message is its own.
    """
    command = ["git", "-c", "commit.gpgsign=false", *arguments]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    done = subprocess.run(
        command, cwd=folder, check=False, capture_output=True, text=True, env=environment
    )
    if done.returncode != 0:
        said = done.stderr.strip() or done.stdout.strip()
        raise RepositoryError(f"git {arguments[0]} in {folder} failed: {said}")
    return done.stdout.strip()


def _listed(ports: Mapping[str, int]) -> str:
    return ", ".join(str(port) for port in ports.values())
