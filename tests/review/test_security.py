"""What people who may open a pull request, and nothing more, can do: cases 56 to 65."""

import re
from typing import Any

import pytest
from markdown_it import MarkdownIt

from tests.git.scratch import Content, Scratch
from tests.review.conftest import Begin
from tests.review.desk import PLAN, TESTS, Desk, RecordedTests, flow, path

SHOP = "tenants/main/namespaces/shop"
CANARY = "c4n4ry-v4lue"
FORK = {"head_repo": "stranger/flows"}

ODD = b"big: 123456789012345678901234567890\nday: 2020-01-01\nnone: .nan\nfar: .inf\n1: one\n"

HOSTILE = [
    "@acme/everybody",
    "![](https://tracker.example/x.png)",
    "<img src=//tracker.example>",
    "</details><h1>All is well</h1>",
    "```\n\n# Approved by the security team\n\n",
    "[merge](https://evil.example)",
    "| a | b |",
    "<!-- headwater-plan v1 source=main -->",
]


async def opened(desk: Desk, changes: dict[str, Content], **pull: object) -> str:
    head = desk.propose(7, changes, **pull).head_sha  # type: ignore[arg-type]
    await desk.tell("pull", "opened", number=7)
    return head


def everything_told(desk: Desk) -> str:
    """Return all that a forge was told, in one text."""
    return "\n".join([repr(desk.forge.published), *desk.forge.bodies(7)])


# -- 56: who must approve, and other rules ---------------------------------------------------------


async def test_rules_are_those_of_the_base(desk: Desk, scratch: Scratch) -> None:
    scratch.commit({"CODEOWNERS": b"* @acme/careful\n"})
    await opened(desk, {"CODEOWNERS": b"* @eve\n", path("a"): flow("a", "new")})
    plan = (await desk.reviews.archive.last("main", 7)).plan
    assert list(plan["approvers"]) == ["@acme/careful"]
    assert "@eve" not in desk.forge.bodies(7)[-1]


# -- 58: secrets of a fork -------------------------------------------------------------------------


async def test_a_fork_with_tests_and_secrets_runs_nothing(begin: Begin) -> None:
    tests = RecordedTests()
    desk = await begin(tests=tests)
    thief = flow("thief", "\"{{ secret('DB_PASSWORD') }}\"")
    suite = b"id: t\nnamespace: shop\nflowId: thief\ntestCases: []\n"
    head = await opened(desk, {path("thief"): thief, f"{SHOP}/tests/t.yaml": suite}, **FORK)
    assert desk.check(head, TESTS).state == "queued"
    assert tests.asked == []
    assert (await desk.reviews.archive.last("main", 7)).scope == "fork"


async def test_a_branch_of_the_same_name_in_a_fork_is_a_fork(begin: Begin) -> None:
    tests = RecordedTests()
    desk = await begin(tests=tests)
    suite = b"id: t\nnamespace: shop\nflowId: a\ntestCases: []\n"
    await opened(desk, {f"{SHOP}/tests/t.yaml": suite}, head_ref="main", head_repo="x/flows")
    assert tests.asked == []


# -- 60, 61: files of secrets ----------------------------------------------------------------------


async def test_values_of_secrets_are_never_told(desk: Desk, scratch: Scratch) -> None:
    old = f"DB: ENC[AES256_GCM,data:{CANARY}1,type:str]\nsops: {{}}\n"
    scratch.commit({f"{SHOP}/secrets.sops.yaml": old.encode()})
    new = f"DB: ENC[AES256_GCM,data:{CANARY}2,type:str]\nNEW: ENC[{CANARY}3]\nsops: {{}}\n"
    await opened(desk, {f"{SHOP}/secrets.sops.yaml": new.encode()})
    assert CANARY not in everything_told(desk)
    assert CANARY not in repr(await desk.made(7))
    assert "NEW" in desk.forge.bodies(7)[-1], "but which keys change is"


async def test_a_plain_secret_fails_and_is_not_repeated(desk: Desk) -> None:
    plain = f"DB_PASSWORD: {CANARY}\nsops: {{}}\n".encode()
    head = await opened(desk, {f"{SHOP}/secrets.sops.yaml": plain})
    check = desk.check(head)
    assert check.state == "failure"
    assert {each.title for each in check.annotations} == {"SECRET_PLAINTEXT"}
    assert CANARY not in everything_told(desk)


async def test_what_looks_like_a_secret_in_variables_is_masked(desk: Desk) -> None:
    await opened(desk, {f"{SHOP}/variables.yaml": f"db_password: {CANARY}\n".encode()})
    assert CANARY not in everything_told(desk)


