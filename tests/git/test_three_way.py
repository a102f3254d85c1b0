"""Two edits of one text are merged as Git merges them."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import GitError
from app.git.mirror import Mirror
from app.git.three_way import merged

BASE = b"".join(b"line %d\n" % number for number in range(12))
LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\r\n", b"\xc3\xa9\n"]), max_size=8)


def test_edits_of_different_places(own: Mirror) -> None:
    mine, theirs = BASE.replace(b"line 1\n", b"mine\n"), BASE.replace(b"line 9\n", b"theirs\n")
    found = merged(own.disk.launcher, mine, BASE, theirs)
    assert found == (mine.replace(b"line 9\n", b"theirs\n"), 0)


def test_edits_of_one_place(own: Mirror) -> None:
    mine, theirs = BASE.replace(b"line 5\n", b"mine\n"), BASE.replace(b"line 5\n", b"theirs\n")
    found = merged(own.disk.launcher, mine, BASE, theirs)
    marked = b"<<<<<<< yours\nmine\n=======\ntheirs\n>>>>>>> current\n"
    assert found == (BASE.replace(b"line 5\n", marked), 1)


def test_two_new_files(own: Mirror) -> None:
    assert merged(own.disk.launcher, b"a\n", b"", b"a\n") == (b"a\n", 0)
    assert merged(own.disk.launcher, b"a\n", b"", b"b\n").conflicts == 1


def test_binary_files_are_refused(own: Mirror) -> None:
    with pytest.raises(GitError, match="Merging"):
        merged(own.disk.launcher, b"\0a", b"\0b", b"\0c")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, LINES)
def test_who_changed_nothing_gets_the_other(
    own: Mirror, base: list[bytes], other: list[bytes]
) -> None:
    one, two = b"".join(base), b"".join(other)
    assert merged(own.disk.launcher, one, one, two) == (two, 0)
    assert merged(own.disk.launcher, two, one, one) == (two, 0)
    assert merged(own.disk.launcher, two, one, two) == (two, 0)
