"""Mirrors of local repositories: tips, forced and deleted branches, resolving, keeping."""

import threading
from functools import partial
from pathlib import Path

import pytest

from app.errors import BadRequest, Conflict, RefNotFound
from app.git import location
from app.git.draft import Draft, Person
from app.git.mirror import Mirror
from app.git.names import is_ref_name
from app.git.refs import KEEP
from app.git.writer import Writer
from tests.git.conftest import MakeMirror
from tests.git.scratch import Scratch


def test_first_fetch_reports_new_tips(mirror: Mirror, scratch: Scratch) -> None:
    sha = scratch.commit({"a": b"1"})
    scratch.git("tag", "-a", "-m", "one", "v1", sha)
    changes = mirror.fetch()
    assert [(change.ref, change.old, change.forced) for change in changes] == [
        ("refs/heads/main", None, False),
        ("refs/tags/v1", None, False),
    ]
    assert changes[0].new == sha
    assert changes[0].branch == "main"
    assert changes[1].branch is None
    assert mirror.tip("main") == mirror.tip("v1") == mirror.tip("refs/heads/main") == sha
    assert mirror.fetch() == []


def test_fast_forward_is_not_forced(mirror: Mirror, scratch: Scratch) -> None:
    old = scratch.commit({"a": b"1"})
    mirror.fetch()
    new = scratch.commit({"a": b"2"})
    assert mirror.is_behind(mirror.ls_remote())
    [change] = mirror.fetch()
    assert (change.old, change.new, change.forced, change.kept) == (old, new, False, None)
    assert not mirror.is_behind(mirror.ls_remote())


def test_force_push_keeps_what_it_left(mirror: Mirror, scratch: Scratch) -> None:
    base = scratch.commit({"a": b"1"})
    lost = scratch.commit({"a": b"2"})
    mirror.fetch()
    new = scratch.commit({"a": b"3"}, parents=[base])
    [change] = mirror.fetch()
    assert change.forced
    assert (change.old, change.new) == (lost, new)
    assert change.kept is not None
    assert change.kept.startswith(f"{KEEP}main/")
    assert change.kept.endswith(lost[:12])
    mirror.maintain()
    mirror.repository.git.gc("--prune=now", "--quiet")
    assert mirror.resolve(lost) == lost
    mirror.verify()


def test_deleted_branch_is_kept_and_gone(mirror: Mirror, scratch: Scratch) -> None:
    scratch.commit({"a": b"1"})
    sha = scratch.commit({"a": b"2"}, branch="topic")
    mirror.fetch()
    scratch.git("update-ref", "-d", "refs/heads/topic")
    [change] = mirror.fetch()
    assert (change.ref, change.new, change.forced) == ("refs/heads/topic", None, False)
    assert mirror.has(sha)
    with pytest.raises(RefNotFound, match="topic"):
        mirror.tip("topic")


def test_branch_gives_way_to_a_folder_of_branches(mirror: Mirror, scratch: Scratch) -> None:
    sha = scratch.commit({"a": b"1"}, branch="a")
    mirror.fetch()
    scratch.git("update-ref", "-d", "refs/heads/a")
    scratch.git("update-ref", "refs/heads/a/b", sha)
    assert {change.ref for change in mirror.fetch()} == {"refs/heads/a", "refs/heads/a/b"}
    assert mirror.branches() == {"a/b": sha}
    scratch.git("update-ref", "-d", "refs/heads/a/b")
    scratch.git("update-ref", "refs/heads/a", sha)
    mirror.fetch()
    assert mirror.branches() == {"a": sha}


def test_moved_tag_is_forced(mirror: Mirror, scratch: Scratch) -> None:
    one = scratch.commit({"a": b"1"})
    scratch.git("tag", "v1", one)
    mirror.fetch()
    two = scratch.commit({"a": b"2"}, parents=[])
    scratch.git("tag", "-f", "v1", two)
    changes = {change.ref: change for change in mirror.fetch()}
    assert changes["refs/tags/v1"].forced
    assert mirror.tip("v1") == two


def test_resolve(mirror: Mirror, scratch: Scratch) -> None:
    sha = scratch.commit({"a": b"1"})
    scratch.git("tag", "-a", "-m", "t", "v1.0", sha)
    scratch.commit({"a": b"2"}, branch="abcd")
    mirror.fetch()
    for text in (sha, sha[:7], "main", "v1.0", "refs/heads/main", "refs/tags/v1.0"):
        assert mirror.resolve(text) == sha
    assert mirror.resolve("abcd") == scratch.tip("abcd")  # a branch goes before an abbreviation


