"""SSH signatures of the commits that are made here, as `git commit -S` with `gpg.format=ssh`.

`git fast-import` signs nothing, so that a commit is signed after it was written: the signature is a
header of the commit over all of the rest (gitformat-signature(5)).
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.errors import GitError
from app.git.failures import scrub

_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key of OpenSSH without a passphrase."""

    file: Path

    def signed(self, commit: bytes, *, is_sha256: bool = False) -> bytes:
        """Return the bytes of a commit object with our signature among its headers.

        Raises:
            GitError: when the key cannot be used.
        """
        head, blank, message = commit.partition(b"\n\n")
        name = b"gpgsig-sha256" if is_sha256 else b"gpgsig"
        signature = self._signature(commit).rstrip(b"\n").replace(b"\n", b"\n ")
        return head + b"\n" + name + b" " + signature + blank + message

    def _signature(self, data: bytes) -> bytes:
        command = ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", str(self.file)]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "SSH_ASKPASS_REQUIRE": "never"}
        try:
            done = subprocess.run(
                command,
                input=data,
                env=environment,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                start_new_session=True,  # no terminal that could be asked for a passphrase
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GitError(
                f"Commits cannot be signed: ssh-keygen: {type(error).__name__}"
            ) from error
        if done.returncode or not done.stdout.startswith(b"-----BEGIN SSH SIGNATURE-----"):
            reason = scrub(done.stderr.decode("utf-8", "replace"))
            message = (
                f"Commits cannot be signed by signing_key_file {self.file.name}: {reason};"
                " it must be an OpenSSH private key without a passphrase"
            )
            raise GitError(message)
        return done.stdout
