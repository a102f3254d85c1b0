"""Commits made by the API: into our own repositories and, under a lease, at a remote."""

import tempfile
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import AuthFailed, BadRequest, Conflict, PushRefused, RefNotFound, RemoteUnreachable
from app.git import location
from app.git.draft import Draft, Person
from app.git.fastimport import blob_id
from app.git.history import commit_of, history
from app.git.mirror import Mirror
from app.git.refs import PENDING
from app.git.trees import blob_of, ls_tree
from app.git.writer import Writer
from tests.git.conftest import MakeMirror
from tests.git.scratch import Scratch
from tests.git.server import GitServer, User

ANN = Person("Ann Übel", "ann@example.org")
BOT = Person("Headwater", "bot@example.org")


def draft(**changes: bytes | None) -> Draft:
    return Draft(changes, "A change", ANN)


def files(mirror: Mirror, commit: str) -> dict[str, tuple[int, bytes]]:
    entries = ls_tree(mirror.disk.launcher, commit)
    return {entry.path: (entry.mode, mirror.objects.read(entry.oid)) for entry in entries}


@pytest.fixture
def writer(own: Mirror) -> Writer:
    return Writer(own, BOT, clock=lambda: 1_800_000_000_000_000)


def test_first_and_second_commit(own: Mirror, writer: Writer) -> None:
    one = writer.commit("main", draft(a=b"1", b=b"2"), parent=None)
    made = Draft({"a": None, 'x/ü "q\\': b"3"}, "Two\n\nbody\n", ANN, [("Changeset", "01J")])
    two = writer.commit("main", made, parent=one)
    assert own.tip("main") == two
    assert files(own, two) == {"b": (0o100644, b"2"), 'x/ü "q\\': (0o100644, b"3")}
    commit = commit_of(own.disk.launcher, two)
    assert (commit.author_name, commit.committer_name) == ("Ann Übel", "Headwater")
    assert commit.authored_at == 1_800_000_000_000_000
    assert commit.first_parent == one
    raw = own.objects.read(two).decode().partition("\n\n")[2]
    assert raw == "Two\n\nbody\n\nChangeset: 01J\n"
    assert own.refs.below(PENDING) == {}
    own.verify()


def test_nothing_changed_makes_no_commit(own: Mirror, writer: Writer) -> None:
    one = writer.commit("main", draft(a=b"1"), parent=None)
    assert writer.commit("main", draft(a=b"1", gone=None), parent=one) == one
    assert own.tip("main") == one


def test_executable_bit_stays(own: Mirror, writer: Writer) -> None:
    first = Draft({"run": b"1"}, "x", ANN, modes={"run": 0o100755})
    one = writer.commit("main", first, parent=None)
    two = writer.commit("main", draft(run=b"2"), parent=one)
    assert files(own, two)["run"] == (0o100755, b"2")


def test_compare_and_swap(own: Mirror, writer: Writer) -> None:
    one = writer.commit("main", draft(a=b"1"), parent=None)
    two = writer.commit("main", draft(a=b"2"), parent=one)
    with pytest.raises(Conflict):
        writer.commit("main", draft(a=b"3"), parent=one)
    with pytest.raises(Conflict):
        writer.commit("main", draft(a=b"3"), parent=None)
    assert own.tip("main") == two
    with pytest.raises(RefNotFound):
        writer.commit("main", draft(a=b"3"), parent="f" * 40)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a//b",
        "../a",
        "a/../b",
        "a/.",
        ".git/config",
        "x/.GIT/hooks/y",
        ".git ",
        "git~1",
        "a\nb",
        "a\0",
        ".g\u200cit/x",
        ".git::$INDEX_ALLOCATION/x",
        "a/",
    ],
)
def test_paths_that_are_refused(own: Mirror, writer: Writer, path: str) -> None:
    with pytest.raises(BadRequest):
        writer.commit("main", Draft({path: b"x"}, "x", ANN), parent=None)
    assert own.branches() == {}


def test_drafts_that_are_refused(writer: Writer) -> None:
    for bad in (
        Draft({"a": b"1", "a/b": b"2"}, "x", ANN),
        Draft({"a": b"1"}, "  ", ANN),
        Draft({"a": b"1"}, "x", ANN, [("Two words", "x")]),
        Draft({"a": b"1"}, "x", ANN, [("Key", "two\nlines")]),
    ):
        with pytest.raises(BadRequest):
            writer.commit("main", bad, parent=None)
    with pytest.raises(RefNotFound):
        writer.commit("../main", draft(a=b"1"), parent=None)


