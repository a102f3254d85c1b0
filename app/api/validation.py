"""Validation of flows, tasks and triggers without saving them: the same code as a sync runs."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from app.access import Permission
from app.api.access import needs
from app.api.answers import Json
from app.api.dependencies import Dependencies
from app.api.documents import ValidationDocument, answers_with, problems_of, yaml_body
from app.api.flow_lookup import defaults_of, flows_of
from app.api.granted import Granted, Right
from app.api.paths import PREFIX, Tenant
from app.api.problems import described
from app.api.query import known_keys
from app.api.routing import Router
from app.api.services import Node, Services
from app.errors import Invalid
from app.flows.model import Task, Trigger
from app.flows.parse import Parsed, parse_entry
from app.flows.problems import Problem
from app.flows.topology import Name, Ties, circle, ties_of
from app.flows.yaml import Part, split_documents
from app.ports.flows import DefaultSetOf
from app.sync.validation import ANALYSER, parse

MAX_DOCUMENTS = 1_000

router = Router(
    prefix=f"{PREFIX}/{{tenant}}/flows",
    tags=["Flows"],
    dependencies=[Depends(known_keys)],
    responses=problems_of(413),
)

_DEPRECATED, _RENAMED = "DEPRECATED", "RENAMED_TYPE"


@router.post(
    "/validate",
    summary="Validate flows",
    responses=answers_with(list[ValidationDocument]),
    openapi_extra=yaml_body("Flows, divided by `---`."),
)
@needs(Permission.FLOW_VALIDATE)
async def validate(request: Request, right: Granted, node: Node) -> Response:
    """Tell what is wrong with each document, with its place and the way out."""
    source = text_of(await request.body())
    parts = divided(source)
    defaults = await defaults_of(node, right, [source])
    results, flows = await asyncio.to_thread(_all, parts, node, right, defaults)
    if any(each.starts for each in flows.values()):
        known: Dependencies = request.app.state.dependencies
        reach = right.to(Permission.FLOW_READ).reach
        there = await known.ties(node, right.tenant)
        seen = {name: ties for name, ties in there.items() if reach.holds(name.namespace)}
        every = {**seen, **flows}
        for body in results:
            _warn_of_circles(body, every)
    return Json(results)


@router.post(
    "/validate/task",
    summary="Validate a task",
    responses=answers_with(list[ValidationDocument]),
    openapi_extra=yaml_body("A task, as YAML or JSON."),
)
@needs(Permission.FLOW_VALIDATE)
async def task(
    request: Request,
    tenant: Tenant,
    node: Node,
    section: Annotated[
        str | None,
        Query(max_length=50, description="Where it stands; with it the answer is no list."),
    ] = None,
) -> Response:
    """Tell what is wrong with a single task.

    Clients that say where it stands expect the verdict itself, others a list of one.
    """
    del tenant  # a task is the same everywhere
    verdict = await _entry(request, node, Task)
    return Json([verdict] if section is None else verdict)


@router.post(
    "/validate/trigger",
    summary="Validate a trigger",
    responses=answers_with(list[ValidationDocument]),
    openapi_extra=yaml_body("A trigger, as YAML or JSON."),
)
@needs(Permission.FLOW_VALIDATE)
async def trigger(request: Request, tenant: Tenant, node: Node) -> Response:
    """Tell what is wrong with a single trigger: a list of one verdict."""
    del tenant  # a trigger is the same everywhere
    return Json([await _entry(request, node, Trigger)])


def text_of(body: bytes) -> str:
    """Return the text of a body of YAML.

    Raises:
        Invalid: when it is not UTF-8.
    """
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        message = "The document is not UTF-8; save it as UTF-8"
        problem = Problem("YAML_SYNTAX", "error", "", line, 1, message)
        raise Invalid(str(problem), problems=[problem]) from None


def divided(source: str) -> list[Part]:
    """Return the documents of a text.

    Raises:
        Invalid: when there are too many.
    """
    parts = split_documents(source)
    if len(parts) > MAX_DOCUMENTS:
        message = f"{len(parts)} documents are more than the limit of {MAX_DOCUMENTS}"
        raise Invalid(message)
    return parts


def _all(
    parts: Sequence[Part], node: Services, right: Right, defaults: DefaultSetOf
) -> tuple[list[dict[str, Any]], dict[Name, Ties]]:
    """Return the verdicts, and what the valid flows start and listen to."""
    outdated = _outdated(node, right)
    results, flows = [], {}
    for index, part in enumerate(parts):
        parsed = parse(part.source, node.registry, right.tenant, None, defaults=defaults)
        results.append(_result(index, part, parsed, outdated))
        if parsed.flow is not None:
            flows[Name(parsed.flow.namespace, parsed.flow.id)] = ties_of(parsed.flow)
    return results, flows


def _warn_of_circles(body: dict[str, Any], flows: Mapping[Name, Ties]) -> None:
    """Add a warning when a flow is part of a circle of subflows (security case 108)."""
    name = Name(body.get("namespace", ""), body.get("flow", ""))
    found = circle(flows, name) if name in flows else []
    if found:
        shown = " → ".join(f"{each.namespace}.{each.id}" for each in found)
        message = f"Flows start each other in a circle: {shown}; see that one of them stops it"
        body["warnings"].append(message)


_Outdated = Callable[[Parsed], bool]


def _outdated(node: Services, right: Right) -> _Outdated:
    """Return how to find out that a flow is older than what is active."""
    flows = flows_of(node, right.to(Permission.FLOW_READ))
    active = {(each.namespace, each.flow_id): each for each in flows}

    def check(parsed: Parsed) -> bool:
        flow = parsed.flow
        known = active.get((flow.namespace, flow.id)) if flow is not None else None
        written = flow.revision if flow is not None else None
        return known is not None and written is not None and written < known.revision

    return check


def _result(index: int, part: Part, parsed: Parsed, outdated: _Outdated) -> dict[str, Any]:
    body = _verdict(index, parsed.problems, part.line)
    body["outdated"] = outdated(parsed)
    if parsed.flow is not None:
        body["flow"] = parsed.flow.id
        body["namespace"] = parsed.flow.namespace
    return body


def _verdict(index: int, problems: Sequence[Problem], line: int = 0) -> dict[str, Any]:
    """Return what is wrong with one document, which begins after `line`."""
    errors = [each for each in problems if each.severity == "error"]
    mild = [each for each in problems if each.severity != "error"]
    body: dict[str, Any] = {
        "index": index,
        "outdated": False,
        "deprecationPaths": [each.path for each in mild if each.code == _DEPRECATED],
        "warnings": [each.message for each in mild if each.code not in (_DEPRECATED, _RENAMED)],
        "infos": [each.message for each in mild if each.code == _RENAMED],
        "problems": [_placed(each, line) for each in problems],
    }
    if errors:
        body["constraints"] = "\n".join(_constraint(each) for each in errors)
    return body


def _constraint(problem: Problem) -> str:
    """Return an error as Kestra words it: the path, then what is wrong."""
    return f"{problem.path}: {problem.message}" if problem.path else problem.message


def _placed(problem: Problem, line: int) -> dict[str, Any]:
    body = described(problem)
    if body["line"]:
        body["line"] += line
    return body


async def _entry(
    request: Request, node: Services, kind: type[Task] | type[Trigger]
) -> dict[str, Any]:
    parsed = await asyncio.to_thread(
        parse_entry, await request.body(), kind, types=node.registry, check=ANALYSER
    )
    return _verdict(0, parsed.problems)
