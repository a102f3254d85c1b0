"""A plan as JSON has it: camelCase, and nothing that says nothing."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.flows.topology import Name
from app.sync.findings import Found
from app.sync.planning.changes import FlowChange, KeyChange, NamespaceChange, TriggerChange


def plan_json(namespaces: Iterable[NamespaceChange], findings: Iterable[Found]) -> dict[str, Any]:
    """Return the body of a plan."""
    return {
        "namespaces": [namespace_json(each) for each in namespaces],
        "findings": [finding_json(each) for each in findings],
    }


def namespace_json(change: NamespaceChange) -> dict[str, Any]:
    """Return what changes in a namespace."""
    return _told(
        {
            "tenant": change.tenant,
            "namespace": change.namespace,
            "flows": [flow_json(each) for each in change.flows],
            "variables": [key_json(each) for each in change.variables],
            "secrets": [key_json(each) for each in change.secrets],
            "previewSecrets": [key_json(each) for each in change.preview_secrets],
            "files": [each._asdict() for each in change.files],
            "tests": [each._asdict() for each in change.tests],
            "settings": change.settings,
        }
    )


def flow_json(change: FlowChange) -> dict[str, Any]:
    """Return what becomes of a flow."""
    return _told(
        {
            "id": change.key[2],
            "namespace": change.key[1],
            "tenant": change.key[0],
            "kind": change.kind,
            "path": change.path,
            "oldPath": change.old_path,
            "renamedFrom": ".".join(change.old_key[1:]) if change.old_key else "",
            "carries": change.carries,
            "semantic": change.semantic,
            "blob": change.blob,
            "oldBlob": change.old_blob,
            "differences": [_known(each._asdict()) for each in change.differences],
            "triggers": [_trigger_json(each) for each in change.triggers],
            "breaks": [
                {**each.change._asdict(), "callers": _names(each.callers)} for each in change.breaks
            ],
            "newTypes": list(change.new_types),
            "newSecrets": list(change.new_secrets),
            "dependents": _names(change.dependents),
            "approvers": list(change.approvers),
            "running": [_told(each._asdict()) for each in change.running],
            "users": change.users,
        },
        kept=("semantic",),
    )


def key_json(change: KeyChange) -> dict[str, Any]:
    """Return what becomes of a variable or a secret's name."""
    return _known(change._asdict())


def finding_json(found: Found) -> dict[str, Any]:
    """Return a finding in the words of the API."""
    return _told(
        {
            "code": found.code,
            "severity": found.severity,
            "path": found.path,
            "line": found.line,
            "column": found.column,
            "pointer": found.pointer,
            "message": found.message,
            "fix": found.fix,
            "tenant": found.namespace[0],
            "namespace": found.namespace[1],
            "flowId": found.flow_id,
        }
    )


def _trigger_json(change: TriggerChange) -> dict[str, Any]:
    return _told(
        {
            "id": change.id,
            "kind": change.kind,
            "type": change.type,
            "before": list(change.dates.before),
            "after": list(change.dates.after),
        }
    )


def _names(names: Iterable[Name]) -> list[str]:
    return [f"{each.namespace}.{each.id}" for each in names]


def _told(values: Mapping[str, Any], kept: tuple[str, ...] = ()) -> dict[str, Any]:
    """Leave out what says nothing."""
    return {
        name: value
        for name, value in values.items()
        if name in kept or value not in (None, "", 0, False, [], ())
    }


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what there is not; a value of false or zero says something."""
    return {name: value for name, value in values.items() if value is not None}