def test_files_never_replace_folders_by_accident(own: Mirror, writer: Writer) -> None:
    one = writer.commit("main", Draft({"d/a": b"1", "f": b"2"}, "x", ANN), parent=None)
    for bad in ({"d": b"x"}, {"f/a": b"x"}):
        with pytest.raises(Conflict):
            writer.commit("main", Draft(bad, "x", ANN), parent=one)
    two = writer.commit("main", Draft({"f": None, "f/a": b"x", "d": None}, "x", ANN), parent=one)
    assert set(files(own, two)) == {"f/a"}


def test_names_that_git_cannot_take(own: Mirror, writer: Writer) -> None:
    evil = Person("A <x>\ncommitter Evil", "a@b>\n0")
    sha = writer.commit("main", Draft({"a": b"1"}, "x", evil), parent=None)
    commit = commit_of(own.disk.launcher, sha)
    assert commit.author_name == "A xcommitter Evil"
    assert commit.author_email == "a@b0"
    assert commit.committer_name == "Headwater"
    nobody = Person("", "")
    sha = writer.commit("main", Draft({"a": b"2"}, "x", nobody), parent=sha)
    assert commit_of(own.disk.launcher, sha).author_name == "Unknown"


def test_message_cannot_end_the_stream(own: Mirror, writer: Writer) -> None:
    text = "x\ndata 5\nD a\n\0done\nreset refs/heads/evil\n"
    sha = writer.commit("main", Draft({"a": b"done\n"}, text, ANN), parent=None)
    assert set(own.branches()) == {"main"}
    assert files(own, sha) == {"a": (0o100644, b"done\n")}


def test_many_files_in_one_commit(own: Mirror, writer: Writer) -> None:
    names = {
        f"tenants/t/namespaces/n{n % 20}/flows/{'x' * 150}{n}.yaml": b"%d" % n for n in range(700)
    }
    one = writer.commit("main", Draft(dict(names), "x", ANN), parent=None)
    two = writer.commit("main", Draft(dict.fromkeys(names, b"y"), "x", ANN), parent=one)
    assert {data for _, data in files(own, two).values()} == {b"y"}