@pytest.mark.parametrize(
    "text",
    [
        "nope",
        "",
        "--upload-pack=x",
        "main~1",
        "main^{tree}",
        "a b",
        "a\nb",
        "@",
        "HEAD@{0}",
        "main:a",
        "..",
        "0" * 40,
        "0" * 64,
        "a" * 5000,
        "refs/heads/",
        ":/A change",
        "x\0y",
        "-",
        "main..main",
    ],
)
def test_resolve_refuses(mirror: Mirror, scratch: Scratch, text: str) -> None:
    scratch.commit({"a": b"1"})
    mirror.fetch()
    with pytest.raises(RefNotFound):
        mirror.resolve(text)


def test_ambiguous_prefix_is_not_found(mirror: Mirror, scratch: Scratch) -> None:
    scratch.git(
        "fast-import",
        "--quiet",
        stdin=b"".join(
            b"commit refs/heads/main\ncommitter A <a@x> %d +0000\ndata 1\nx\n" % number
            for number in range(1_000_000_000, 1_000_000_800)
        ),
    )
    mirror.fetch()
    shas = scratch.git("rev-list", "main").splitlines()
    by_prefix: dict[str, int] = {}
    for sha in shas:
        by_prefix[sha[:4]] = by_prefix.get(sha[:4], 0) + 1
    double = [prefix for prefix, count in by_prefix.items() if count > 1]
    assert double
    for prefix in double[:3]:
        with pytest.raises(RefNotFound):
            mirror.resolve(prefix)
    assert mirror.resolve(shas[7][:12]) == shas[7]


def test_ref_names_agree_with_git(scratch: Scratch) -> None:
    names = [
        "main",
        "a/b",
        "feature/x-1",
        "ünïcode",
        "a.b",
        ".a",
        "a.lock",
        "a.lock/b",
        "a..b",
        "a//b",
        "/a",
        "a/",
        "a b",
        "a~b",
        "a^b",
        "a:b",
        "a?b",
        "a*b",
        "a[b",
        "a\\b",
        "a@{b",
        "@",
        "a.",
        "a/.b",
        "x@y",
        "a\x7fb",
        "a\tb",
        "a]b",
        "a{b",
    ]
    for name in names:
        full = f"refs/heads/{name}"
        expected = scratch.git("check-ref-format", full, check=False) == ""
        done = scratch.git("check-ref-format", "--normalize", full, check=False)
        assert is_ref_name(name) == (done == full and name != "@") or not expected, name


def test_keep_and_unkeep(mirror: Mirror, scratch: Scratch) -> None:
    sha = scratch.commit({"a": b"1"})
    mirror.fetch()
    ref = mirror.keep("pinned/one", sha)
    assert mirror.refs.below(KEEP) == {ref: sha}
    mirror.unkeep(ref)
    assert mirror.refs.below(KEEP) == {}
    with pytest.raises(Conflict):
        mirror.unkeep("refs/remotes/origin/main")


def test_ancestry(mirror: Mirror, scratch: Scratch) -> None:
    base = scratch.commit({"a": b"1"})
    one = scratch.commit({"a": b"2"})
    other = scratch.commit({"a": b"3"}, branch="x", parents=[base])
    lone = scratch.commit({"a": b"4"}, branch="y", parents=[])
    mirror.fetch()
    assert mirror.is_ancestor(base, one)
    assert not mirror.is_ancestor(one, other)
    assert mirror.merge_base(one, other) == base
    assert mirror.merge_base(one, lone) is None


def test_pull_request_head(mirror: Mirror, scratch: Scratch) -> None:
    scratch.commit({"a": b"1"})
    sha = scratch.commit({"a": b"2"}, branch="fork")
    scratch.git("update-ref", "refs/pull/7/head", sha)
    scratch.git("update-ref", "-d", "refs/heads/fork")
    mirror.fetch()
    assert not mirror.has(sha)
    assert mirror.fetch_ref("refs/pull/7/head", "7") == sha
    with pytest.raises(RefNotFound):
        mirror.fetch_ref("refs/pull/8/head", "8")


