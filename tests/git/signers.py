"""Keys that sign commits of scratch repositories, by plain Git, ssh-keygen and gpg."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.git.scratch import Content, Scratch, plain_environment


class SshSigner:
    """A fresh OpenSSH key."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.file = folder / name
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.file)]
        subprocess.run(command, check=True, capture_output=True)

    def allowed(self, options: str = "") -> str:
        """Return the key's line of `allowed_signers`."""
        kind, key, *_ = self.file.with_suffix(".pub").read_text().split()
        return f"{self.name}@example.org {options} {kind} {key}\n"

    @property
    def settings(self) -> Sequence[str]:
        return ("gpg.format=ssh", f"user.signingkey={self.file}")

    @property
    def environment(self) -> dict[str, str]:
        return plain_environment()


class PgpSigner:
    """A fresh OpenPGP key in a folder of its own."""

    def __init__(self, home: Path, name: str, *, expires: str = "never") -> None:
        self.home = home
        self.address = f"{name}@example.org"
        self._gpg("--quick-generate-key", f"{name} <{self.address}>", "ed25519", "sign", expires)

    def public(self) -> bytes:
        """Return the public key, armored."""
        return self._gpg("--armor", "--export", self.address)

    @property
    def settings(self) -> Sequence[str]:
        return ("gpg.format=openpgp", f"user.signingkey={self.address}")

    @property
    def environment(self) -> dict[str, str]:
        return {**plain_environment(), "GNUPGHOME": str(self.home), "HOME": str(self.home)}

    def _gpg(self, *arguments: str) -> bytes:
        command = ["gpg", "--batch", "--passphrase", "", "--pinentry-mode", "loopback", *arguments]
        done = subprocess.run(command, env=self.environment, check=True, capture_output=True)
        return done.stdout


@contextmanager
def pgp(name: str) -> Iterator[PgpSigner]:
    """Make an OpenPGP key; its agent ends with the block. A socket's path has to be short."""
    home = Path(tempfile.mkdtemp(prefix="hw-", dir="/tmp"))
    signer = PgpSigner(home, name)
    try:
        yield signer
    finally:
        kill = ["gpgconf", "--homedir", str(home), "--kill", "all"]
        subprocess.run(kill, env=signer.environment, check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


def signed(
    scratch: Scratch,
    signer: SshSigner | PgpSigner | None,
    changes: Mapping[str, Content],
    *,
    subject: str = "A change",
    branch: str = "main",
    parents: Sequence[str] | None = None,
    date: str = "",
) -> str:
    """Commit on a branch as `scratch.commit` does, signed by somebody (or nobody)."""
    made = scratch.commit(changes, branch=branch, parents=parents)
    before = scratch.git("log", "-1", "--format=%P", made).split()
    options = [part for each in signer.settings for part in ("-c", each)] if signer else []
    environment = signer.environment if signer else plain_environment()
    when = date or f"{scratch.clock} +0000"
    command = ["git", *options, "commit-tree", *(["-S"] if signer else []), f"{made}^{{tree}}"]
    command += [part for parent in before for part in ("-p", parent)]
    done = subprocess.run(
        command,
        cwd=scratch.path,
        env={**environment, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when},
        input=subject.encode(),
        check=True,
        capture_output=True,
    )
    sha = done.stdout.decode().strip()
    scratch.git("update-ref", f"refs/heads/{branch}", sha)
    return sha
