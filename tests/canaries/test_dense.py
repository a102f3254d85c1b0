"""One service with unusual secrets, used in every way at once: none of them is seen anywhere."""

import asyncio
import io
import json
import logging
import secrets
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.config import load_settings
from app.flows.encryption import MASK
from app.main import create_app
from app.secrets.keys import new_identity
from app.telemetry import configure_logging
from tests.access.route_list import CALLS
from tests.canaries.sightings import Canaries, base64_of
from tests.git.scratch import Scratch
from tests.sync.sealed import sealed

BASE = "/api/v1/main"
IDENTITY, RECIPIENT = new_identity()
OTHER, STRANGER = new_identity()


def unusual(name: str) -> str:
    return f'cny-{name}-{secrets.token_hex(8)}/+ü"\\&'


VALUES = {
    "sops": unusual("sops"),
    "nested": unusual("nested"),
    "environment": unusual("environment"),
    "pin": unusual("pin"),
    "hook": f"cnyhook{secrets.token_hex(12)}",
    "pem": "\n".join(f"cny{secrets.token_hex(24)}" for _ in range(3)),
    "object": json.dumps({"user": "cny-user-name-1", "password": unusual("password")}),
    "tenant": unusual("tenant"),
    "identity": IDENTITY,
    "key": base64_of(secrets.token_hex(16)),
    "delivery": unusual("delivery"),
}

SCRIPT = """
printf '%s' "${TOKEN%????????}"; sleep 0.05; printf '%s\\n' "${TOKEN#"${TOKEN%????????}"}"
printf '%s\\n' "$PEM" | while read -r line; do echo "line $line"; done
printf '%s' "$TOKEN" | base64 -w0; echo
printf 'Basic %s' "$(printf 'user:%s' "$TOKEN" | base64 -w0)"; echo
echo "$OBJECT" >&2
printf '::{"outputs":{"token":"%s"}}::\\n' "cut"
"""

FLOW = """
id: all
namespace: zoo.birds
inputs:
  - {id: pin, type: SECRET}
  - {id: plain, type: STRING, defaults: "{{ secret('SOPS') }}"}
variables:
  header: "Bearer {{ secret('SOPS') }}"
outputs:
  - {id: out, type: STRING, value: "{{ outputs.ret.value }}"}
tasks:
  - id: say
    type: io.kestra.plugin.core.log.Log
    message:
      - "{{ secret('SOPS') }} {{ secret('NESTED', subkey='key') }} {{ secret('ENVIRONMENT') }}"
      - "{{ inputs.pin }} {{ inputs.plain }} {{ secret('PEM') }} {{ secret('OBJECT') }}"
      - "{{ secret('SOPS') | base64encode }} {{ secret('SOPS') | urlencode }}"
      - "{{ [secret('SOPS')] | toJson }} {{ secret('TENANT') }} {{ render(namespace.header) }}"
  - {id: ret, type: io.kestra.plugin.core.debug.Return, format: "{{ render(vars.header) }}"}
  - id: call
    type: io.kestra.plugin.core.http.Request
    uri: "ADDRESS/echo?token={{ secret('SOPS') | urlencode }}"
    method: POST
    headers: {Authorization: "{{ render(vars.header) }}", X-Pin: "{{ inputs.pin | base64encode }}"}
    contentType: application/json
    body: "{{ {'key': secret('ENVIRONMENT'), 'pem': secret('PEM')} | toJson }}"
  - id: broken
    type: io.kestra.plugin.core.flow.AllowFailure
    tasks:
      - id: refused
        type: io.kestra.plugin.core.http.Request
        uri: "ADDRESS/fail?token={{ secret('SOPS') | urlencode }}"
  - id: nowhere
    type: io.kestra.plugin.core.flow.AllowFailure
    tasks:
      - id: unreachable
        type: io.kestra.plugin.core.http.Request
        uri: "http://127.0.0.1:1/?token={{ secret('SOPS') | urlencode }}"
  - id: shout
    type: io.kestra.plugin.core.flow.AllowFailure
    tasks:
      - id: fail
        type: io.kestra.plugin.core.execution.Fail
        errorMessage: "no {{ secret('SOPS') }} and {{ inputs.pin }}"
  - id: script
    type: io.kestra.plugin.scripts.shell.Script
    env:
      TOKEN: "{{ secret('SOPS') }}"
      PEM: "{{ secret('PEM') }}"
      OBJECT: "{{ secret('OBJECT') }}"
    script: |
SCRIPT
  - id: set
    type: io.kestra.plugin.core.execution.SetVariables
    variables: {kept: "{{ outputs.ret.value }}", list: ["{{ inputs.pin }}"]}
  - id: label
    type: io.kestra.plugin.core.execution.Labels
    labels: {seen: "{{ outputs.ret.value }}"}
  - id: sub
    type: io.kestra.plugin.core.flow.Subflow
    namespace: zoo.birds
    flowId: child
    wait: true
    inputs: {token: "{{ vars.kept }}", pin: "{{ inputs.pin }}"}
  - id: last
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.sub.outputs.token }} {{ vars.list }} {{ outputs.call.body }}"
"""

