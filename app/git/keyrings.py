"""Keys that may sign commits, made ready for Git: fingerprints, and folders of OpenPGP keys."""

import base64
import binascii
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from app.errors import BadRequest

_SECONDS = 30.0
_KEY_TYPE = re.compile(r"(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+\Z")
# Whatever is in a folder of ours was listed by the operator: it needs no web of trust.
_OPTIONS = "trust-model always\nno-auto-key-retrieve\nno-auto-key-locate\nno-autostart\nbatch\n"


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where the keys of a source are listed."""

    ssh: Path | None = None
    """OpenSSH `allowed_signers`."""
    pgp: Path | None = None
    """OpenPGP public keys."""
    forge: Path | None = None
    """OpenPGP public keys of the forge itself."""
    rules: str = ""
    """What else decides who is accepted."""

    def version(self) -> str:
        """Return what is another one as soon as a key is added, changed or removed (blocking).

        Raises:
            BadRequest: when a file cannot be read.
        """
        digest = hashlib.sha256(self.rules.encode())
        for file in (self.ssh, self.pgp, self.forge):
            data = b"-" if file is None else _read(file)
            digest.update(b"%d:%s" % (len(data), data))
        return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of a source at one version of their files."""

    version: str
    signers: Path | None
    """`allowed_signers`"""
    home: Path
    """GNUPGHOME of the keys that may sign; without any it is empty."""
    forge_home: Path | None
    """GNUPGHOME of the forge's own keys."""
    fingerprints: frozenset[str]
    forge_fingerprints: frozenset[str]

    @classmethod
    def prepare(cls, files: KeyFiles, folder: Path) -> "Keyring":
        """Make the keys ready below `folder` (blocking).

        Raises:
            BadRequest: when a file cannot be read, or holds no keys.
        """
        version = files.version()
        signers, known = None, frozenset[str]()
        if files.ssh is not None:
            data = _read(files.ssh)
            known = ssh_fingerprints(data.decode("utf-8", "replace"))
            signers = _placed(folder, f"signers-{_digest(data)}", data)
        home = _imported(files.pgp, folder)
        forge_home = _imported(files.forge, folder)
        mine = known | (_pgp_fingerprints(home) if home else frozenset())
        theirs = _pgp_fingerprints(forge_home) if forge_home else frozenset()
        empty = folder / "none"
        empty.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(version, signers, home or empty, forge_home, mine, theirs)


def ssh_fingerprints(text: str) -> frozenset[str]:
    """Return the fingerprints of the keys that `allowed_signers` lists; authorities are none.

    Raises:
        BadRequest: naming the line that cannot be read.
    """
    found = set()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#") or "cert-authority" in line.split('"')[0].split():
            continue
        place = next((n for n, word in enumerate(words) if _KEY_TYPE.match(word)), None)
        try:
            key = base64.b64decode(words[place + 1], validate=True) if place else b""
        except (IndexError, binascii.Error):
            key = b""
        if not key:
            raise BadRequest(f"ssh_signers_file: line {number} holds no key")
        digest = base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
        found.add(f"SHA256:{digest}")
    return frozenset(found)


def _imported(file: Path | None, folder: Path) -> Path | None:
    """Return a GNUPGHOME that holds the keys of a file, and none else."""
    if file is None:
        return None
    data = _read(file)
    home = folder / f"pgp-{_digest(data)}"
    if home.is_dir():
        return home
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=folder, prefix="new-") as made:
        fresh = Path(made) / "home"
        fresh.mkdir(mode=0o700)
        (fresh / "gpg.conf").write_text(_OPTIONS, encoding="ascii")
        _gpg(fresh, ["--import"], data)
        if not _pgp_fingerprints(fresh):
            raise BadRequest(f"{file.name} holds no OpenPGP public keys that gpg can read")
        if not home.is_dir():  # another process may have been faster
            shutil.move(fresh, home)
    return home


def _pgp_fingerprints(home: Path) -> frozenset[str]:
    listing = _gpg(home, ["--with-colons", "--list-keys"], b"")
    fields = (line.split(":") for line in listing.splitlines())
    return frozenset(each[9] for each in fields if each[0] == "fpr" and len(each) > 9)


def _gpg(home: Path, arguments: list[str], data: bytes) -> str:
    """Return what gpg prints.

    Its exit code counts for nothing: it asks for an agent after an import, and complains where the
    path of the folder is too long for a socket.
    """
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GNUPGHOME": str(home),
        "HOME": str(home),
        "LC_ALL": "C",
    }
    try:
        done = subprocess.run(
            ["gpg", "--no-tty", *arguments],
            input=data,
            env=environment,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadRequest(f"OpenPGP keys cannot be read: gpg: {type(error).__name__}") from error
    return done.stdout.decode("utf-8", "replace")


def _placed(folder: Path, name: str, data: bytes) -> Path:
    """Return a copy of a file: it must not change while commits are judged by it."""
    place = folder / name
    if not place.is_file():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=folder, prefix="new-", delete=False) as made:
            made.write(data)
        Path(made.name).replace(place)
    return place


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadRequest(f"The keys in {file} cannot be read: {error.strerror}") from error


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
