"""VERIFY: which commits must be signed, by whom, and what becomes of those that are not.

The rules are the server's settings, never what the repository that is judged says.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.config import SourceSettings
from app.db.records import Condition
from app.db.signatures import StoredVerdict
from app.errors import HeadwaterError, Unavailable
from app.git.keyrings import KeyFiles, Keyring
from app.git.mirror import Mirror
from app.git.signatures import FORGE, GOOD, Verdict, judge, new_commits, seals
from app.sync.approving import Approver
from app.sync.passes import Parts, Pass, Settled

_SIGNATURE = "SIGNATURE"
_SHOWN = 3
_WHY = {
    "unsigned": "is not signed",
    "unlisted": "is signed by a key that is not listed",
    "bad": "has a bad signature",
    "expired": "is signed by a key that had expired",
    "revoked": "is signed by a key that was revoked",
    "forge": "is signed by the forge, but",
}


def key_files(spec: SourceSettings) -> KeyFiles:
    """Return where the keys of a source are listed."""
    return KeyFiles(
        spec.ssh_signers_file,
        spec.pgp_keys_file,
        spec.forge_keys_file,
        rules=f"{spec.forge_approvals} approvals",
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """What is looked at: a source's commits, by one version of its keys."""

    parts: Parts
    now: Pass
    keyring: Keyring

    @property
    def mirror(self) -> Mirror:
        return self.parts.repository.mirror

    @property
    def known(self) -> dict[str, Verdict]:
        return self.parts.verdicts.of(self.keyring.version)

    async def verdicts(self, commits: Sequence[str]) -> dict[str, Verdict]:
        """Return commit -> verdict; each is made once."""
        new = [each for each in dict.fromkeys(commits) if each not in self.known]
        made = await asyncio.to_thread(judge, self.mirror, self.keyring, new) if new else {}
        self.known.update(made)
        return {each: self.known[each] for each in commits}


async def verify_signatures(parts: Parts, now: Pass) -> None:
    """Look at the signatures of the new commits; a commit that breaks the rules is held here.

    It is held before anything of it is read: no revision of it is stored.

    Raises:
        Settled: HELD(SIGNATURE).
    """
    mode = parts.spec.signatures
    if mode == "off":
        return
    folder = parts.home.folder / "keys" / now.source.id
    keyring = await asyncio.to_thread(Keyring.prepare, key_files(parts.spec), folder)
    look = _Look(parts, now, keyring)
    await _recall(look)
    wanted = await _wanted(look, mode)
    problems = await _problems(look, wanted)
    now.signatures = keyring.version
    now.verified = _condition(now, len(wanted), problems)
    parts.stopped = None
    if not problems:
        return
    if mode == "warn":
        now.notes.append(f"signatures: {_told(problems)}")
    elif approver := await _approved_by(parts, now):
        now.notes.append(f"signatures: {_told(problems)}; {approver} approved the commit")
    else:
        parts.stopped, parts.held = (now.seen, keyring.version), now.tip
        raise Settled("HELD", f"{_SIGNATURE}: {_told(problems)}; {_way_out(now)}", _SIGNATURE)


def _way_out(now: Pass) -> str:
    return (
        "push a commit that is signed by a listed key, list the key, or let it pass by"
        f" `headwater git approve {now.id}`"
    )


async def _approved_by(parts: Parts, now: Pass) -> str | None:
    """Return who let the commit pass though it breaks the rules, None if nobody did."""
    words = await parts.sources.gates.decisions(now.source.id, now.tip or "")
    last = next((each for each in words if each.hold == _SIGNATURE), None)
    return last.by if last is not None and last.word == "approved" else None