CHILD = """
id: child
namespace: zoo.birds
inputs: [{id: token, type: STRING}, {id: pin, type: STRING}]
outputs: [{id: token, type: STRING, value: "{{ inputs.token }}"}]
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "{{ inputs.token }} {{ inputs.pin }}"}
"""

HOOKED = """
id: hooked
namespace: zoo.birds
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "{{ trigger.body }} {{ inputs }}"}
inputs: [{id: token, type: STRING, required: false}]
triggers:
  - id: hook
    type: io.kestra.plugin.core.trigger.Webhook
    key: "{{ secret('HOOK') }}"
    inputs: {token: "{{ secret('SOPS') }}"}
"""

LISTENING = """
id: listening
namespace: zoo.birds
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "heard {{ trigger.outputs }}"}
triggers:
  - id: after
    type: io.kestra.plugin.core.trigger.Flow
    conditions:
      - type: io.kestra.plugin.core.condition.ExecutionFlow
        namespace: zoo.birds
        flowId: all
"""


@asynccontextmanager
async def echo() -> AsyncIterator[str]:
    """A service that answers with all that it was sent; to `/fail` with 500."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n")
             if line.lower().startswith(b"content-length:")), 0,
        )  # fmt: skip
        body = head + await reader.readexactly(length)
        status = b"500 Oh" if b"/fail" in head.split(b"\r\n")[0] else b"200 OK"
        writer.write(
            b"HTTP/1.1 %s\r\ncontent-type: text/plain\r\nx-seen: %s\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%s" % (status, head.split(b"\r\n")[0], len(body), body)
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def files(address: str) -> dict[str, bytes]:
    space = "tenants/main/namespaces/zoo.birds"
    script = textwrap.indent(SCRIPT.strip(), " " * 6)
    flows = {"all": FLOW.replace("SCRIPT", script).replace("ADDRESS", address), "child": CHILD}
    flows |= {"hooked": HOOKED, "listening": LISTENING}
    own = {"SOPS": VALUES["sops"], "NESTED": {"key": VALUES["nested"]}, "PEM": VALUES["pem"]}
    own |= {"OBJECT": VALUES["object"], "HOOK": VALUES["hook"]}
    return {
        **{f"{space}/flows/{name}.yaml": text.encode() for name, text in flows.items()},
        f"{space}/variables.yaml": b"header: \"X {{ secret('SOPS') }}\"\n",
        f"{space}/secrets.sops.yaml": sealed(own, RECIPIENT, scope="main/zoo.birds"),
        "tenants/main/secrets.sops.yaml": sealed({"TENANT": VALUES["tenant"]}, RECIPIENT),
        "tenants/main/namespaces/zoo/secrets.sops.yaml": sealed({"LOST": "x" * 12}, STRANGER),
    }


@asynccontextmanager
async def service(folder: Path, repo: Path) -> AsyncIterator[tuple[httpx2.AsyncClient, Any]]:
    settings = load_settings(
        data_dir=folder,
        server={"mode": "dev"},
        git={
            "repo": str(repo), "allow_file_protocol": True, "hook_key": "key-of-tests",
            "hook_secret": VALUES["delivery"],
        },
        http={"allow_loopback": True},
        secrets={"age_key": VALUES["identity"]},
        encryption={"key": VALUES["key"]},
        engine={"drain_seconds": 0.1},
    )  # fmt: skip
    application: Any = create_app(settings)
    async with application.router.lifespan_context(application):
        transport = httpx2.ASGITransport(app=application, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            yield http, application.state.node


async def every_answer(http: httpx2.AsyncClient, names: dict[str, str]) -> dict[str, bytes]:
    """Return what all routes answer that change nothing; endless streams for a moment."""
    found: dict[str, bytes] = {}

    async def ask(path: str) -> None:
        body = b""
        try:
            async with asyncio.timeout(2):
                answer = await http.get(path)
                body = answer.content + repr(answer.headers).encode()
        except TimeoutError:
            body = b""  # a stream of what is to come
        found[path] = body

    for call in CALLS:
        if call.method == "GET":
            await ask(call.filled(names))
    return found


def named(execution: dict[str, Any], flow: str = "all") -> dict[str, str]:
    run = execution["taskRunList"][0]
    return {
        "tenant": "main", "namespace": "zoo.birds", "id": flow, "flowId": flow, "flow_id": flow,
        "executionId": execution["id"], "execution_id": execution["id"],
        "taskRunId": run["id"], "task_run_id": run["id"], "source": "main", "source_id": "main",
    }  # fmt: skip


EXPRESSIONS = ["{{ secret('SOPS') }}", "{{ vars }}", "{{ inputs }}", "{{ outputs }}",
               "{{ render(vars.header) | base64encode }}", "{{ printContext() }}"]  # fmt: skip


async def test_nothing_is_seen_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_ENVIRONMENT", base64_of(VALUES["environment"]))
    stream = io.StringIO()
    configure_logging("DEBUG", "json", stream)
    monkeypatch.setattr(logging.getLogger("httpx2"), "disabled", True)  # the client's, not ours
    async with echo() as address:
        scratch = Scratch(tmp_path / "served.git")
        scratch.commit(files(address))
        async with service(tmp_path / "data", scratch.path) as (http, node):
            said = await used(http, node)
    canaries = Canaries(VALUES)
    assert len(canaries) > 100
    found = [each for place, body in said.items() for each in canaries.seen(body, place)]
    found += canaries.seen(stream.getvalue(), "the log of the service")
    found += await asyncio.to_thread(lambda: list(canaries.seen_below(tmp_path / "data")))
    assert not found, "\n".join(map(str, found))
    assert sum(MASK.encode() in body for body in said.values()) > 5


async def used(http: httpx2.AsyncClient, node: Any) -> dict[str, bytes]:
    """Run all flows; return everything that the service answered."""
    form = {"pin": (None, VALUES["pin"])}
    answer = await http.post(f"{BASE}/executions/zoo.birds/all?wait=true", files=form)
    assert answer.status_code == 200, answer.text
    execution = answer.json()
    logs = (await http.get(f"{BASE}/logs/{execution['id']}")).json()
    states = {each["taskId"]: each["state"]["current"] for each in execution["taskRunList"]}
    assert execution["state"]["current"] in {"SUCCESS", "WARNING"}, (states, logs)
    assert states["last"] == "SUCCESS", (states, logs)
    said = {"the execution": answer.content}
    hooked = await http.post(
        f"{BASE}/executions/webhook/zoo.birds/hooked/{VALUES['hook']}", json={"a": 1}
    )
    assert hooked.status_code == 200, hooked.text
    said["the webhook"] = hooked.content
    wrong = await http.post(f"{BASE}/executions/webhook/zoo.birds/hooked/{'x' * 20}", json={})
    said["a wrong key"] = wrong.content
    heard = await until_heard(http)
    for expression in EXPRESSIONS:
        answered = await http.post(
            f"{BASE}/executions/{execution['id']}/eval",
            content=expression, headers={"content-type": "text/plain"},
        )  # fmt: skip
        said[f"what {expression} is"] = answered.content
    bad = await http.post(
        f"{BASE}/executions/zoo.birds/all?wait=true", files={"nope": (None, VALUES["pin"])}
    )
    said["wrong inputs"] = bad.content.replace(VALUES["pin"].encode(), b"")
    for each in (execution, heard, hooked.json()):
        full = (await http.get(f"{BASE}/executions/{each['id']}")).json()
        said |= await every_answer(http, named(full, full["flowId"]))
    return said


async def until_heard(http: httpx2.AsyncClient) -> dict[str, Any]:
    async with asyncio.timeout(15):
        while True:
            path = f"{BASE}/executions/search?namespace=zoo.birds&flowId=listening"
            found = (await http.get(path)).json()["results"]
            if found and found[0]["state"]["current"] in {"SUCCESS", "FAILED"}:
                return dict(found[0])
            await asyncio.sleep(0.02)
