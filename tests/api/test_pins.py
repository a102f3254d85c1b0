"""Pins of flows, namespaces and sources; rollbacks and what has to be confirmed."""

import pytest

from tests.api.conftest import RETURN, Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAILY = """triggers:
  - id: daily
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 0 1 1 *"
"""


async def two(api: Api, ns: str, flow_id: str = "f", tail: str = "") -> list[str]:
    first = await api.flow(ns, RETURN + tail, flow_id)
    second = await api.flow(ns, RETURN.replace("Hello", "Bye"), flow_id)
    return [first["commit"], second["commit"]]


async def test_a_plan_is_shown_and_confirmed(api: Api, ns: str) -> None:
    await two(api, ns, tail=DAILY)
    path = f"flows/{ns}/f"
    for verb, target in (("pin", {"revision": 1}), ("rollback", {"to": 1})):
        tried = await api.post(f"{path}/{verb}", json={**target, "dryRun": True})
        (planned,) = tried["flows"]
        assert (planned["from"], planned["to"]) == (2, 1)
        assert [each["code"] for each in planned["concerns"]] == ["TRIGGER_RETURNS"]
        refused = await api.post(f"{path}/{verb}", 409, json=target)
        assert refused["code"] == "CONFIRMATION_NEEDED"
        assert refused["plan"] == tried
        assert await api.get(path) | {"revision": 2} == await api.get(path)
    pin = await api.post(f"{path}/pin", json={"revision": 1, "confirm": True, "reason": "sure"})
    assert pin["scope"] == "flow"
    await api.ask("DELETE", f"{path}/pin?reason=over", 204)
    (ended,) = await api.get(f"{path}/pins")
    assert (ended["reason"], ended["endedBy"]) == ("sure", "Headwater API")


async def test_a_namespace(api: Api, ns: str) -> None:
    commits = [*await two(api, ns, "a"), *await two(api, ns, "b")]
    path = f"namespaces/{ns}/pin"
    tried = await api.post(path, json={"commit": commits[1], "dryRun": True})
    assert [each["flowId"] for each in tried["left"]] == ["b"]
    await api.post(path, 409, json={"commit": commits[0]})
    made = await api.post(path, json={"commit": commits[2], "until": "manual", "reason": "calm"})
    assert [(each["flowId"], each["revision"]) for each in made] == [("a", 2), ("b", 1)]
    assert {each["scope"] for each in made} == {"namespace"}
    assert (await api.get(f"flows/{ns}/b"))["pinned"] is True
    await api.ask("DELETE", path, 204)
    await api.ask("DELETE", path, 404)
    assert (await api.get(f"flows/{ns}/b"))["revision"] == 2


async def test_a_source(api: Api, ns: str) -> None:
    first, second = await two(api, ns)
    path = "/api/v1/sources/main/pin"
    tried = await api.post(path, json={"commit": first, "dryRun": True})
    assert [each["flowId"] for each in tried["flows"] if each["namespace"] == ns] == ["f"]
    body = {"commit": first, "confirm": True}
    made = await api.post(path, json=body)
    assert ns in {each["namespace"] for each in made}
    assert (await api.get(f"flows/{ns}/f"))["revision"] == 1
    await api.ask("DELETE", path, 204)
    assert (await api.get(f"flows/{ns}/f"))["commit"] == second
    await api.ask("DELETE", path, 404)
    await api.post("/api/v1/sources/other/pin", 404, json=body)
    await api.ask("DELETE", "/api/v1/sources/other/pin", 404)


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 422), ({"commit": "no"}, 422), ({"commit": "0000000"}, 404), ({"until": "x"}, 422)],
)
async def test_what_cannot_be_pinned(
    api: Api, ns: str, body: dict[str, object], status: int
) -> None:
    await two(api, ns)
    await api.post(f"namespaces/{ns}/pin", status, json=body)
    await api.post("namespaces/nothing.here/pin", 404, json={"commit": "0000000"})