async def _wanted(look: _Look, mode: str) -> list[str]:
    """Return the commits whose signatures count: of the tip, every new one, all to a seal."""
    tip = look.now.tip or ""
    base = look.now.passed
    here = base is not None and await asyncio.to_thread(look.mirror.has, base)
    if mode == "head" or (mode != "strict" and not here):
        return [tip]
    exclude = [base] if base is not None and here and mode != "strict" else []
    said = await asyncio.to_thread(seals, look.mirror, tip, exclude)
    judged = await look.verdicts(said)
    sealed = [sha for sha, each in judged.items() if each.state == GOOD and each.is_seal]
    commits = await asyncio.to_thread(
        new_commits, look.mirror, tip, [*exclude, *sealed], first_parent=mode != "strict"
    )
    return list(dict.fromkeys([tip, *commits]))


async def _problems(look: _Look, commits: Sequence[str]) -> list[str]:
    """Return what is wrong, a line a commit, the newest first."""
    found = []
    approver = Approver(look.parts.forge, look.parts.spec.forge_approvals)
    for sha, verdict in (await look.verdicts(commits)).items():
        if verdict.state == GOOD:
            continue
        why = _WHY[verdict.state]
        if verdict.state == FORGE:
            lack = await _lacking(look, approver, sha)
            if lack is None:  # who approved a merge is asked once
                look.known[sha] = Verdict(GOOD, verdict.signer)
                look.parts.verdicts.stored.discard(sha)
                continue
            why = f"{why} {lack}"
        by = f" ({verdict.signer})" if verdict.signer else ""
        found.append(f"commit {sha[:12]} {why}{by}")
    return found


async def _lacking(look: _Look, approver: Approver, sha: str) -> str | None:
    """Return why a commit that the forge signed is not accepted, None when it is."""
    try:
        return await approver.lacking(sha)
    except HeadwaterError as error:
        if look.parts.spec.signatures == "warn":
            return f"the forge could not be asked: {error.message}"
        message = f"the approvals of commit {sha[:12]} could not be asked for: {error.message}"
        raise Unavailable(message) from error


async def _recall(look: _Look) -> None:
    """Take what was stored about the commits since the last one into memory, once."""
    if look.known:
        return
    tip = look.now.tip or ""
    newest = await asyncio.to_thread(new_commits, look.mirror, tip, [], first_parent=True)
    stored = await look.parts.sources.signatures.known(
        look.now.source.id, newest, look.keyring.version
    )
    for sha, each in stored.items():
        # Whether one is a seal is not stored: those that say so are judged anew.
        look.known[sha] = Verdict(each.state, each.signer)
        look.parts.verdicts.stored.add(sha)
    for sha in await asyncio.to_thread(seals, look.mirror, tip, []):
        look.known.pop(sha, None)


async def store_verdicts(parts: Parts, now: Pass) -> None:
    """Write what became of signatures, once their commits are stored."""
    if not now.signatures:
        return
    known = parts.verdicts.of(now.signatures)
    stored = parts.verdicts.stored
    rows = {
        sha: StoredVerdict(each.state, each.signer)
        for sha, each in known.items()
        if sha not in stored
    }
    await parts.sources.signatures.save(now.source.id, rows, now.signatures)
    stored.update(rows)


async def is_judged_anew(parts: Parts, seen: str) -> bool:
    """Return whether a commit that its signature keeps out is to be looked at again."""
    if parts.stopped is None:
        return True
    if parts.stopped[0] != seen:  # perhaps back to what is active: that is to be told, too
        parts.stopped = parts.done = None
        return True
    version = await asyncio.to_thread(key_files(parts.spec).version)
    return version != parts.stopped[1]


def _condition(now: Pass, count: int, problems: Sequence[str]) -> Condition:
    at = now.started_at
    if problems:
        return Condition("Verified", False, "SignaturePolicy", _told(problems), at)
    return Condition("Verified", True, "Signed", f"{count} commits are signed by listed keys", at)


def _told(problems: Iterable[str]) -> str:
    listed = list(problems)
    more = len(listed) - _SHOWN
    return "; ".join(listed[:_SHOWN]) + (f" (and {more} more)" if more > 0 else "")
