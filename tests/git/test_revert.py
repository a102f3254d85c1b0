"""Reverts, merges, restores and diffs."""

import random

import pytest

from app.errors import BadRequest, Conflict, MergeConflict, ObjectMissing
from app.git.diff import diff_blobs, diff_commits
from app.git.draft import Draft, Person
from app.git.mirror import Mirror
from app.git.refs import PENDING
from app.git.revert import merge, restored, revert
from app.git.trees import blob_of
from app.git.writer import Writer
from tests.git.scratch import Scratch

ANN = Person("Ann", "ann@example.org")
REVERT = Draft({}, "Revert", ANN, [("Reverts", "x")])
TEXT = b"".join(b"line %d\n" % number for number in range(30))


def text_of(mirror: Mirror, commit: str, path: str) -> bytes | None:
    blob = blob_of(mirror.objects, commit, path)
    return mirror.objects.read(blob) if blob else None


@pytest.fixture
def writer(mirror: Mirror) -> Writer:
    return Writer(mirror, ANN)


def test_revert_of_an_older_commit(mirror: Mirror, scratch: Scratch, writer: Writer) -> None:
    scratch.commit({"a": TEXT, "b": b"1"})
    bad = scratch.commit({"a": TEXT.replace(b"line 3\n", b"BAD\n"), "new": b"x", "b": None})
    tip = scratch.commit({"a": TEXT.replace(b"line 3\n", b"BAD\n").replace(b"line 25", b"good")})
    mirror.fetch()
    sha = revert(writer, mirror, [bad], onto=tip, draft=REVERT)
    assert text_of(mirror, sha, "a") == TEXT.replace(b"line 25", b"good")
    assert text_of(mirror, sha, "new") is None
    assert text_of(mirror, sha, "b") == b"1"
    assert set(mirror.refs.below(PENDING).values()) == {sha}
    writer.publish("main", sha, expected=tip)
    assert scratch.tip() == sha
    assert scratch.git("log", "-1", "--format=%P", sha) == tip


def test_revert_of_several(mirror: Mirror, scratch: Scratch, writer: Writer) -> None:
    base = scratch.commit({"a": b"1\n"})
    two = scratch.commit({"a": b"2\n"})
    three = scratch.commit({"a": b"3\n"})
    mirror.fetch()
    sha = revert(writer, mirror, [three, two], onto=three, draft=REVERT)
    assert text_of(mirror, sha, "a") == b"1\n"
    assert diff_commits(mirror, base, sha) == ""
    with pytest.raises(MergeConflict):
        revert(writer, mirror, [two], onto=three, draft=REVERT)
    assert len(mirror.refs.below(PENDING)) == 1


def test_revert_of_a_merge(mirror: Mirror, scratch: Scratch, writer: Writer) -> None:
    base = scratch.commit({"a": b"1"})
    side = scratch.commit({"s": b"2"}, branch="side", parents=[base])
    main = scratch.commit({"m": b"3"})
    merged = scratch.commit({"s": b"2"}, parents=[main, side])
    mirror.fetch()
    sha = revert(writer, mirror, [merged], onto=merged, draft=REVERT)
    assert text_of(mirror, sha, "s") is None
    assert text_of(mirror, sha, "m") == b"3"


def test_conflict_shows_its_hunks(mirror: Mirror, scratch: Scratch, writer: Writer) -> None:
    scratch.commit({"f": TEXT, "gone": b"1\n"})
    bad = scratch.commit({"f": TEXT.replace(b"line 3", b"bad 3"), "gone": b"2\n"})
    tip = scratch.commit({"f": TEXT.replace(b"line 3", b"later 3"), "gone": None})
    mirror.fetch()
    with pytest.raises(MergeConflict, match="f") as caught:
        revert(writer, mirror, [bad], onto=tip, draft=REVERT)
    conflicts = {item["path"]: item for item in caught.value.details["conflicts"]}
    assert conflicts["f"]["hunks"] == [{"line": 4, "ours": "later 3", "theirs": "line 3"}]
    assert "modify/delete" in conflicts["gone"]["message"]
    assert mirror.refs.below(PENDING) == {}
    changes = restored(mirror, bad, ["f", "never"])
    assert changes == {"f": TEXT.replace(b"line 3", b"bad 3"), "never": None}


