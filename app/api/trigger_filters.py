"""Which triggers a list asks for: Kestra's parameters and filters as one `TriggerFilter`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.requests import Request

from app.api.filters import Leaf, no_field, read_filters
from app.api.granted import Right
from app.api.single_filters import only_value, single_leaves
from app.db.trigger_records import TriggerFilter

_Text = Annotated[str | None, Query(max_length=500)]


def triggers_wanted(right: Right, request: Request) -> TriggerFilter:
    """Return which triggers a query asks for, within reach.

    Raises:
        BadRequest: for filters that are not possible.
    """
    query = request.query_params
    result = TriggerFilter(
        right.tenant,
        query.get("namespace") or None,
        query.get("flowId") or None,
        text=query.get("q"),
        reach=right.reach,
    )
    for leaf in single_leaves(read_filters(query.multi_items())):
        apply = _FILTERS.get(leaf.field)
        if apply is None:
            raise no_field(leaf, _FILTERS)
        result = apply(result, leaf)
    return result


def _namespace(result: TriggerFilter, leaf: Leaf) -> TriggerFilter:
    if leaf.operation in ("PREFIX", "STARTS_WITH"):
        return replace(result, namespace=leaf.value.rstrip("."))
    return replace(result, namespace=only_value(leaf), exact_namespace=True)


_FILTERS: Mapping[str, Any] = {
    "q": lambda result, leaf: replace(result, text=leaf.value),
    "namespace": _namespace,
    "flowId": lambda result, leaf: replace(result, flow_id=only_value(leaf)),
    "triggerId": lambda result, leaf: replace(result, trigger_id=only_value(leaf)),
}


async def _plain(
    q: _Text = None,
    namespace: _Text = None,
    flow_id: Annotated[str | None, Query(alias="flowId", max_length=500)] = None,
) -> None:
    """Declare the plain filters; `triggers_wanted` reads them from the query."""


PLAIN_FILTERS = (Depends(_plain),)
"""What a route depends on that finds triggers."""
