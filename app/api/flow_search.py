"""Which flows a list asks for: found in memory, where what is active is held anyway."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Annotated

from fastapi import Query
from starlette.datastructures import QueryParams

from app.api.filters import Group, Leaf, holds, read_filters
from app.api.flow_lookup import flows_of
from app.api.granted import Right
from app.api.services import Services
from app.errors import BadRequest
from app.flows.model import label_map
from app.ports import FlowRevision

_Text = Annotated[str | None, Query(max_length=500)]

_FIELDS = frozenset({"q", "namespace", "flowId", "labels", "scope"})
_SORTABLE = ("id", "namespace")

Labels = Mapping[str, str]


async def plain_filters(
    q: _Text = None,
    scope: _Text = None,
    namespace: _Text = None,
    labels: Annotated[list[str], Query(max_length=100)] = [],  # noqa: B006 - FastAPI copies it
) -> None:
    """Declare the parameters of earlier versions; `find` reads them from the query."""


async def find(node: Services, right: Right, query: QueryParams) -> list[FlowRevision]:
    """Return the active flows within reach that a query asks for, in order of name.

    Raises:
        BadRequest: for filters that are not possible.
    """
    asked = read_filters(query.multi_items())
    asked.children.extend(_plain(query))
    leaves = list(_leaves(asked))
    for leaf in leaves:
        if leaf.field not in _FIELDS:
            message = f"{leaf} is not possible here; fields are {', '.join(sorted(_FIELDS))}"
            raise BadRequest(message)
    with_labels = any(leaf.field == "labels" for leaf in leaves)
    found = []
    for each in flows_of(node, right):
        labels = await _labels(node, each) if with_labels else {}
        if holds(asked, partial(_values, each, labels)):
            found.append(each)
    return found


def _plain(query: QueryParams) -> Iterator[Leaf]:
    if text := query.get("q"):
        yield Leaf("q", "CONTAINS", text)
    if namespace := query.get("namespace"):
        yield Leaf("namespace", "PREFIX", namespace)
    for label in query.getlist("labels"):
        yield Leaf("labels", "EQUALS", label)


def _leaves(group: Group) -> Iterator[Leaf]:
    for child in group.children:
        if isinstance(child, Leaf):
            yield child
        else:
            yield from _leaves(child)


async def _labels(node: Services, revision: FlowRevision) -> Labels:
    loaded = await node.flows.load(revision)
    return label_map(loaded.flow.labels)


def _values(flow: FlowRevision, labels: Labels, leaf: Leaf) -> Iterable[str]:
    """Return the texts that a comparison looks at."""
    match leaf.field:
        case "q":
            texts = (flow.flow_id, flow.namespace, f"{flow.namespace}.{flow.flow_id}")
            # A search is for a part, whatever the operation is called.
            return [leaf.value] if any(leaf.value.casefold() in t.casefold() for t in texts) else []
        case "namespace":
            return [flow.namespace]
        case "flowId":
            return [flow.flow_id]
        case "labels" if leaf.key is not None:
            return [labels[leaf.key]] if leaf.key in labels else []
        case "labels":
            return [f"{key}:{value}" for key, value in labels.items()]
        case _:
            return [leaf.value]  # the scope: nothing here belongs to the system


def ordered(flows: list[FlowRevision], sort: list[str]) -> list[FlowRevision]:
    """Return flows in the order that is asked for.

    Raises:
        BadRequest: when something cannot be sorted by.
    """
    for each in reversed(sort):
        name, _, direction = each.partition(":")
        if name not in _SORTABLE or direction not in ("", "asc", "desc"):
            message = f"sort: {each!r} is not possible; write id or namespace and :asc or :desc"
            raise BadRequest(message)
        attribute = "flow_id" if name == "id" else name
        flows = sorted(flows, key=lambda f: getattr(f, attribute), reverse=direction == "desc")
    return flows
