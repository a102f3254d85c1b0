"""A bare repository that tests write with plain Git, apart from the code under test."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

Content = bytes | tuple[str, str | bytes] | None
"""Bytes of a regular file, (mode, bytes or, for a submodule, commit), or None: deleted."""


def plain_environment() -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Ann",
        "GIT_AUTHOR_EMAIL": "ann@example.org",
        "GIT_COMMITTER_NAME": "Ann",
        "GIT_COMMITTER_EMAIL": "ann@example.org",
    }


class Scratch:
    def __init__(self, path: Path, *, object_format: str = "sha1") -> None:
        self.path = path
        self.clock = 1_700_000_000
        path.mkdir(parents=True)
        self.git("init", "-q", "--bare", "-b", "main", f"--object-format={object_format}")

    def git(self, *args: str, stdin: bytes = b"", check: bool = True) -> str:
        done = subprocess.run(
            ["git", *args],
            cwd=self.path,
            env=plain_environment(),
            input=stdin,
            capture_output=True,
            check=False,
            timeout=60,
        )
        if check and done.returncode:
            raise AssertionError(done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def commit(
        self,
        changes: Mapping[str, Content],
        *,
        branch: str = "main",
        parents: Sequence[str] | None = None,
        subject: str = "A change",
        author: str = "Ann <ann@example.org>",
    ) -> str:
        """Commit on a branch (on its tip when there are no `parents`) and return the id."""
        self.clock += 60
        ref = f"refs/heads/{branch}"
        if parents is None:
            tip = self.git("rev-parse", "-q", "--verify", ref, check=False)
            parents = [tip] if tip else []
        else:
            self.git("update-ref", "-d", ref)
        message = subject.encode()
        parts = [
            f"commit {ref}\nmark :1\nauthor {author} {self.clock} +0100\n"
            f"committer {author} {self.clock} +0000\ndata {len(message)}\n".encode(),
            message + b"\n",
        ]
        for word, parent in zip(["from", *["merge"] * len(parents)], parents, strict=False):
            parts.append(f"{word} {parent}\n".encode())
        for path, content in changes.items():
            parts.append(_modify(path, content))
        parts.append(b"\nget-mark :1\n")
        return self.git("fast-import", "--quiet", "--force", stdin=b"".join(parts))

    def tip(self, branch: str = "main") -> str:
        return self.git("rev-parse", f"refs/heads/{branch}")


def loosen(folder: Path) -> None:
    """Turn the packs of a repository into loose objects, which can be damaged one by one."""
    for pack in list(folder.glob("objects/pack/*.pack")):
        aside = folder / pack.name
        pack.rename(aside)
        pack.with_suffix(".idx").unlink()
        subprocess.run(
            ["git", "unpack-objects", "-q"],
            cwd=folder,
            env=plain_environment(),
            input=aside.read_bytes(),
            check=True,
        )
        aside.unlink()


def _modify(path: str, content: Content) -> bytes:
    quoted = path.encode("utf-8", "surrogateescape").replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    name = b'"' + b"".join(bytes([c]) if c >= 32 else b"\\%03o" % c for c in quoted) + b'"'
    if content is None:
        return b"D %s\n" % name
    mode, data = content if isinstance(content, tuple) else ("100644", content)
    if mode == "160000":
        assert isinstance(data, str)
        return b"M 160000 %s %s\n" % (data.encode(), name)
    assert isinstance(data, bytes)
    return b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), name, len(data), data)
