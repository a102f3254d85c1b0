"""Which revision is meant: read from a request, decided by four levels."""

import pytest

from app.engine.revision_choice import ORIGINAL, Choice, KeepOriginal, read_choice
from app.errors import BadRequest
from app.ports import FlowKey


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("original", ORIGINAL),
        ("latest", Choice(latest=True)),
        ("7", Choice(revision=7)),
        ("commit:00ff00ff", Choice(commit="00ff00ff")),
    ],
)
def test_choices(text: str, choice: Choice) -> None:
    assert read_choice(text) == choice
    assert choice.original is (text == "original")


@pytest.mark.parametrize("text", ["", "0", "-1", "²", "9999999999", "commit:", "commit:xyz", "new"])
def test_what_is_no_choice(text: str) -> None:
    with pytest.raises(BadRequest, match="neither original nor latest"):
        read_choice(text)


async def test_without_sources_everything_stays() -> None:
    policy = KeepOriginal()
    key: FlowKey = ("main", "shop", "child")
    assert await policy.again("main", "shop") == "original"
    assert await policy.subflow_commit(key, "feed", key) is None
