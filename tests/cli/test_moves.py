"""Where the file of a flow has been, told with its story: by REST and by the command line."""

from pathlib import Path

import httpx2

from tests.git.scratch import Scratch
from tests.serving import headwater, service
from tests.sync.rig import flow, path


def test_the_story_tells_of_moves(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "acme.git")
    scratch.commit({path("a"): flow("a", "1")})
    moved = scratch.commit({path("a"): None, path("sub/b"): flow("a", "1")})
    scratch.commit({path("sub/b"): flow("a", "2")})
    variables = {
        "HEADWATER_GIT__REPO": str(scratch.path),
        "HEADWATER_GIT__ALLOW_FILE_PROTOCOL": "true",
    }
    with service(tmp_path / "data", **variables) as (address, _):
        told = httpx2.get(f"{address}/api/v1/main/flows/shop/a/history").json()
        shown = headwater("flow", "history", "shop.a", server=address).stdout
    assert [(each["type"], each.get("revision")) for each in told] == [
        ("revision", 2), ("flow.move", None), ("revision", 1),
    ]  # fmt: skip
    assert told[1]["detail"] == {"from": path("a"), "to": path("sub/b"), "commit": moved}
    (line,) = (line for line in shown.splitlines() if "moved" in line)
    assert line.startswith(moved[:8]) or moved[:8] in line
    assert f"moved from {path('a')} to {path('sub/b')}" in line
