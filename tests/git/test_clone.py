"""Reading somebody's own clone."""

from pathlib import Path

import pytest

from app.errors import RefNotFound
from app.git.clone import open_clone
from tests.git.scratch import Scratch


def test_names_of_commits(scratch: Scratch) -> None:
    first = scratch.commit({"a": b"1"})
    second = scratch.commit({"a": b"2"})
    scratch.git("tag", "-a", "-m", "x", "v1", first)
    with open_clone(scratch.path) as clone:
        assert clone.top is None
        assert clone.algorithm == "sha1"
        for name in ("main", "HEAD", second, second[:8], "refs/heads/main", "v1~0"):
            assert clone.resolve(name) in (first, second)
        assert clone.resolve("main~1") == clone.resolve("v1") == first


@pytest.mark.parametrize(
    "name", ["", "-x", "gone", "a\nb", "main:a", "x" * 300, "a\0b", "main^{tree}"]
)
def test_what_names_no_commit(scratch: Scratch, name: str) -> None:
    scratch.commit({"a": b"1"})
    with open_clone(scratch.path) as clone, pytest.raises(RefNotFound):
        clone.resolve(name)


def test_merge_bases(scratch: Scratch) -> None:
    base = scratch.commit({"a": b"1"})
    main = scratch.commit({"a": b"2"})
    other = scratch.commit({"b": b"1"}, branch="other", parents=[base])
    alone = scratch.commit({"c": b"1"}, branch="alone", parents=[])
    with open_clone(scratch.path) as clone:
        assert clone.merge_base(main, other) == base
        with pytest.raises(RefNotFound, match="share no history"):
            clone.merge_base(main, alone)


def test_a_folder_in_no_repository(tmp_path: Path) -> None:
    with pytest.raises(RefNotFound), open_clone(tmp_path):
        pass