def test_reverts_that_make_no_sense(mirror: Mirror, scratch: Scratch, writer: Writer) -> None:
    root = scratch.commit({"a": b"1"})
    bad = scratch.commit({"a": b"2"})
    back = scratch.commit({"a": b"1"})
    other = scratch.commit({"a": b"3"}, branch="other", parents=[root])
    mirror.fetch()
    with pytest.raises(Conflict, match="already"):
        revert(writer, mirror, [bad], onto=back, draft=REVERT)
    for wrong in (root, other, "f" * 40):
        with pytest.raises(BadRequest):
            revert(writer, mirror, [wrong], onto=back, draft=REVERT)


def test_random_old_commits(mirror: Mirror, scratch: Scratch, writer: Writer) -> None:
    """A clean revert leaves no trace of what the commit did, a clash leaves nothing behind."""
    dice = random.Random(7)
    lines = [b"line %d\n" % number for number in range(40)]
    commits = [scratch.commit({"f": b"".join(lines)})]
    marks: dict[str, bytes] = {}
    for number in range(25):
        at = dice.randrange(40)
        lines[at] = b"change %d\n" % number
        commits.append(scratch.commit({"f": b"".join(lines)}))
        marks[commits[-1]] = lines[at]
    mirror.fetch()
    clean = clashes = 0
    for sha, mark in marks.items():
        try:
            made = revert(writer, mirror, [sha], onto=commits[-1], draft=REVERT)
        except (MergeConflict, Conflict):
            clashes += 1
            continue
        clean += 1
        assert mark not in (text_of(mirror, made, "f") or b"")
    assert clean > 5
    assert clashes > 0


def test_merge(mirror: Mirror, scratch: Scratch) -> None:
    base = scratch.commit({"a": TEXT})
    ours = scratch.commit({"a": TEXT.replace(b"line 1\n", b"ours\n")})
    theirs = scratch.commit({"a": TEXT.replace(b"line 20", b"theirs")}, branch="x", parents=[base])
    lone = scratch.commit({"a": b"x"}, branch="y", parents=[])
    mirror.fetch()
    outcome = merge(mirror, ours, theirs)
    assert outcome.clashes == ()
    merged = mirror.objects.info(f"{outcome.clean('x')}:a")
    assert merged is not None
    assert b"theirs" in mirror.objects.read(merged.oid)
    assert b"ours" in mirror.objects.read(merged.oid)
    with pytest.raises(BadRequest):
        merge(mirror, ours, lone)


def test_diffs(mirror: Mirror, scratch: Scratch) -> None:
    attributes = b"* diff=evil filter=evil textconv=evil\n"
    one = scratch.commit({"x/a": b"1\n2\n3\n", "bin": b"\0\1", ".gitattributes": attributes})
    two = scratch.commit({"x/a": b"1\nzwei\n3", "bin": b"\0\2", "ü": b"new\n"})
    mirror.fetch()
    text = diff_commits(mirror, one, two, "x/a")
    assert "-2\n-3\n+zwei\n+3\n" in text
    assert "ü" not in text
    assert "b/ü" in diff_commits(mirror, one, two)
    old, new = (blob_of(mirror.objects, sha, "x/a") for sha in (one, two))
    blobs = diff_blobs(mirror, old, new, "x/a")
    assert blobs.startswith("--- a/x/a\n+++ b/x/a\n@@ -1,3 +1,3 @@\n")
    assert blobs.endswith("\\ No newline at end of file\n")
    assert diff_blobs(mirror, old, old, "x") == ""
    assert (
        diff_blobs(mirror, None, old, "n")
        == "--- /dev/null\n+++ b/n\n@@ -0,0 +1,3 @@\n+1\n+2\n+3\n"
    )
    assert diff_blobs(mirror, new, None, "n").startswith(
        "--- a/n\n+++ /dev/null\n@@ -1,3 +0,0 @@\n"
    )
    before, after = (blob_of(mirror.objects, sha, "bin") for sha in (one, two))
    assert "Binary" in diff_blobs(mirror, before, after, "bin")
    assert "Binary" in diff_blobs(mirror, None, before, "bin")
    with pytest.raises(ObjectMissing):
        diff_commits(mirror, one, "f" * 40)
    with pytest.raises(ObjectMissing):
        diff_blobs(mirror, old, "f" * 40, "x")
