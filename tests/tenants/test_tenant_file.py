"""What `tenant.yaml` says, and what holds where it cannot be read."""

import pytest
from pydantic import ValidationError

from app.git.layout import Layout
from app.sync.documents import judged
from app.sync.findings import NOWHERE
from app.sync.tenant_file import UNSAID, read_tenant, readable_tenant, tenant_problems

WHOLE = b"""
title: Acme
description: All of it
labels: {cost: "12"}
quotas: {executions: 100, taskRuns: 8, weight: 2.5}
egress: {policy: allow-list, allow: [api.acme.example, "*.acme.example", 10.0.0.0/8]}
crossNamespace: granted
secrets: pinned
pluginDefaults:
  - type: io.kestra.plugin.core.log.Log
    values: {level: WARN}
runners: {process: false}
"""


def test_all_of_it() -> None:
    found = read_tenant(WHOLE)
    assert (found.title, dict(found.labels)) == ("Acme", {"cost": "12"})
    assert (found.quotas.executions, found.quotas.task_runs, found.quotas.weight) == (100, 8, 2.5)
    assert found.egress.policy == "allow-list"
    assert found.egress.allow == ("api.acme.example", "*.acme.example", "10.0.0.0/8")
    assert (found.cross_namespace, found.secrets) == ("granted", "pinned")
    assert found.plugin_defaults[0].values == {"level": "WARN"}
    assert not found.runners.process
    assert list(tenant_problems(WHOLE)) == []


def test_an_empty_file_says_nothing() -> None:
    assert read_tenant(b"") == read_tenant(b"# nothing\n") == UNSAID


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (b"quotas: {executions: 0}", "quotas.executions"),
        (b"quotas: {weight: 0}", "quotas.weight"),
        (b"quotas: {queue: 1}", "quotas.queue"),
        (b"egress: {policy: closed}", "egress.policy"),
        (b"egress: {allow: ['a b']}", "egress.allow.0"),
        (b"crossNamespace: sometimes", "crossNamespace"),
        (b"secrets: oldest", "secrets"),
        (b"quota: {}", "quota"),
        (b"pluginDefaults: [{type: x}]", "pluginDefaults.0.values"),
    ],
)
def test_what_is_wrong_is_told(text: bytes, where: str) -> None:
    with pytest.raises(ValidationError):
        read_tenant(text)
    (problem,) = tenant_problems(text)
    assert (problem.code, problem.severity, problem.path) == ("TENANT_INVALID", "error", where)


def test_the_place_is_told() -> None:
    text = b"title: Acme\negress:\n  policy: open\n  allow:\n    - api.test\n    - a b\n"
    (problem,) = tenant_problems(text)
    assert (problem.line, problem.column) == (6, 7)


@pytest.mark.parametrize("text", [b"[]", b"a: [", b"\xff\xfe", b"a: 1\na: 2\n", b"&a [*a]"])
def test_what_is_no_document_is_strict(text: bytes) -> None:
    assert list(tenant_problems(text))
    found = readable_tenant(text)
    assert (found.egress.policy, found.cross_namespace) == ("allow-list", "granted")
    assert not found.runners.process


def test_the_offline_check_tells_it() -> None:
    layout = Layout()
    place = layout.place("tenants/acme/tenant.yaml")
    assert place is not None
    (found,) = judged(place, b"crossNamespace: no\n", layout)
    assert (found.code, found.severity, found.namespace) == ("TENANT_INVALID", "error", NOWHERE)
    assert list(judged(place, WHOLE, layout)) == []


def test_the_rest_is_read_where_a_part_is_wrong() -> None:
    found = readable_tenant(b"title: Acme\nlabels: 1\negress: {policy: x}\nquotas: {weight: 3}\n")
    assert (found.title, found.quotas.weight, found.labels) == ("Acme", 3.0, {})
    assert (found.egress.policy, found.egress.allow) == ("allow-list", ())
    assert found.cross_namespace == "allowed", "it is not wrong"
    found = readable_tenant(b"crossNamespace: grnted\nquotas: {executions: -1}\nno: 1\n")
    assert (found.cross_namespace, found.quotas.executions) == ("granted", None)
