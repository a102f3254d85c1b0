"""Credentials in pull requests. All of them are made up here, in pieces, so that none is one."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ports import FlowTree, SuiteResult, SuiteSource
from app.sync.review.leaks import leaks_in
from tests.git.scratch import Scratch
from tests.review.conftest import Begin
from tests.review.desk import Desk, RecordedTests, flow, path, suite_of

DIGITS = "4f9Qx7Lm2Zk8Rt3Wv6Yb1Nc5Hd0Jg9Ps4f9Qx7Lm2Zk8Rt3Wv6Yb1Nc5Hd0Jg9Ps"
TOKEN = "ghp_" + DIGITS[:36]
SHOP = "tenants/main/namespaces/shop"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("key: AK" + "IA" + "Q7ZX3M9L2K8R4T6W", "an AWS access key"),
        (f"curl -H 'Authorization: Bearer {TOKEN}'", "a GitHub token"),
        ("github_" + "pat_" + DIGITS[:40], "a GitHub token"),
        ("gl" + "pat-" + DIGITS[:20], "a GitLab token"),
        ("xo" + "xb-" + "123456789012-abcdefgh", "a Slack token"),
        ("sk" + "_live_" + DIGITS[:24], "a Stripe key"),
        ("AI" + "za" + DIGITS[:35], "a Google API key"),
        ("npm" + "_" + DIGITS[:36], "an npm token"),
        ("AGE-SECRET-" + "KEY-1" + "Q" * 58, "an age key"),
        ("-----BEGIN " + "OPENSSH PRIVATE KEY-----", "a private key"),
        ("-----BEGIN " + "PRIVATE KEY-----", "a private key"),
    ],
)
def test_forms_that_issuers_give_are_known(text: str, kind: str) -> None:
    [leak] = leaks_in(f"first: line\n  x: {text}\n")
    assert (leak.line, leak.kind, leak.is_sure) == (2, kind, True)


def test_random_values_of_telling_names_are_suspected() -> None:
    [leak] = leaks_in(f'db_password: "{DIGITS[:24]}"')
    assert not leak.is_sure


@pytest.mark.parametrize(
    "text",
    [
        "password: \"{{ secret('DB_PASSWORD_OF_PRODUCTION_1') }}\"",
        "token: this_is_only_a_placeholder",
        "password: aaaaaaaaaaaaaaaaaaaaaaaa1",
        "secret: short1",
        "commit: 0123456789abcdef0123456789abcdef01234567",
        "-----BEGIN CERTIFICATE-----",
        "sk_test_" + DIGITS[:24],
        "ghp_tooshort",
        "db: ENC[AES256_GCM,data:abc,iv:def,tag:ghi,type:str]",
    ],
)
def test_what_is_none_is_left_alone(text: str) -> None:
    assert list(leaks_in(text)) == []


@given(st.text())
def test_no_text_stops_it(text: str) -> None:
    for leak in leaks_in(text):
        assert leak.line >= 1


def test_long_lines_take_no_long_time() -> None:
    assert list(leaks_in("password=" * 200_000)) == []
    assert list(leaks_in(("gh" + "p_" + "a" * 300 + " ") * 10_000))


async def test_a_credential_fails_the_check_and_is_not_repeated(desk: Desk) -> None:
    pull = desk.propose(7, {path("a"): flow("a", TOKEN), f"{SHOP}/files/run.sh": TOKEN.encode()})
    await desk.tell("pull", "opened", number=7)
    check = desk.check(pull.head_sha)
    assert check.state == "failure"
    places = {(each.path, each.line, each.title) for each in check.annotations}
    assert places == {
        (path("a"), 5, "SECRET_LEAKED"),
        (f"{SHOP}/files/run.sh", 1, "SECRET_LEAKED"),
    }
    told = [repr(desk.forge.published), *desk.forge.bodies(7), repr(await desk.made(7))]
    assert TOKEN not in "".join(told)
    assert "••••••" in desk.forge.bodies(7)[-1]


async def test_one_that_was_there_before_is_nobodys_fault(desk: Desk, scratch: Scratch) -> None:
    scratch.commit({f"{SHOP}/files/run.sh": TOKEN.encode()})
    pull = desk.propose(
        7, {f"{SHOP}/files/run.sh": f"# why\n{TOKEN}".encode(), "x": TOKEN.encode()}
    )
    await desk.tell("pull", "opened", number=7)
    assert not desk.check(pull.head_sha).annotations


async def told_of(desk: Desk) -> str:
    """Return all that is told and stored of pull request 7."""
    review = await desk.reviews.archive.last("main", 7)
    return "\n".join([repr(desk.forge.published), *desk.forge.bodies(7), repr(review)])


async def test_a_credential_that_is_taken_out_is_not_repeated(desk: Desk, scratch: Scratch) -> None:
    scratch.commit({path("a"): flow("a", TOKEN)})
    await desk.sync.sync(cause="poll")
    pull = desk.propose(7, {path("a"): flow("a", "clean")})
    await desk.tell("pull", "opened", number=7)
    assert desk.check(pull.head_sha).state == "success"
    assert TOKEN not in await told_of(desk)


async def test_findings_do_not_repeat_a_credential(desk: Desk) -> None:
    text = flow("a").decode() + f"  - id: b\n    type: {TOKEN}\n"
    desk.propose(7, {path("a"): text.encode()})
    await desk.tell("pull", "opened", number=7)
    assert TOKEN not in await told_of(desk)


class Telling(RecordedTests):
    """Tests whose failures say what is in the flow."""

    async def run(self, suites: Sequence[SuiteSource], tree: FlowTree) -> list[SuiteResult]:
        results = await super().run(suites, tree)
        return [replace(each, errors=(f"got {TOKEN}",), state="ERROR") for each in results]


async def test_results_of_tests_do_not_repeat_a_credential(begin: Begin) -> None:
    desk = await begin(tests=Telling())
    desk.propose(7, {path("a"): flow("a", TOKEN), f"{SHOP}/tests/t.yaml": suite_of()})
    await desk.tell("pull", "opened", number=7)
    assert "got" in await told_of(desk)
    assert TOKEN not in await told_of(desk)


async def test_very_many_credentials_take_no_long_time(desk: Desk) -> None:
    tokens = [f"ghp_{number:036d}" for number in range(20_000)]
    lines = "\n".join(tokens).encode()
    files = {f"{SHOP}/files/{number}.txt": lines + b"%d" % number for number in range(5)}
    desk.propose(7, {path("a"): flow("a", tokens[-1]), **files})
    await desk.tell("pull", "opened", number=7)  # within the timeout of a test
    told = await told_of(desk)
    assert not any(each in told for each in tokens)


async def test_suspicions_do_not_crowd_out_a_credential(desk: Desk) -> None:
    noise = "\n".join(f"password: {DIGITS[n:]}{DIGITS[:n]}" for n in range(60))
    pull = desk.propose(7, {f"{SHOP}/files/a.txt": f"{noise}\n{TOKEN}".encode()})
    await desk.tell("pull", "opened", number=7)
    assert desk.check(pull.head_sha).state == "failure"


async def test_a_private_key_is_hidden_with_all_its_lines(desk: Desk) -> None:
    key = f"-----BEGIN PRIVATE KEY-----\n{DIGITS}\n{DIGITS[::-1]}\n-----END PRIVATE KEY-----"
    text = flow("a").decode() + "variables:\n  key: |\n    " + key.replace("\n", "\n    ") + "\n"
    desk.propose(7, {path("a"): text.encode()})
    await desk.tell("pull", "opened", number=7)
    told = await told_of(desk)
    assert DIGITS not in told
    assert DIGITS[::-1] not in told
