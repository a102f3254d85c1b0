"""A real SSH server: stock sshd with a key that may read only, and one that may push."""

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.git.location import SshKey


@dataclass
class SshServer:
    url: str
    key: SshKey
    push_key: SshKey
    folder: Path


def sshd() -> str | None:
    """Return the program, None where there is none: apt-get install openssh-server."""
    return shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")


def make_key(path: Path) -> str:
    """Make a key without a passphrase; return its public half."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True)
    return path.with_suffix(".pub").read_text()


@contextlib.contextmanager
def ssh_serving(program: str, folder: Path, repository: Path, port: int) -> Iterator[SshServer]:
    """Serve a repository by ssh on loopback; the server is ended by its pid."""
    folder.mkdir()
    Path("/run/sshd").mkdir(exist_ok=True)
    host, deploy, push = (make_key(folder / name) for name in ("host", "deploy", "push"))
    reads = f"git-upload-pack '{repository}'"
    # Whatever is asked for: a deploy key that may write is asked by two commands.
    writes = f"case $SSH_ORIGINAL_COMMAND in git-receive-pack*) git-receive-pack '{repository}';;"
    writes += f" *) {reads};; esac"
    keys = folder / "authorized_keys"
    keys.write_text(f'restrict,command="{reads}" {deploy}restrict,command="{writes}" {push}')
    keys.chmod(0o600)
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile {folder}/pid\n"
        f"AuthorizedKeysFile {keys}\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "UsePAM no\nStrictModes no\nPermitRootLogin yes\n"
    )
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host}")
    log = folder / "log"
    command = [program, "-D", "-f", str(folder / "sshd_config"), "-E", str(log)]
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 20
        while "listening" not in (log.read_text() if log.exists() else ""):
            assert time.monotonic() < deadline, "sshd does not start"
            threading.Event().wait(0.05)
        known = folder / "known_hosts"
        url = f"ssh://root@127.0.0.1:{port}{repository}"
        yield SshServer(
            url, SshKey(folder / "deploy", known), SshKey(folder / "push", known), folder
        )
    finally:
        process.terminate()
        process.wait()
