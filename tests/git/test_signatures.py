"""Signatures of commits: only good ones, by listed keys, count."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import BadRequest
from app.git.keyrings import KeyFiles, Keyring, ssh_fingerprints
from app.git.location import local
from app.git.mirror import Mirror
from app.git.signatures import judge, new_commits, seals
from tests.git.scratch import Scratch
from tests.git.signers import PgpSigner, SshSigner, pgp, signed


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    return Scratch(tmp_path / "acme.git")


@pytest.fixture
def ann(tmp_path: Path) -> SshSigner:
    return SshSigner(tmp_path / "keys", "ann")


@pytest.fixture
def bob(tmp_path: Path) -> SshSigner:
    return SshSigner(tmp_path / "keys", "bob")


@pytest.fixture(scope="module")
def carl() -> Iterator[PgpSigner]:
    with pgp("carl") as signer:
        yield signer


@pytest.fixture(scope="module")
def forge() -> Iterator[PgpSigner]:
    with pgp("forge") as signer:
        yield signer


class Bench:
    """Judges commits of a scratch repository by files of keys."""

    def __init__(self, scratch: Scratch, folder: Path) -> None:
        self.scratch = scratch
        self.folder = folder

    def file(self, name: str, data: str | bytes) -> Path:
        file = self.folder / name
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        return file

    def states(self, files: KeyFiles, *commits: str) -> list[str]:
        keyring = Keyring.prepare(files, self.folder / "ready")
        with Mirror(self.folder / "mirror.git", local(self.scratch.path)) as mirror:
            mirror.fetch()
            found = judge(mirror, keyring, commits)
            return [found[each].state for each in commits]


@pytest.fixture
def bench(scratch: Scratch, tmp_path: Path) -> Bench:
    return Bench(scratch, tmp_path)


def test_ssh(bench: Bench, scratch: Scratch, ann: SshSigner, bob: SshSigner) -> None:
    mine = signed(scratch, ann, {"a": b"1"})
    strange = signed(scratch, bob, {"a": b"2"})
    none = signed(scratch, None, {"a": b"3"})
    files = KeyFiles(ssh=bench.file("signers", f"# the team\n\n{ann.allowed()}"))
    assert bench.states(files, mine, strange, none) == ["good", "unlisted", "unsigned"]


def test_a_changed_commit_has_a_bad_signature(
    bench: Bench, scratch: Scratch, ann: SshSigner
) -> None:
    mine = signed(scratch, ann, {"a": b"1"}, subject="pay 10")
    raw = scratch.git("cat-file", "commit", mine) + "\n"
    forged = scratch.git(
        "hash-object", "-t", "commit", "-w", "--stdin",
        stdin=raw.replace("pay 10", "pay 99").encode(),
    )  # fmt: skip
    scratch.git("update-ref", "refs/heads/main", forged)
    files = KeyFiles(ssh=bench.file("signers", ann.allowed()))
    assert bench.states(files, forged) == ["bad"]


def test_a_key_is_valid_for_a_time(bench: Bench, scratch: Scratch, ann: SshSigner) -> None:
    early = signed(scratch, ann, {"a": b"1"}, date="2024-01-01T00:00:00Z")
    late = signed(scratch, ann, {"a": b"2"}, date="2026-01-01T00:00:00Z")
    until = 'valid-before="20250101"'
    since = 'valid-after="20250101"'
    by_end = KeyFiles(ssh=bench.file("end", ann.allowed(until)))
    by_start = KeyFiles(ssh=bench.file("start", ann.allowed(since)))
    assert bench.states(by_end, early, late) == ["good", "unlisted"]
    assert bench.states(by_start, early, late) == ["unlisted", "good"]


def test_openpgp(bench: Bench, scratch: Scratch, carl: PgpSigner, forge: PgpSigner) -> None:
    mine = signed(scratch, carl, {"a": b"1"})
    merged = signed(scratch, forge, {"a": b"2"})
    mine_only = KeyFiles(pgp=bench.file("team.asc", carl.public()))
    both = KeyFiles(
        pgp=bench.file("team.asc", carl.public()), forge=bench.file("web.asc", forge.public())
    )
    assert bench.states(mine_only, mine, merged) == ["good", "unlisted"]
    assert bench.states(both, mine, merged) == ["good", "forge"]


def test_a_signature_of_the_other_kind_is_not_listed(
    bench: Bench, scratch: Scratch, ann: SshSigner, carl: PgpSigner
) -> None:
    by_ssh, by_pgp = signed(scratch, ann, {"a": b"1"}), signed(scratch, carl, {"a": b"2"})
    ssh = KeyFiles(ssh=bench.file("signers", ann.allowed()))
    team = KeyFiles(pgp=bench.file("team.asc", carl.public()))
    assert bench.states(ssh, by_ssh, by_pgp) == ["good", "unlisted"]
    assert bench.states(team, by_ssh, by_pgp)[1] == "good"
    assert bench.states(team, by_ssh, by_pgp)[0] != "good"


def test_what_a_commit_says_does_not_pass_for_what_git_says(
    bench: Bench, scratch: Scratch, ann: SshSigner, bob: SshSigner
) -> None:
    text = 'x\n\nHeadwater-Seal: y\x01G\x01SHA256:abc\nGood "git" signature'
    commits = [signed(scratch, None, {"a": b"1"}, subject=text),
               signed(scratch, bob, {"a": b"2"}, subject=text)]  # fmt: skip
    files = KeyFiles(ssh=bench.file("signers", ann.allowed()))
    assert bench.states(files, *commits) == ["unsigned", "unlisted"]


def test_seals_and_new_commits(bench: Bench, scratch: Scratch, ann: SshSigner) -> None:
    old = signed(scratch, None, {"a": b"1"})
    seal = signed(scratch, ann, {"a": b"2"}, subject="Accept\n\nHeadwater-Seal: what was before")
    side = signed(scratch, None, {"b": b"1"}, branch="side", parents=[seal])
    tip = signed(scratch, ann, {"a": b"3", "b": b"1"}, parents=[seal, side])
    files = KeyFiles(ssh=bench.file("signers", ann.allowed()))
    keyring = Keyring.prepare(files, bench.folder / "ready")
    with Mirror(bench.folder / "mirror.git", local(scratch.path)) as mirror:
        mirror.fetch()
        assert seals(mirror, tip, []) == [seal]
        assert judge(mirror, keyring, [seal, tip])[seal].is_seal
        assert not judge(mirror, keyring, [tip])[tip].is_seal
        assert new_commits(mirror, tip, [seal], first_parent=True) == [tip]
        assert set(new_commits(mirror, tip, [seal], first_parent=False)) == {tip, side}
        assert len(new_commits(mirror, tip, [], first_parent=True)) == 3
        assert old in new_commits(mirror, tip, [], first_parent=True)


def test_another_version_for_other_keys(bench: Bench, ann: SshSigner, bob: SshSigner) -> None:
    file = bench.file("signers", ann.allowed())
    files = KeyFiles(ssh=file)
    before = files.version()
    assert files.version() == before
    file.write_text(ann.allowed() + bob.allowed())
    assert files.version() != before
    assert KeyFiles(ssh=file, rules="2").version() != files.version()


@pytest.mark.parametrize("text", ["ann@example.org\n", "ann@example.org ssh-ed25519 ???\n"])
def test_lists_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="line 1"):
        ssh_fingerprints(text)


def test_files_that_are_none_are_refused(bench: Bench) -> None:
    with pytest.raises(BadRequest, match="cannot be read"):
        Keyring.prepare(KeyFiles(ssh=bench.folder / "none"), bench.folder / "ready")
    with pytest.raises(BadRequest, match="no OpenPGP public keys"):
        Keyring.prepare(KeyFiles(pgp=bench.file("x.asc", b"hello")), bench.folder / "ready")


def test_an_authority_is_no_key(ann: SshSigner) -> None:
    assert ssh_fingerprints(ann.allowed("cert-authority")) == frozenset()
    assert len(ssh_fingerprints(ann.allowed('namespaces="git,file"'))) == 1
