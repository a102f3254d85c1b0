"""Commits that are made here carry a signature that Git itself accepts."""

import subprocess
from pathlib import Path

import pytest

from app.errors import GitError
from app.git import location
from app.git.draft import Draft, Person
from app.git.mirror import Mirror
from app.git.refs import PENDING
from app.git.revert import revert
from app.git.signing import SigningKey
from app.git.writer import Writer
from tests.git.conftest import MakeMirror
from tests.git.scratch import Scratch

ANN, BOT = Person("Ann", "ann@example.org"), Person("Headwater", "bot@example.org")


def draft(content: bytes, message: str = "A change\n\nwith a body") -> Draft:
    return Draft({"a": content}, message, ANN, [("Changeset", "1")])


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    file = tmp_path / "signing"
    make_key(file)
    return SigningKey(file)


def make_key(file: Path, passphrase: str = "") -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "bot", "-f", str(file)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def verdict(scratch: Scratch, key: SigningKey, sha: str) -> str:
    """Return what Git says of a commit's signature."""
    signers = scratch.path / "signers"
    public = key.file.with_suffix(".pub").read_text()
    signers.write_text(f'bot@example.org namespaces="git" {public}')
    settings = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={signers}")
    return scratch.git(*settings, "log", "-1", "--format=%G? %GS", sha)


def test_git_accepts_the_signature(mirror: Mirror, scratch: Scratch, key: SigningKey) -> None:
    scratch.commit({"a": b"0"})
    mirror.fetch()
    writer = Writer(mirror, BOT, signing=key)
    sha = writer.change("main", lambda _: draft(b"1"))
    assert verdict(scratch, key, sha) == "G bot@example.org"
    assert scratch.git("log", "-1", "--format=%B", sha).endswith("Changeset: 1")
    assert scratch.git("fsck", "--strict", check=False) == ""
    mirror.fetch()
    undone = revert(writer, mirror, [sha], onto=sha, draft=draft(b"", "Undo"))
    writer.publish("main", undone, expected=sha)
    assert verdict(scratch, key, undone) == "G bot@example.org"
    assert mirror.refs.below(PENDING) == {}


def test_an_unsigned_writer(mirror: Mirror, scratch: Scratch, key: SigningKey) -> None:
    scratch.commit({"a": b"0"})
    mirror.fetch()
    sha = Writer(mirror, BOT).change("main", lambda _: draft(b"1"))
    assert verdict(scratch, key, sha).strip() == "N"


def test_a_sha256_repository(make_mirror: MakeMirror, tmp_path: Path, key: SigningKey) -> None:
    scratch = Scratch(tmp_path / "long.git", object_format="sha256")
    scratch.commit({"a": b"0"})
    mirror = make_mirror(location.local(scratch.path), "long")
    mirror.fetch()
    sha = Writer(mirror, BOT, signing=key).change("main", lambda _: draft(b"1"))
    assert len(sha) == 64
    assert verdict(scratch, key, sha) == "G bot@example.org"


def test_a_key_that_cannot_be_used(mirror: Mirror, scratch: Scratch, tmp_path: Path) -> None:
    base = scratch.commit({"a": b"0"})
    mirror.fetch()
    locked = tmp_path / "locked"
    make_key(locked, "a passphrase")
    for file in (locked, tmp_path / "missing"):
        writer = Writer(mirror, BOT, signing=SigningKey(file))
        with pytest.raises(GitError, match="without a passphrase") as caught:
            writer.change("main", lambda _: draft(b"1"))
        assert str(tmp_path) not in caught.value.message.split(":")[0]
    assert scratch.tip() == base