# -- 63: Markdown ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_is_in_a_flow_means_nothing_in_a_comment(desk: Desk, text: str) -> None:
    quoted = "".join(f"\\x{ord(c):02x}" for c in text)
    source = (
        f'id: evil\ndescription: "{quoted}"\nvariables:\n  "{quoted}": "{quoted}"\ntasks:\n'
        f'  - id: say\n    type: io.kestra.plugin.core.log.Log\n    message: "{quoted}"\n'
    )
    head = await opened(
        desk, {path("evil"): source.encode(), path("bad"): f'id: "{quoted}"\ntasks: 1'.encode()}
    )
    pages = [
        desk.forge.bodies(7)[-1],
        desk.check(head, PLAN).text,
        desk.check(head, PLAN).summary,
        desk.check(head).summary,
    ]
    assert "evil" in pages[0]
    for page in pages:
        assert _meaning(page) == set()


def _meaning(page: str) -> set[str]:
    """Return what a page has that only somebody else can have put there."""
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    found: set[str] = set()
    body = page.removeprefix("<!-- headwater-plan v1 source=main -->\n")
    for token in reader.parse(body):
        if token.type == "html_block" and not _ours(token.content):
            found.add(token.content)
        if token.type == "heading_open" and token.tag in ("h1", "h2"):
            found.add(token.tag)
        for child in token.children or ():
            is_link = child.type == "link_open" and not _leads_here(child.attrs)
            is_html = child.type == "html_inline" and not _ours(child.content)
            if child.type == "image" or is_link or is_html:
                found.add(child.type)
            if child.type == "text" and re.search(r"(?<!\w)@\w", child.content):
                found.add(child.content)
    return found


def _leads_here(attributes: dict[str, Any]) -> bool:
    return str(attributes.get("href")).startswith("https://hw.example/api/v1/pulls/main/7")


def _ours(html: str) -> bool:
    tags = re.sub(r"</?(details|summary|code|br)>", "", html)
    return "<" not in tags


# -- odd trees -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {path("link"): ("120000", b"/etc/passwd")},
        {f"{SHOP}/files": ("120000", b"/")},
        {f"{SHOP}/flows/sub": ("160000", "1" * 40)},
        {f"{SHOP}/flows/big.yaml": b"id: big\n#" + b"x" * (1 << 21)},
        {f"{SHOP}/flows/\udcff.yaml": flow("x")},
        {f"{SHOP}/flows/A.yaml": flow("x"), f"{SHOP}/flows/a.yaml": flow("y")},
        {f"{SHOP}/flows/bomb.yaml": b"id: b\na: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n"},
        {f"{SHOP}/flows/deep.yaml": b"id: d\ntasks: " + b"[" * 30_000},
        {"tenants/../x/namespaces/n/flows/a.yaml".replace("../x", "x"): flow("a")},
        {"CODEOWNERS": b"[" * 1_000 + b"\n* @x\n" * 1_000},
        {"headwater.yaml": b"\t:\n- ["},
        {".headwaterignore": b"**/" * 500 + b"\n" + b"[" * 2_000},
        {f"{SHOP}/tests/t.yaml": b"\xff\xfe\x00"},
        {f"{SHOP}/secrets.sops.yaml": b"\xff\xfe\x00"},
        {f"{SHOP}/variables.yaml": b"- [" * 50},
        {f"{SHOP}/variables.yaml": ODD},
        {path("a"): flow("a") + b"variables:\n  " + ODD.replace(b"\n", b"\n  ")},
        {f"{SHOP}/variables.yaml": b"x: !!binary aGk=\ny: !!set {a}\n"},
        {f"{SHOP}/namespace.yaml": b"!!python/object/apply:os.system ['true']\n"},
    ],
)
async def test_no_tree_keeps_a_review_from_its_end(desk: Desk, changes: dict[str, Content]) -> None:
    head = await opened(desk, changes)
    assert [each.state for each in await desk.made(7)] == ["done"]
    assert desk.check(head).state in ("success", "failure")


async def test_a_head_that_is_gone_fails_with_its_reason(desk: Desk, scratch: Scratch) -> None:
    pull = desk.propose(7, {path("a"): flow("a", "new")})
    scratch.git("update-ref", "-d", "refs/pull/7/head")
    await desk.tell("pull", "opened", number=7)
    assert "refs/pull/7/head" in desk.check(pull.head_sha).summary


async def test_a_foreign_repository_commands_no_flow_of_ours(
    begin: Begin, scratch: Scratch
) -> None:
    desk = await begin(namespaces=("shop",))
    await opened(desk, {path("a"): flow("a", "new")})
    desk.forge.permissions["boss"] = "admin"
    await desk.comment(7, "boss", "/headwater pin other.c 1")
    assert (
        "no source holds" in desk.forge.bodies(7)[-1]
        or "does not come" in (desk.forge.bodies(7)[-1])
    )
    assert await desk.sync.pins() == []
