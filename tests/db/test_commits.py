"""Commits between two, their pull requests, and how executions of a flow followed each other."""

from dataclasses import replace

import pytest

from app.db.changesets import Changeset, ChangesetStore
from app.db.commits import CommitStore
from app.db.database import Database
from app.db.outcomes import BAD, GOOD, Outcome, OutcomeStore
from app.db.pulls import PullStore
from app.db.records import CommitRecord
from app.db.revisions import RevisionStore
from app.db.sql import Write
from app.ports import PullRequest

KEY = ("main", "shop", "f")
_COMMIT = (
    "INSERT INTO git_commit (source_id, sha, seq, first_parent, author_name, author_email,"
    " authored_at, committer_name, committed_at, subject, signature, signer, pull_number, keyring)"
    " VALUES ('s', ?, ?, NULL, 'Ann', 'a@b', 1, 'Ann', 1, ?, '', '', ?, '')"
)
_PULL = (
    "INSERT INTO pull (source_id, number, title, author, head_sha, head_ref, head_repo, base_ref,"
    " base_sha, state, draft, merged_sha, updated_at)"
    " VALUES ('s', ?, '', '', '', '', '', '', '', 'merged', 0, ?, 1)"
)
_EXECUTION = (
    "INSERT INTO execution (id, tenant, namespace, flow_id, revision, commit_sha, blob, state,"
    " version, created_at, ended_at, open, parked, labels)"
    " VALUES (?, 'main', 'shop', ?, ?, ?, '', ?, 1, ?, NULL, 0, 0, '[]')"
)


@pytest.fixture
def real(database: Database | None) -> Database:
    if database is None:
        pytest.skip("there is no fake of this store")
    return database


async def test_commits_between_two(real: Database) -> None:
    rows = [(name, seq, f"Change {name}", None) for seq, name in enumerate("abcde", 1)]
    await real.submit([Write(_COMMIT, rows)])
    store = CommitStore(real)
    assert [each.sha for each in await store.between("s", "b", "e")] == ["e", "d", "c"]
    assert [each.sha for each in await store.between("s", "e", "b", limit=1)] == ["e"]
    assert await store.between("s", "b", "unknown") == []
    assert await store.between("other", "b", "e") == []


async def test_a_commit_is_told_of_its_pull_request(real: Database) -> None:
    pulls, sets = PullStore(real), ChangesetStore(real)
    revisions = RevisionStore(real)
    pull = PullRequest(7, "T", "ann", "merged", False, "h", "x", "o/r", "b", "main", "o/r")
    mine = Changeset("c1", "s", "main", "T", "ann", state="ACTIVE", pull_number=9, merged_sha="own")
    # Some are merged before their commits are processed, and some after.
    await pulls.save("s", replace(pull, number=6, merged_sha="early"), 1)
    await pulls.save("other", replace(pull, number=5, merged_sha="plain"), 1)
    rows = [_record(sha, seq) for seq, sha in enumerate(("early", "late", "own", "plain"))]
    await revisions.add("s", rows, [], attempted="plain", at=1)
    await pulls.save("s", replace(pull, merged_sha="late"), 2)
    await pulls.save("s", replace(pull, number=8, state="open", merged_sha=None), 2)
    await sets.save(mine)
    found = await real.fetch_sql("SELECT sha, pull_number FROM git_commit ORDER BY seq")
    assert [tuple(row) for row in found] == [("early", 6), ("late", 7), ("own", 9), ("plain", None)]


def _record(sha: str, seq: int) -> CommitRecord:
    return CommitRecord("s", sha, seq, None, "Ann", "a@b", 1, "Ann", 1, "Change")


async def test_pull_requests_of_commits(real: Database) -> None:
    subjects = {
        "a": "Merge pull request #12 from ann/topic",
        "b": "Retry the load (#7)",
        "c": "Mention #9 only",
        "d": "Merged by a forge (#1)",
        "e": "Noted",
    }
    rows = [(sha, seq, text, 5 if sha == "e" else None) for seq, (sha, text) in
            enumerate(subjects.items())]  # fmt: skip
    await real.submit([Write(_COMMIT, rows), Write(_PULL, [(31, "d")])])
    store = CommitStore(real)
    assert await store.pulls("s", subjects) == {"a": 12, "b": 7, "d": 31, "e": 5}
    assert await store.pulls("s", {}) == {}


async def test_outcomes_in_order(real: Database) -> None:
    rows = [
        ("x1", "f", 1, "c1", "SUCCESS", 10),
        ("x2", "f", 2, "c2", "FAILED", 20),
        ("x3", "f", 2, "c2", "KILLED", 30),
        ("x4", "f", 2, "c2", "FAILED", 40),
        ("x5", "f", 3, "c3", "WARNING", 50),
        ("x6", "g", 1, "c1", "FAILED", 60),
    ]
    await real.submit([Write(_EXECUTION, rows)])
    store = OutcomeStore(real)
    bad = await store.newest(KEY, BAD)
    assert bad == Outcome("x4", 2, "c2", "FAILED", 40)
    assert bad is not None
    good = await store.newest(KEY, GOOD, before=bad)
    assert good is not None
    first = await store.oldest(KEY, BAD, after=good)
    assert (good.id, first and first.id) == ("x1", "x2")
    assert first is not None
    assert await store.count(KEY, BAD, since=first) == 2
    assert await store.newest(("main", "shop", "none"), BAD) is None
