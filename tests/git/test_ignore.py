"""Ignore rules agree with Git's own."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.git.ignore import Ignored
from tests.git.scratch import plain_environment

PATHS = [
    "a",
    "b",
    "a/b",
    "a/b/c",
    "x/a/b",
    "x/y/a",
    "a.md",
    "x/a.md",
    "docs/a",
    "docs/x/b.md",
    "x/docs/b",
    "!a",
    "#a",
]
PATTERNS = st.sampled_from(
    [
        "a",
        "/a",
        "a/",
        "*.md",
        "!a.md",
        "!x/a.md",
        "docs",
        "/docs/",
        "docs/**",
        "**/docs",
        "**/b",
        "a/**/c",
        "a/*",
        "x/**",
        "*",
        "!*/",
        "!b",
        "# a",
        "\\#a",
        "\\!a",
        "",
        "?",
        "[ab]",
        "[!a]",
        "x/?",
        "a/b",
        "**/a/b",
        "*.m[a-d]",
        "b ",
        "b\\ ",
        "/",
        "//",
        "**",
        "***",
        "a**",
        "x/*/a",
        "doc*",
        "[a",
        "[[:alpha:]]",
        "[a-c]/b",
        "[^a]",
        "a/[!x]/c",
        "*a*b*",
        "a\\",
    ]
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(PATTERNS, min_size=1, max_size=5))
def test_agrees_with_git(tmp_path: Path, lines: list[str]) -> None:
    if not (tmp_path / ".git").exists():
        subprocess.run(["git", "init", "-q"], cwd=tmp_path, env=plain_environment(), check=True)
    (tmp_path / ".gitignore").write_text("\n".join(lines))
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin", "-z"],
        cwd=tmp_path,
        env=plain_environment(),
        input="\0".join(PATHS).encode(),
        capture_output=True,
        check=False,
    )
    expected = {path for path in done.stdout.decode().split("\0") if path}
    ignored = Ignored("\n".join(lines))
    assert {path for path in PATHS if ignored(path)} == expected


@given(st.text(max_size=60), st.text(max_size=30))
def test_takes_any_text(text: str, path: str) -> None:
    Ignored(text)(path)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment"])
def test_nothing_ignored(text: str) -> None:
    assert not Ignored(text)("a/b")


def test_hostile_patterns_cost_little() -> None:
    hostile = Ignored("*a" * 200 + "z\n" + "**/" * 200 + "x")
    assert not hostile("a" * 500)
