"""Uses of secrets: one entry for each execution and name; never a value."""

import base64

import pytest

from app.db.audit import AuditFilter
from tests.api.conftest import Api, api, ns

__all__ = ["api", "ns"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

VALUE = "orange-Canary/77+"
FLOW = """
tasks:
  - id: first
    type: io.kestra.plugin.core.debug.Return
    format: "{{ secret('AUDITED') }} {{ secret('AUDITED') }}"
  - id: second
    type: io.kestra.plugin.core.debug.Return
    format: "{{ secret('AUDITED') }}"
"""


async def test_a_use_is_noted_once(api: Api, ns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_AUDITED", base64.b64encode(VALUE.encode()).decode())
    await api.flow(ns, FLOW)
    execution = await api.run(f"{ns}/f")
    assert execution["state"]["current"] == "SUCCESS", execution
    found = await api.node.audit.search(AuditFilter("main", namespace=ns, action="secret.use"), 10)
    assert [each.target for each in found] == ["secret/AUDITED"]
    assert found[0].detail == {"flow": f"{ns}.f", "execution": execution["id"]}
    assert (found[0].actor, found[0].actor_kind) == (f"flow/{ns}.f", "flow")
    everything = await api.node.audit.search(AuditFilter("main"), 1_000)
    assert VALUE not in repr(everything)