def test_default_branch(mirror: Mirror, scratch: Scratch) -> None:
    scratch.commit({"a": b"1"}, branch="trunk")
    scratch.git("symbolic-ref", "HEAD", "refs/heads/trunk")
    assert mirror.remote.default_branch() == "trunk"


def test_empty_repository(mirror: Mirror) -> None:
    assert mirror.fetch() == []
    assert mirror.branches() == {}
    assert mirror.ls_remote() == {}


def test_sha256_repository(make_mirror: MakeMirror, tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "long.git", object_format="sha256")
    old = scratch.commit({"a": b"1"})
    mirror = make_mirror(location.local(scratch.path), "long")
    mirror.fetch()
    assert len(mirror.tip("main")) == 64
    assert mirror.resolve(old[:9]) == old
    found = mirror.objects.info(f"{old}:a")
    assert found is not None
    assert mirror.objects.read(found.oid) == b"1"
    scratch.commit({"a": b"2"}, parents=[])
    [change] = mirror.fetch()
    assert change.forced
    mirror.verify()


def test_repository_that_turned_sha256_is_taken_anew(
    make_mirror: MakeMirror, tmp_path: Path
) -> None:
    import shutil

    path = tmp_path / "turned.git"
    Scratch(path).commit({"a": b"1"})
    mirror = make_mirror(location.local(path), "turned")
    mirror.fetch()
    shutil.rmtree(path)
    new = Scratch(path, object_format="sha256").commit({"a": b"1"})
    mirror.fetch()
    assert mirror.tip("main") == new


def test_repository_of_another_owner(make_mirror: MakeMirror, scratch: Scratch) -> None:
    import os

    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    sha = scratch.commit({"a": b"1"})
    for folder, folders, files in os.walk(scratch.path):
        for name in (".", *folders, *files):
            os.chown(Path(folder) / name, 65534, 65534)
    mirror = make_mirror(location.local(scratch.path))
    mirror.fetch()
    assert mirror.tip("main") == sha


def test_own_repository(own: Mirror) -> None:
    assert own.fetch() == []
    assert own.branches() == {}
    assert own.branch_prefix == "refs/heads/"
    with pytest.raises(RefNotFound):
        own.tip("main")


def test_own_repository_is_opened_again(make_mirror: MakeMirror) -> None:
    make_mirror(location.own("trunk"), "mine").close()
    again = make_mirror(location.own("trunk"), "mine")
    assert again.remote.default_branch() == "trunk"


def test_threads_fetch_one_after_the_other(mirror: Mirror, scratch: Scratch) -> None:
    scratch.commit({"a": b"1"})
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda: results.append(len(mirror.fetch()))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 0, 0, 1]


def test_drop(mirror: Mirror) -> None:
    mirror.drop()
    assert not mirror.folder.exists()


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x",
        "file:///tmp/x",
        "ext::sh -c id",
        "https://user:pw@example.org/x",
        "git://e/x",
        "-oProxyCommand=x@host:y",
        "ssh://-oProxyCommand=x/y",
        "https://",
        "/tmp/x",
        "https://e/\nx",
        "u@h:-x",
        "ssh://u:p@h/x",
        "a@-h:x",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(BadRequest):
        location.remote(url)


@pytest.mark.parametrize(
    ("url", "kind", "host"),
    [
        ("https://example.org/a/b.git", "https", "example.org"),
        ("ssh://git@example.org:22/a/b.git", "ssh", "example.org"),
        ("git@example.org:a/b.git", "ssh", "example.org"),
    ],
)
def test_addresses_that_are_taken(url: str, kind: str, host: str) -> None:
    where = location.remote(url)
    assert (where.kind, where.host) == (kind, host)
    assert location.remote("http://127.0.0.1:1/x", allow_http=True).kind == "http"


def _given(draft: Draft, _: str | None) -> Draft:
    return draft


def test_maintenance_makes_one_pack_of_many(own: Mirror) -> None:
    writer = Writer(own, Person("Ann", "ann@example.org"))
    drafts = (Draft({"a": b"%d" % number}, "x", writer.committer) for number in range(52))
    tips = [writer.change("main", partial(_given, draft)) for draft in drafts]
    assert own.is_untidy()
    own.maintain()
    assert not own.is_untidy()
    assert all(own.has(tip) for tip in tips)
    assert own.tip("main") == tips[-1]
    own.verify()
