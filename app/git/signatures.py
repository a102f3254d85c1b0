"""Signatures of commits: who signed what, judged by Git against keys that the operator listed.

Accepted is only what Git calls good (`%G?` is `G`) **and** whose fingerprint is listed. For a good
signature by a stranger Git prints `Good "git" signature`, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from app.git.environment import hardened
from app.git.keyrings import Keyring
from app.git.mirror import Mirror
from app.git.names import check_oid
from app.git.process import Launcher
from app.git.repository import ok

SEAL = "Headwater-Seal"
"""The trailer of a commit that accepts everything before it."""

GOOD, FORGE = "good", "forge"
UNSIGNED, UNLISTED, BAD, EXPIRED, REVOKED = "unsigned", "unlisted", "bad", "expired", "revoked"

_STATES: Mapping[str, str] = {
    "G": GOOD, "B": BAD, "U": UNLISTED, "X": EXPIRED, "Y": EXPIRED, "R": REVOKED, "E": UNLISTED,
    "N": UNSIGNED,
}  # fmt: skip
# What a commit says comes last: whatever it holds cannot pass for what Git says.
_FIELDS = ("%H", "%G?", "%GF", "%GP", f"%(trailers:key={SEAL},valueonly)", "%GS")
_SHAPE = "--format=tformat:" + "%x01".join(_FIELDS)
_BATCH = 100
_SECONDS_EACH = 2.0
_MOST_SEALS = 50


class Verdict(NamedTuple):
    """What became of a commit's signature.

    `state`: good | forge (good, by a key of the forge) | unsigned | unlisted | bad | expired |
    revoked. `signer` is the name that the key's owner gives, or its fingerprint.
    """

    state: str
    signer: str = ""
    is_seal: bool = False


def judge(mirror: Mirror, keyring: Keyring, commits: Sequence[str]) -> dict[str, Verdict]:
    """Return commit -> verdict (blocking, some 20 ms a commit)."""
    found = dict(_judged(_launcher(mirror, keyring, forge=False), keyring.fingerprints, commits))
    if keyring.forge_home is None:
        return found
    strangers = [sha for sha, each in found.items() if each.state == UNLISTED]
    forge = _launcher(mirror, keyring, forge=True)
    for sha, verdict in _judged(forge, keyring.forge_fingerprints, strangers):
        if verdict.state == GOOD:  # a seal is the operator's word, never the forge's
            found[sha] = Verdict(FORGE, verdict.signer)
    return found


def new_commits(
    mirror: Mirror, tip: str, exclude: Sequence[str], *, first_parent: bool
) -> list[str]:
    """Return the commits that `tip` reaches and none of `exclude` does, newest first (blocking)."""
    options = ["--first-parent"] if first_parent else []
    without = [f"^{check_oid(each)}" for each in exclude]
    git = mirror.repository.git
    outcome = git.rev_list(*options, check_oid(tip), *without)
    text: str = ok(outcome, "Listing commits").text
    return text.split()


def seals(mirror: Mirror, tip: str, exclude: Sequence[str]) -> list[str]:
    """Return the newest commits that say they are seals, whoever signed them (blocking)."""
    without = [f"^{check_oid(each)}" for each in exclude]
    pattern = f"--grep=^{SEAL}:"
    limit = f"--max-count={_MOST_SEALS}"
    outcome = mirror.repository.git.rev_list(pattern, limit, check_oid(tip), *without)
    text: str = ok(outcome, "Looking for seals").text
    return text.split()


def _launcher(mirror: Mirror, keyring: Keyring, *, forge: bool) -> Launcher:
    """Return a launcher whose Git knows the keys, and no others."""
    home = keyring.forge_home if forge else keyring.home
    signers = None if forge else keyring.signers
    settings = {
        "gpg.program": "gpg",
        "gpg.ssh.program": "ssh-keygen",
        "gpg.ssh.allowedSignersFile": str(signers or "/dev/null"),
    }
    environment = hardened(mirror.disk.home, settings=settings)
    environment["GNUPGHOME"] = str(home)
    return mirror.disk.launcher_with(environment)


def _judged(
    launcher: Launcher, listed: frozenset[str], commits: Sequence[str]
) -> Iterator[tuple[str, Verdict]]:
    for start in range(0, len(commits), _BATCH):
        some = commits[start : start + _BATCH]
        outcome = launcher.run(
            ["log", "--no-walk=unsorted", "-z", _SHAPE, "--stdin"],
            stdin="".join(f"{check_oid(each)}\n" for each in some).encode(),
            seconds=launcher.limits.seconds + _SECONDS_EACH * len(some),
        )
        for record in ok(outcome, "Checking signatures").text.split("\0"):
            if record:
                yield _verdict(record, listed)


def _verdict(record: str, listed: frozenset[str]) -> tuple[str, Verdict]:
    sha, letter, fingerprint, primary, seal, signer, *_ = [*record.split("\x01", 5), *[""] * 5]
    state = _STATES.get(letter, BAD)
    if state == GOOD and not {fingerprint, primary} & listed:
        state = UNLISTED
    return sha, Verdict(state, signer.strip() or fingerprint, bool(seal.strip()))
