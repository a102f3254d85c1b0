"""What a tenant.yaml narrows: where calls go, whether programs run."""

import pytest

from app.config import HttpSettings, RunnerSettings
from app.engine.host_http import call_http
from app.errors import HeadwaterError, Unavailable
from app.plugins.http import CallRefused, Egress, Policy, http_client
from app.ports import HttpCall
from app.runners.choice import NodeRunners
from app.sync.tenant_egress import narrowing_of
from app.sync.tenant_file import UNSAID, TenantSettings, read_tenant, tenant_problems
from app.sync.tenant_programs import TenantPrograms
from tests.plugins.servers import serving

FILES = {
    "listed": b"egress: {allow: [api.test]}",
    "closed": b"egress: {policy: private}",
    "wide": b"egress: {policy: open, allow: [0.0.0.0/0]}",
    "here": b"egress: {policy: allow-list, allow: [127.0.0.1]}",
    "still": b"runners: {process: false}",
}


def settings_of(tenant: str) -> TenantSettings:
    return read_tenant(FILES[tenant]) if tenant in FILES else UNSAID


@pytest.mark.parametrize(
    ("tenant", "passes"),
    [("", True), ("free", True), ("wide", True), ("here", True), ("listed", False),
     ("closed", False)],
)  # fmt: skip
async def test_calls_of_a_tenant(tenant: str, passes: bool) -> None:
    egress = Egress(Policy.named("open"), narrowing=narrowing_of(settings_of))
    client = http_client(HttpSettings(), egress)
    try:
        async with serving() as server:
            url = f"http://127.0.0.1:{server.port}/"
            call = HttpCall("GET", url, tenant=tenant)
            if passes:
                async with client.send(call):
                    pass
            else:
                with pytest.raises(CallRefused, match=f"tenant {tenant}"):
                    async with client.send(call):
                        pass
                assert server.connections == 0
    finally:
        await client.close()


async def test_expressions_call_for_their_tenant() -> None:
    egress = Egress(Policy.named("open"), narrowing=narrowing_of(settings_of))
    client = http_client(HttpSettings(), egress)
    names = ("method", "query", "body", "contentType", "headers", "options", "accept")
    try:
        async with serving() as server:
            request = dict.fromkeys(names) | {"method": "GET", "uri": server.url("/")}
            with pytest.raises(HeadwaterError, match="tenant listed"):
                await call_http(client, request, "listed")
            assert server.connections == 0
    finally:
        await client.close()


def test_a_tenant_never_widens() -> None:
    narrowing = narrowing_of(settings_of)
    service = Egress(Policy.named("private"), narrowing=narrowing)
    policies = service._policies("wide")
    assert any(policy.refusal("127.0.0.1", 80, "127.0.0.1") for policy in policies)
    assert narrowing("free") is None


def test_a_destination_that_is_none_is_told() -> None:
    (problem,) = tenant_problems(b"egress: {allow: ['https://api.test/x']}")
    assert "is no destination" in problem.message


@pytest.mark.parametrize(
    ("tenant", "names", "allowed", "told"),
    [
        ("free", ["free"], False, None),
        ("free", [], False, None),
        ("free", ["free", "other"], False, "several tenants"),
        ("free", ["free", "other"], True, None),
        ("still", ["still"], True, "tenant.yaml"),
    ],
)
def test_programs_beside_the_service(
    tenant: str, names: list[str], allowed: bool, told: str | None
) -> None:
    programs = TenantPrograms(settings_of, lambda: names, is_allowed=allowed)
    runners = NodeRunners(RunnerSettings(docker_as_process=True), programs)
    for kind in (None, "process", "docker"):
        if told is None:
            assert runners.choose(kind, tenant)
        else:
            with pytest.raises(Unavailable, match=told):
                runners.choose(kind, tenant)
