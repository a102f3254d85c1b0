"""GitHub's own ways: tokens of Apps, limits, parts of annotations, what is renamed or down."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.errors import (
    AuthFailed,
    BadRequest,
    Forbidden,
    HeadwaterError,
    Invalid,
    NotFound,
    Unavailable,
    Unsupported,
)
from app.forges import Forges
from app.forges.calls import next_link
from app.forges.checks import annotation_of
from app.forges.refusals import message_of, pause_of
from app.ports import Annotation, Check, Forge, Hook, HookDelivery, NewPull
from app.ports.forges import MOST_TEXT
from tests.forges.conftest import app_settings, token_settings
from tests.forges.fake_github import Answer, FakeGitHub, hooked, serving

SHA = "a" * 40


def notes(count: int) -> list[Annotation]:
    return [
        Annotation(f"f{n}.yaml", n + 1, "warning", "CODE", f"finding {n}") for n in range(count)
    ]


# -- check runs -----------------------------------------------------------------------------------


async def test_annotations_go_out_in_parts(as_app: Forge, github: FakeGitHub) -> None:
    check = Check(SHA, "headwater/validate", "failure", "120 findings", annotations=notes(120))
    check_id = await as_app.publish(check)
    sent = [each for each in github.requests if "check-runs" in each]
    path = "/repos/acme/flows/check-runs"
    assert sent == [f"POST {path}"] + [f"PATCH {path}/{check_id}"] * 2
    told = github.world.check_of(SHA, "headwater/validate")
    assert told is not None
    assert [each.path for each in told.annotations] == [each.path for each in notes(120)]


async def test_more_annotations_than_are_shown(as_app: Forge, github: FakeGitHub) -> None:
    check = Check(SHA, "c", "failure", "many", "s" * (MOST_TEXT + 5), annotations=notes(517))
    await as_app.publish(check)
    told = github.world.check_of(SHA, "c")
    assert told is not None
    assert len(told.annotations) == 500
    assert told.summary.endswith("17 more findings are not shown at their lines.")
    assert len(told.summary) == MOST_TEXT


@pytest.mark.parametrize(
    ("note", "columns"),
    [
        (Annotation("a", 3, "notice", "T", "m", 5), {"start_column": 5, "end_column": 5}),
        (Annotation("a", 3, "notice", "T", "m", 5, 3), {"start_column": 5, "end_column": 5}),
        (Annotation("a", 3, "notice", "T", "m", 5, 9), {}),
        (Annotation("a", 3, "notice", "T", "m"), {}),
    ],
)
def test_columns_are_for_one_line_only(note: Annotation, columns: dict[str, int]) -> None:
    made = annotation_of(note)
    assert {name: value for name, value in made.items() if "column" in name} == columns


def test_an_annotation_without_place_or_message() -> None:
    made = annotation_of(Annotation("a", 0, "warning", "", ""))
    assert (made["start_line"], made["end_line"], made["message"]) == (1, 1, "warning")


async def test_buttons(as_app: Forge, github: FakeGitHub) -> None:
    buttons = [("Preview this change now", "x" * 60, "preview")] * 4
    await as_app.publish(Check(SHA, "c", "success", "ok", actions=buttons))
    told = github.world.check_of(SHA, "c")
    assert told is not None
    assert told.actions == [("Preview this change ", "x" * 40, "preview")] * 3


async def test_a_status_is_short(as_user: Forge, github: FakeGitHub) -> None:
    await as_user.publish(Check(SHA, "headwater/main", "success", "t" * 200, annotations=notes(3)))
    told = github.world.check_of(SHA, "headwater/main")
    assert told is not None
    assert (len(told.title), told.title[-1]) == (140, "…")


# -- as an App ------------------------------------------------------------------------------------


def tokens_made(fake: FakeGitHub) -> int:
    return sum("access_tokens" in each for each in fake.requests)


async def test_a_token_serves_many_calls(as_app: Forge, github: FakeGitHub) -> None:
    github.world.add_pull(1)
    for _ in range(3):
        await as_app.pull(1)
    assert tokens_made(github) == 1
    read = await as_app.read_token()
    assert read is not None
    assert read[0] == "x-access-token"
    assert read[1] in github.tokens
    assert len(read[1]) > 60, "GitHub may make them longer: no length is taken for granted"


async def test_a_token_is_renewed_before_its_end(as_app: Forge, github: FakeGitHub) -> None:
    github.token_seconds = 200.0
    github.world.add_pull(1)
    await as_app.pull(1)
    await as_app.pull(1)
    assert tokens_made(github) == 2, "less than five minutes are left"


async def test_a_token_that_was_revoked_is_replaced(as_app: Forge, github: FakeGitHub) -> None:
    github.world.add_pull(1)
    await as_app.pull(1)
    github.tokens.clear()
    await as_app.pull(1)
    assert tokens_made(github) == 2


async def test_the_installation_that_is_set_is_used(
    forges: Forges, github: FakeGitHub, tmp_path: Path
) -> None:
    forge = forges.of(app_settings(github, tmp_path, forge_installation=99))
    assert forge is not None
    assert await forge.read_token() is not None
    assert github.requests == ["POST /app/installations/99/access_tokens"]
    other = forges.of(app_settings(github, tmp_path, forge_installation=98))
    assert other is not None
    with pytest.raises(NotFound):
        await other.read_token()


async def test_a_key_that_is_none(forges: Forges, github: FakeGitHub, tmp_path: Path) -> None:
    spec = app_settings(github, tmp_path)
    assert spec.forge_key_file is not None
    forge = forges.of(spec)
    assert forge is not None
    spec.forge_key_file.write_text("-----BEGIN NOTHING-----\ns3cret\n")
    with pytest.raises(AuthFailed, match="PEM") as caught:
        await forge.read_token()
    assert "s3cret" not in str(caught.value)
    spec.forge_key_file.unlink()
    with pytest.raises(AuthFailed, match=r"app\.pem"):
        await forge.read_token()


async def test_a_plain_token_is_none_for_git(as_user: Forge) -> None:
    assert await as_user.read_token() is None


async def test_the_webhook_of_the_app(as_app: Forge, as_user: Forge, github: FakeGitHub) -> None:
    github.app_hook = "https://headwater.example/hook"
    hook = await as_app.hook(github.app_hook)
    assert hook == Hook("app", frozenset(["push", "pull_request"]))
    github.world.deliveries = [HookDelivery("5", "g", "push", False, "2026-11-25T10:00:00Z")]
    failed = await as_app.failed_deliveries(hook, "2026-11-25T09:00:00Z")
    await as_app.redeliver(hook, failed[0])
    assert github.world.redelivered == ["5"]
    assert "POST /app/hook/deliveries/5/attempts" in github.requests
    with pytest.raises(Unsupported):
        await as_user.redeliver(hook, failed[0])


async def test_an_app_that_may_not_see_webhooks(as_app: Forge, github: FakeGitHub) -> None:
    await as_app.read_token()
    hooked(github.world, "https://headwater.example/hook")
    assert await as_app.hook("https://headwater.example/hook") is not None
    github.answers = [
        Answer(200, {}),
        Answer(403, {"message": "Resource not accessible by integration"}),
    ]
    assert await as_app.hook("https://headwater.example/hook") is None


async def test_who_may_not_see_webhooks(as_user: Forge, github: FakeGitHub) -> None:
    github.answers = [Answer(403, {"message": "Must have admin rights"})]
    with pytest.raises(Forbidden, match="Must have admin rights"):
        await as_user.hook("https://headwater.example/hook")


# -- reviewers ------------------------------------------------------------------------------------


async def test_reviewers_that_github_does_not_take_are_left_out(
    as_user: Forge, github: FakeGitHub
) -> None:
    github.unknown_reviewers = {"eve", "ghosts"}
    new = NewPull("edit", "main", "Edit", "", reviewers=("eve", "acme/ghosts", "ann", "acme/ops"))
    made = await as_user.open_pull(new)
    assert github.world.reviewers[made.number] == ("ann", "ops")


# -- limits ---------------------------------------------------------------------------------------


async def test_a_limit_is_respected(as_user: Forge, github: FakeGitHub) -> None:
    github.world.add_pull(1)
    limited = {"retry-after": "30"}
    github.answers = [Answer(403, {"message": "secondary rate limit"}, limited)]
    with pytest.raises(Unavailable, match="secondary rate limit") as caught:
        await as_user.pull(1)
    assert caught.value.details["retry_after"] == 30
    before = len(github.requests)
    with pytest.raises(Unavailable, match="wants no calls") as caught:
        await as_user.pull(1)
    assert 28 < caught.value.details["retry_after"] <= 30
    assert len(github.requests) == before, "nothing is sent while it wants no calls"


@pytest.mark.parametrize(
    ("status", "headers", "message", "pause"),
    [
        (429, {"retry-after": "7"}, "", 7),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1100"}, "", 100),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "900"}, "", 1),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "99999999"}, "", 3600),
        (429, {"ratelimit-remaining": "0", "ratelimit-reset": "1005"}, "", 5),
        (403, {"x-ratelimit-remaining": "12"}, "no", None),
        (403, {}, "You have exceeded a secondary rate limit.", 60),
        (429, {}, "", 60),
        (429, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, "", 60),
        (503, {"retry-after": "3"}, "", 3),
        (503, {}, "", None),
        (404, {"retry-after": "3"}, "", None),
    ],
)
def test_how_long_to_be_quiet(
    status: int, headers: dict[str, str], message: str, pause: float | None
) -> None:
    assert pause_of(status, headers, {"message": message}, 1000.0) == pause


async def test_what_did_not_change_costs_nothing(as_user: Forge, github: FakeGitHub) -> None:
    made = github.world.add_pull(1)
    for _ in range(3):
        assert await as_user.pull(1) == made
    assert (len(github.requests), github.cost) == (3, 1)
    changed = github.world.change_pull(1, title="Another")
    assert await as_user.pull(1) == changed
    assert github.cost == 2


# -- what is renamed, down, or hostile ------------------------------------------------------------


async def test_a_renamed_repository_is_followed(forges: Forges, github: FakeGitHub) -> None:
    github.renamed_from = "acme/old"
    github.world.add_pull(1)
    forge = forges.of(token_settings(github, repo="git@git.example:acme/old.git"))
    assert forge is not None
    assert (await forge.pull(1)).base_repo == "acme/flows"
    assert (forge.repository, await forge.current_name()) == ("acme/old", "acme/flows")
    await forge.comment(1, "hello")
    assert github.world.bodies(1) == ["hello"]


@pytest.fixture
def elsewhere() -> Iterator[FakeGitHub]:
    with serving(FakeGitHub()) as fake:
        yield fake


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_token_goes_to_another_host(
    as_user: Forge, github: FakeGitHub, elsewhere: FakeGitHub, status: int
) -> None:
    there = {"location": f"{elsewhere.url}/repos/acme/flows/pulls/1"}
    github.answers = [Answer(status, None, there)]
    with pytest.raises(Unavailable, match="elsewhere"):
        await as_user.pull(1)
    github.answers = [Answer(200, [], {"link": f'<{elsewhere.url}/x>; rel="next"'})]
    assert await as_user.pulls() == []
    github.answers = [Answer(status, None, there)]
    with pytest.raises(Unavailable):
        await as_user.comment(1, "x")
    assert elsewhere.requests == []


async def test_a_server_that_recovers(as_user: Forge, github: FakeGitHub) -> None:
    github.world.add_pull(1)
    github.answers = [Answer(502), Answer(503)]
    assert (await as_user.pull(1)).number == 1


async def test_nothing_is_written_twice(as_user: Forge, github: FakeGitHub) -> None:
    github.world.add_pull(1)
    github.answers = [Answer(502)]
    with pytest.raises(Unavailable, match="502"):
        await as_user.comment(1, "once")
    assert len(github.requests) == 1


async def test_a_forge_that_is_not_there(forges: Forges) -> None:
    with serving(FakeGitHub()) as fake:
        spec = token_settings(fake, forge_token="ghp_s3cret")
    forge = forges.of(spec)
    assert forge is not None
    with pytest.raises(Unavailable, match="does not answer") as caught:
        async with asyncio.timeout(20):
            await forge.comment(1, "x")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Invalid), (403, Forbidden), (404, NotFound), (409, Invalid), (410, NotFound)],
)
async def test_refusals_are_told(
    as_user: Forge, github: FakeGitHub, status: int, error: type[HeadwaterError]
) -> None:
    body = {"message": "Validation Failed", "errors": [{"message": "it is so"}]}
    github.answers = [Answer(status, body)]
    with pytest.raises(error, match="Validation Failed; it is so"):
        await as_user.comment(1, "x")


async def test_wrong_credentials(forges: Forges, github: FakeGitHub) -> None:
    forge = forges.of(token_settings(github, forge_token="ghp_wr0ng"))
    assert forge is not None
    with pytest.raises(AuthFailed, match="Bad credentials") as caught:
        await forge.pull(1)
    assert "wr0ng" not in str(caught.value)


async def test_an_error_page_of_a_proxy(as_user: Forge, github: FakeGitHub) -> None:
    github.answers = [Answer(418, "<html>")]
    with pytest.raises(Invalid, match="418"):
        await as_user.pull(1)


async def test_a_page_instead_of_an_answer(as_user: Forge, github: FakeGitHub) -> None:
    """A login page of a proxy is no list without pull requests: that would close them all."""
    page = Answer(200, b"<html>Log in</html>")
    github.answers = [page, page]
    with pytest.raises(Unavailable, match="JSON"):
        await as_user.pulls()
    with pytest.raises(Unavailable, match="JSON"):
        await as_user.pull(1)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (None, ""),
        ([1], ""),
        ({"message": "no"}, "no"),
        ({"message": "no", "errors": ["a", "b"]}, "no; a"),
        ({"message": "no", "errors": [{"code": "missing"}]}, "no; missing"),
        ({"error": {"message": "bitbucket"}}, "bitbucket"),
        ({"error": "invalid_token", "error_description": "gitlab"}, "gitlab"),
        ({"message": {"base": ["x"]}}, ""),
        ({"message": "x" * 999}, "x" * 300),
    ],
)
def test_what_forges_say_in_errors(body: Any, text: str) -> None:
    assert message_of(body) == text


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ("", None),
        ('<https://a/2>; rel="next", <https://a/9>; rel="last"', "https://a/2"),
        ('<https://a/1>; rel="prev", <https://a/3>; rel="next"', "https://a/3"),
        ('<https://a/1>; rel="prev"', None),
        ("nonsense", None),
    ],
)
def test_links_to_the_next_page(header: str, target: str | None) -> None:
    assert next_link(header) == target


# -- settings -------------------------------------------------------------------------------------


async def test_without_a_forge_there_is_none(forges: Forges, github: FakeGitHub) -> None:
    assert forges.of(token_settings(github, forge=None)) is None


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"repo": "flows"}, "owner/name"),
        ({"forge_url": "ftp://x/y"}, "no address"),
        ({"repo": None}, "owner/name"),
        ({"forge_app_id": "1"}, "both"),
        ({"forge_key_file": "/app.pem"}, "both"),
    ],
)
async def test_settings_that_do_not_suffice(
    forges: Forges, github: FakeGitHub, settings: dict[str, Any], text: str
) -> None:
    with pytest.raises(BadRequest, match=text):
        forges.of(token_settings(github, **settings))
