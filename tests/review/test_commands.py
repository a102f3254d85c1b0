"""Commands in comments."""

import pytest

from app.errors import BadRequest
from app.sync.review.commands import Command, flow_named, read_commands


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/headwater plan", [Command("plan")]),
        ("/headwater", [Command("help")]),
        ("/headwater PLAN", [Command("plan")]),
        ("Looks good.\n\n/headwater test\nThanks", [Command("test")]),
        ("/headwater ok-to-test 0123abc", [Command("ok-to-test", ("0123abc",))]),
        ("/headwater pin shop.a 3 too many\r\n", [Command("pin", ("shop.a", "3", "too", "many"))]),
        ("/headwater plan\n/headwater test", [Command("plan"), Command("test")]),
        ("please /headwater plan", []),
        ("/headwaterplan", []),
        ("> /headwater plan", []),
        ("    /headwater plan", []),
        ("```\n/headwater plan\n```", []),
        ("````\n```\n/headwater plan\n````\n/headwater test", [Command("test")]),
        ("~~~sh\n/headwater plan\n~~~", []),
        ("```\n```yaml\n/headwater plan\n```\n/headwater test", [Command("test")]),
        ("```\n    ```\n/headwater plan\n```", []),
        ("", []),
    ],
)
def test_commands_stand_at_the_start_of_a_line(text: str, found: list[Command]) -> None:
    assert read_commands(text) == found


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_whoever_quotes_somebody_says_nothing_himself(end: str) -> None:
    assert read_commands(f"> Nice.{end}/headwater ok-to-test 0123456789ab\n\nThanks!") == []


def test_no_comment_gives_more_than_a_few() -> None:
    assert len(read_commands("/headwater plan\n" * 1_000)) == 5


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("shop.orders", ("main", "shop", "orders")),
        ("company.team.daily-report", ("main", "company.team", "daily-report")),
        ("acme/shop.orders", ("acme", "shop", "orders")),
    ],
)
def test_flows_are_named_with_their_namespace(text: str, key: tuple[str, str, str]) -> None:
    assert flow_named(text, "main") == key


@pytest.mark.parametrize("text", ["orders", "a/b/c.d", "shop.", ".orders", "shop.a b", "`x`.y", ""])
def test_what_names_no_flow_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match=r"namespace\.id"):
        flow_named(text, "main")


def test_a_missing_word_is_named() -> None:
    with pytest.raises(BadRequest, match="needs a revision"):
        Command("pin", ("shop.a",)).word(1, "a revision")
    assert Command("pin", ("shop.a", "3", "so", "it", "is")).rest(2) == "so it is"
