"""`GET /docs`: the description of the API as a page, without scripts and from nowhere else."""

from collections.abc import Iterator
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.api.access import needs_login
from app.api.answers import Json
from app.api.routing import Router

router = Router(include_in_schema=False)

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
}
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:#1b1f24;background:#fff}
code{font:13px ui-monospace,monospace}summary{cursor:pointer;padding:.2rem 0}
b{display:inline-block;min-width:4.5rem;font-weight:600}
table{border-collapse:collapse;margin:.3rem 0 1rem}
td{border-top:1px solid #ddd;padding:.2rem .8rem .2rem 0;vertical-align:top}
@media(prefers-color-scheme:dark){body{color:#d7dce2;background:#14181d}td{border-color:#333}}
"""


@router.get("/openapi.json")
@needs_login("the description of the API holds nothing of a tenant")
async def openapi(request: Request) -> Response:
    """Answer with the description of the API for programs."""
    return Json(request.app.openapi())


@router.get("/docs")
@needs_login("the description of the API holds nothing of a tenant")
async def docs(request: Request) -> Response:
    """Show what the API can do."""
    state = request.app.state
    if getattr(state, "reference", None) is None:
        state.reference = "".join(_page(request.app.openapi()))
    return HTMLResponse(state.reference, headers=_HEADERS)


def _page(description: dict[str, Any]) -> Iterator[str]:
    info = description["info"]
    yield f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])}</title>"
    yield f"<style>{_STYLE}</style><h1>{escape(info['title'])} {escape(info['version'])}</h1>"
    for paragraph in info["description"].strip().split("\n\n"):
        yield f"<p>{escape(paragraph)}</p>"
    yield '<p>For programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI).</p>'
    for tag, operations in sorted(_by_tag(description).items()):
        yield f"<h2>{escape(tag)}</h2>"
        for method, path, operation in operations:
            yield from _operation(method, path, operation)


_Operation = tuple[str, str, dict[str, Any]]


def _by_tag(description: dict[str, Any]) -> dict[str, list[_Operation]]:
    found: dict[str, list[_Operation]] = {}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            for tag in operation.get("tags") or ["Other"]:
                found.setdefault(tag, []).append((method.upper(), path, operation))
    return found


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<details><summary><b>{method}</b> <code>{escape(path)}</code> "
    yield f"{escape(operation.get('summary', ''))}</summary>"
    yield f"<p>{escape(operation.get('description', ''))}</p>"
    parameters = [each for each in operation.get("parameters", ()) if each["in"] != "path"]
    if parameters:
        yield "<table>"
        for each in parameters:
            yield f"<tr><td><code>{escape(each['name'])}</code><td>{escape(each['in'])}"
            yield f"<td>{escape(each.get('description', ''))}"
        yield "</table>"
    yield "</details>"
