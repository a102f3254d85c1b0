"""Pull requests: what reviews found, the plan of each, the results of its tests."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query
from starlette.responses import PlainTextResponse, Response

from app.access import Permission
from app.api.access import By, needs
from app.api.answers import Json
from app.api.documents import problems_of
from app.api.paths import NAME_RULE, PREFIX
from app.api.query import known_keys
from app.api.records import record_json
from app.api.routing import Router
from app.api.services import Node
from app.api.source_rights import permit_source, seen_sources
from app.db.pull_records import Pull, Review
from app.engine.flow_tests.junit import junit
from app.sync.review.results import results_of

router = Router(
    prefix=f"{PREFIX}/pulls",
    tags=["Git"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(404),
)

Repo = Annotated[str, Path(pattern=NAME_RULE, description="The source that it is reviewed for.")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The number of the pull request.")]


@router.get("", summary="Pull requests")
@needs(Permission.REPO_READ)
async def listed(
    node: Node,
    by: By,
    source: Annotated[
        str | None, Query(pattern=NAME_RULE, description="Those of this source.")
    ] = None,
    state: Annotated[
        Literal["open", "closed", "merged"] | None, Query(description="Those in this state.")
    ] = None,
) -> Response:
    """List the pull requests that reviews were made of, newest first."""
    if source is not None:
        await permit_source(node, by, Permission.REPO_READ, source)
    found = await node.reviews.archive.pulls(source, state)
    if source is None and not by.may(Permission.REPO_READ):
        seen = {each.id for each in await seen_sources(node, by)}
        found = [each for each in found if each.source_id in seen]
    return Json([record_json(each) for each in found])


@router.get("/{repo}/{number}", summary="A pull request")
@needs(Permission.REPO_READ)
async def get(repo: Repo, number: Number, node: Node, by: By) -> Response:
    """Answer with a pull request and its reviews, newest first."""
    await permit_source(node, by, Permission.REPO_READ, repo)
    pull = await node.reviews.archive.pull(repo, number)
    reviews = await node.reviews.archive.reviews(repo, number)
    return Json(_pull_json(pull, reviews))


@router.get("/{repo}/{number}/plan", summary="The plan of a pull request")
@needs(Permission.REPO_READ)
async def plan(repo: Repo, number: Number, node: Node, by: By) -> Response:
    """Answer with what merging it would do, as the last review found it."""
    await permit_source(node, by, Permission.REPO_READ, repo)
    review = await node.reviews.archive.last(repo, number)
    return Json({**_identity(review), "plan": review.plan})


@router.get("/{repo}/{number}/tests", summary="Results of the tests of a pull request")
@needs(Permission.REPO_READ)
async def results(
    repo: Repo,
    number: Number,
    node: Node,
    by: By,
    form: Annotated[
        Literal["json", "junit"], Query(alias="format", description="`junit`: JUnit XML.")
    ] = "json",
) -> Response:
    """Answer with what became of the tests that the last review ran."""
    await permit_source(node, by, Permission.REPO_READ, repo)
    review = await node.reviews.archive.last(repo, number)
    if form == "junit":
        document = junit(results_of(review.tests))
        return PlainTextResponse(document, media_type="application/xml")
    return Json({**_identity(review), "suites": review.tests.get("suites", [])})


def _pull_json(pull: Pull, reviews: list[Review]) -> dict[str, Any]:
    return {**record_json(pull), "reviews": [_review_json(each) for each in reviews]}


def _review_json(review: Review) -> dict[str, Any]:
    """Return a review without the plan and the tests: they have addresses of their own."""
    told = record_json(review)
    for name in ("plan", "tests", "sourceId", "number", "checks"):
        told.pop(name, None)
    return {**told, "findings": list(review.findings)}


def _identity(review: Review) -> dict[str, Any]:
    told = {
        "number": review.number,
        "head": review.head_sha,
        "base": review.base_sha,
        "mergeTree": review.merge_tree,
        "outcome": review.outcome,
    }
    return {name: value for name, value in told.items() if value is not None}