def test_threads_that_change_one_branch_lose_nothing(own: Mirror, writer: Writer) -> None:
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            writer.change("main", lambda _: Draft({name: b"x"}, name, ANN), tries=20)
        except BaseException as error:  # noqa: BLE001 - reported by the assertion
            errors.append(error)

    threads = [threading.Thread(target=work, args=(f"f{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(files(own, own.tip("main"))) == {f"f{n}" for n in range(6)}
    assert len(list(history(own.disk.launcher, own.tip("main")))) == 6


def _given(draft: Draft, _: str | None) -> Draft:
    return draft


CHANGES = st.dictionaries(
    st.sampled_from(["a", "b/c", "b/d", "e/f/g", "ü"]), st.one_of(st.none(), st.binary(max_size=20))
)


@settings(max_examples=12)
@given(st.lists(CHANGES, min_size=1, max_size=5))
def test_commits_are_what_was_asked(steps: list[dict[str, bytes | None]]) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        own = stack.enter_context(Mirror(folder / "own", location.own()))
        writer = Writer(own, BOT)
        expected: dict[str, bytes] = {}
        for changes in steps:
            new = Draft(changes, "x", ANN)
            writer.change("main", partial(_given, new))
            for path, data in changes.items():
                expected.pop(path, None)
                if data is not None:
                    expected[path] = data
            found = files(own, own.tip("main"))
            assert {path: data for path, (_, data) in found.items()} == expected


@given(st.binary(max_size=100))
def test_blob_ids(data: bytes) -> None:
    assert blob_id(b"", 40) == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert len(blob_id(data, 64)) == 64


def test_sha256(make_mirror: MakeMirror, tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "long.git", object_format="sha256")
    old = scratch.commit({"a": b"1"})
    mirror = make_mirror(location.local(scratch.path), "long")
    mirror.fetch()
    writer = Writer(mirror, BOT)
    assert writer.commit("main", draft(a=b"1"), parent=old) == old
    new = writer.commit("main", draft(a=b"2"), parent=old)
    assert scratch.tip() == new


# -- at a remote ----------------------------------------------------------------------------------


def test_push(remote_mirror: Mirror, scratch: Scratch) -> None:
    old = scratch.commit({"a": b"1"})
    remote_mirror.fetch()
    writer = Writer(remote_mirror, BOT)
    new = writer.commit("main", draft(a=b"2"), parent=old)
    assert scratch.tip() == new
    assert remote_mirror.tip("main") == old  # until the next fetch tells it as any other change
    [change] = remote_mirror.fetch()
    assert (change.old, change.new, change.forced) == (old, new, False)
    assert remote_mirror.refs.below(PENDING) == {}


def test_push_of_a_new_branch_and_its_end(remote_mirror: Mirror, scratch: Scratch) -> None:
    old = scratch.commit({"a": b"1"})
    remote_mirror.fetch()
    writer = Writer(remote_mirror, BOT)
    sha = writer.build(draft(a=b"2"), old)
    writer.publish("headwater/ann/01J", sha, expected=None)
    assert scratch.tip("headwater/ann/01J") == sha
    with pytest.raises(Conflict):
        writer.push("headwater/ann/01J", old, expected=None)
    with pytest.raises(Conflict):
        writer.push("headwater/ann/01J", None, expected=old)
    writer.push("headwater/ann/01J", None, expected=sha)
    assert scratch.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_lease_is_broken_by_a_push_of_others(remote_mirror: Mirror, scratch: Scratch) -> None:
    old = scratch.commit({"a": b"1"})
    remote_mirror.fetch()
    theirs = scratch.commit({"a": b"2"})
    with pytest.raises(Conflict):
        Writer(remote_mirror, BOT).commit("main", draft(a=b"3"), parent=old)
    assert scratch.tip() == theirs


def test_change_is_built_again_when_others_push(remote_mirror: Mirror, scratch: Scratch) -> None:
    scratch.commit({"a": b"1", "count": b"0"})
    remote_mirror.fetch()
    pushed: list[str] = []

    def make(tip: str | None) -> Draft:
        if len(pushed) < 3:
            pushed.append(scratch.commit({"theirs": b"%d" % len(pushed)}))
        blob = blob_of(remote_mirror.objects, tip or "", "count")
        return draft(count=remote_mirror.objects.read(blob or "") + b"1")

    sha = Writer(remote_mirror, BOT).change("main", make)
    assert scratch.tip() == sha
    assert scratch.git("show", f"{sha}:theirs") == "2"
    assert scratch.git("show", f"{sha}:count") == "01"


def test_change_gives_up(remote_mirror: Mirror, scratch: Scratch) -> None:
    scratch.commit({"a": b"1"})
    remote_mirror.fetch()
    calls: list[str | None] = []

    def make(tip: str | None) -> Draft:
        calls.append(tip)
        scratch.commit({"theirs": b"%d" % len(calls)})
        return draft(mine=b"x")

    with pytest.raises(Conflict):
        Writer(remote_mirror, BOT).change("main", make)
    assert len(calls) == 5


@pytest.mark.parametrize(
    "words",
    [
        "GH006: Protected branch update failed for refs/heads/main.",
        "GitLab: You are not allowed to push code to protected branches on this project.",
    ],
)
def test_protected_branch(remote_mirror: Mirror, scratch: Scratch, words: str) -> None:
    old = scratch.commit({"a": b"1"})
    remote_mirror.fetch()
    hook = scratch.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(PushRefused, match=words[:12]) as caught:
        Writer(remote_mirror, BOT).change("main", lambda _: draft(a=b"2"))
    assert "pull request" in caught.value.message
    assert scratch.tip() == old


def test_read_only_user(remote_mirror: Mirror, scratch: Scratch, server: GitServer) -> None:
    old = scratch.commit({"a": b"1"})
    remote_mirror.fetch()
    server.users["ann"] = User("s3cret-token", can_push=False)
    with pytest.raises(AuthFailed, match="403"):
        Writer(remote_mirror, BOT).commit("main", draft(a=b"2"), parent=old)


def test_server_down_while_pushing(
    remote_mirror: Mirror, scratch: Scratch, server: GitServer
) -> None:
    old = scratch.commit({"a": b"1"})
    remote_mirror.fetch()
    server.status = 503
    with pytest.raises(RemoteUnreachable):
        Writer(remote_mirror, BOT).commit("main", draft(a=b"2"), parent=old)
    server.status = None
    Writer(remote_mirror, BOT).commit("main", draft(a=b"2"), parent=old)


def test_own_repository_is_not_pushed(writer: Writer) -> None:
    with pytest.raises(BadRequest):
        writer.push("main", "f" * 40, expected=None)
