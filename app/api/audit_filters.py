"""Filters of the audit log as Kestra's clients send them."""

from collections.abc import Callable
from typing import Any

from starlette.datastructures import QueryParams

from app.api.audit_json import THINGS, VERBS
from app.api.filters import Leaf, no_field, read_filters
from app.api.single_filters import not_possible, only_value, single_leaves
from app.api.times import read_duration, read_instant
from app.db.audit import AuditFilter
from app.errors import BadRequest


def read_filter(query: QueryParams, now: int) -> AuditFilter:
    """Return what the filters of a query mean; `now` (µs) is the end of a `timeRange`.

    Raises:
        BadRequest: for filters and values that are not possible.
    """
    wanted = AuditFilter()
    for leaf in single_leaves(read_filters(query.multi_items())):
        apply = _FIELDS.get(leaf.field)
        if apply is None:
            raise no_field(leaf, _FIELDS)
        wanted = apply(wanted, leaf, now)
    return wanted


def _text(wanted: AuditFilter, leaf: Leaf, _: int) -> AuditFilter:
    if leaf.operation not in ("EQUALS", "CONTAINS"):
        raise not_possible(leaf, "EQUALS", "CONTAINS")
    return wanted._replace(text=leaf.value[:300])


def _namespace(wanted: AuditFilter, leaf: Leaf, _: int) -> AuditFilter:
    if leaf.operation not in ("EQUALS", "PREFIX", "STARTS_WITH"):
        raise not_possible(leaf, "EQUALS", "PREFIX")
    return wanted._replace(namespace=leaf.value.rstrip("."))


def _dated(wanted: AuditFilter, leaf: Leaf, _: int) -> AuditFilter:
    at = read_instant(leaf.value, leaf.field)
    if leaf.operation.startswith("GREATER_THAN"):
        return wanted._replace(since=at)
    if leaf.operation.startswith("LESS_THAN"):
        return wanted._replace(until=at)
    raise not_possible(leaf, "GREATER_THAN_OR_EQUAL_TO", "LESS_THAN_OR_EQUAL_TO")


def _range(wanted: AuditFilter, leaf: Leaf, now: int) -> AuditFilter:
    return wanted._replace(since=now - read_duration(only_value(leaf), leaf.field))


def _resources(wanted: AuditFilter, leaf: Leaf, _: int) -> AuditFilter:
    return wanted._replace(things=things_of(_several(leaf)))


def _types(wanted: AuditFilter, leaf: Leaf, _: int) -> AuditFilter:
    return typed(wanted, _several(leaf))


def _several(leaf: Leaf) -> list[str]:
    return leaf.values if leaf.operation == "IN" else [only_value(leaf)]


def things_of(resources: list[str]) -> tuple[str, ...]:
    """Return how actions on these resources begin."""
    found = [thing for thing, resource in THINGS.items() if resource in resources]
    return tuple(found) or ("none",)


def typed(wanted: AuditFilter, types: list[str]) -> AuditFilter:
    """Return the filter for types of actions; UPDATE is whatever is none of the others."""
    if unknown := [each for each in types if each not in (*VERBS, *_NEVER, "UPDATE")]:
        message = f"type: {unknown[0][:30]!r} is none of {', '.join((*VERBS, *_NEVER, 'UPDATE'))}"
        raise BadRequest(message)
    if types == ["UPDATE"]:
        return wanted._replace(no_verbs=tuple(v for verbs in VERBS.values() for v in verbs))
    if "UPDATE" in types:
        left_out = [verbs for kind, verbs in VERBS.items() if kind not in types]
        return wanted._replace(no_verbs=tuple(verb for verbs in left_out for verb in verbs))
    return wanted._replace(verbs=tuple(v for each in types for v in VERBS.get(each, ("none",))))


def detailed(wanted: AuditFilter, name: str, value: Any) -> AuditFilter:
    """Return the filter for one field of a detail; raises `BadRequest` for an unknown one."""
    plain = str(value)[:200]
    fields = {"namespace": "namespace", "flowId": "flow_id", "id": "name", "executionId": "name"}
    if name not in fields:
        message = f"detail: {name[:50]!r} is none of {', '.join(fields)}"
        raise BadRequest(message)
    given: dict[str, Any] = {fields[name]: plain}
    return wanted._replace(**given)


def _exactly(field: str) -> Callable[[AuditFilter, Leaf, int], AuditFilter]:
    def apply(wanted: AuditFilter, leaf: Leaf, _: int) -> AuditFilter:
        given: dict[str, Any] = {field: only_value(leaf)}
        return wanted._replace(**given)

    return apply


_NEVER = ("READ", "IMPERSONATE", "ACCOUNT_LOCKED", "UNKNOWN")
"""Types that Kestra knows and that do not occur here."""
_FIELDS: dict[str, Callable[[AuditFilter, Leaf, int], AuditFilter]] = {
    "q": _text,
    "query": _text,
    "namespace": _namespace,
    "flowId": _exactly("flow_id"),
    "executionId": _exactly("name"),
    "id": _exactly("name"),
    "userId": _exactly("actor_id"),
    "username": _exactly("actor"),
    "resources": _resources,
    "resource": _resources,
    "type": _types,
    "action": _types,
    "startDate": _dated,
    "endDate": _dated,
    "created": _dated,
    "timeRange": _range,
}
