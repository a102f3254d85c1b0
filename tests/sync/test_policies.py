"""What namespaces and sources say of the revisions that executions run."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from app.sync.namespace_file import read_settings, settings_problems
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import Rig, flow, path


def settings(namespace: str) -> str:
    return f"tenants/main/namespaces/{namespace}/namespace.yaml"


RELEASE = b"release: {watch: 30m, minExecutions: 4, maxFailureRate: 0.5, action: alert}\n"


async def test_the_nearest_file_counts(rig: Rig, scratch: Scratch) -> None:
    scratch.commit(
        {
            path("a", "shop.eu.north"): flow("a"),
            path("b", "other"): flow("b"),
            settings("shop"): b"revision: latest\nlabels: {team: sales}\n" + RELEASE,
            settings("shop.eu"): b"release: {watch: PT2H}\n",
        }
    )
    await rig.outcome()
    found = await rig.sync.namespaces.of("main", "shop.eu.north")
    assert found.revision == "latest"
    assert found.release is not None
    assert (found.release.watch, found.release.min_executions) == (timedelta(hours=2), 5)
    assert await rig.sync.policy.again("main", "shop.eu.north") == "latest"
    other = await rig.sync.namespaces.of("main", "other")
    assert (other.revision, other.release) == (None, None)
    assert await rig.sync.policy.again("main", "other") == "original"
    assert await rig.sync.policy.again("main", "nothing") == "original"


async def test_a_new_commit_has_new_settings(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), settings("shop"): b"revision: latest\n"})
    await rig.outcome()
    assert await rig.sync.policy.again("main", "shop") == "latest"
    scratch.commit({settings("shop"): b"revision: original\n"})
    await rig.outcome()
    assert await rig.sync.policy.again("main", "shop") == "original"
    scratch.commit({settings("shop"): b"revision: sometimes\n"})
    await rig.outcome()
    assert await rig.sync.policy.again("main", "shop") == "original", "what is wrong is not there"


async def test_the_source_says_the_rest(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), path("b", "other"): flow("b")})
    rig = await start(repo=str(scratch.path), revision="latest", subflows="commit")
    assert await rig.sync.policy.again("main", "shop") == "latest"
    a, b = ("main", "shop", "a"), ("main", "other", "b")
    assert await rig.sync.policy.subflow_commit(a, "feed", b) == "feed"
    plain = await start("plain", repo=str(scratch.path))
    assert await plain.sync.policy.subflow_commit(a, "feed", b) is None


@pytest.mark.parametrize(
    ("text", "watch"),
    [(b"30s", 30), (b"30m", 1800), (b"2h", 7200), (b"1d", 86400), (b"PT5M", 300)],
)
def test_lengths(text: bytes, watch: int) -> None:
    release = read_settings(b"release: {watch: " + text + b"}\n").release
    assert release is not None
    assert release.watch == timedelta(seconds=watch)


@pytest.mark.parametrize(
    "text",
    [
        b"release: {watch: never}",
        b"release: {watch: 0s}",
        b"release: {watch: 8d}",
        b"release: {watch: 1h, maxFailureRate: 1}",
        b"release: {watch: 1h, minExecutions: 0}",
        b"release: {watch: 1h, more: 1}",
        b"release: {}",
        b"revision: 7",
        b"- a",
        b"a: [",
    ],
)
def test_what_is_wrong_in_a_file(text: bytes) -> None:
    with pytest.raises((ValueError, ValidationError)):
        read_settings(text)


async def test_what_is_wrong_is_a_warning(rig: Rig, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a"), settings("shop"): b"release: {watch: never}\n"})
    assert await rig.outcome() == "SYNCED"
    (found,) = await rig.sync.findings()
    assert (found.code, found.severity, found.path) == ("SCHEMA", "warning", settings("shop"))
    assert found.message.startswith("release.watch: ")
    assert (found.line, found.column) == (1, 18)
    scratch.commit({settings("shop"): b""})
    await rig.outcome()
    assert await rig.sync.findings() == []
    assert list(settings_problems(b"- a")) == [], "that it is no map is told elsewhere"
