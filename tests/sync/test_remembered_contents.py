"""What is remembered of contents is bounded; what a commit needs of it is not forgotten."""

import pytest

from app.sync import contents
from tests.git.scratch import Scratch
from tests.sync.rig import Rig, flow, path


async def test_a_flow_that_moves_is_not_deleted_when_memory_is_full(
    rig: Rig, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch.commit({path("a"): flow("a"), path("b"): flow("b", "1")})
    await rig.outcome()
    monkeypatch.setattr(contents, "_REMEMBERED", 1)
    scratch.commit({path("a"): None, path("sub/a"): flow("a"), path("b"): flow("b", "2")})
    await rig.outcome()
    assert await rig.states("a") == [(1, "commit", "active")]
    assert sorted(await rig.active()) == ["main/shop/a", "main/shop/b"]
