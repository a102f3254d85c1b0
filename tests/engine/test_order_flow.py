"""The order flow: five services, each step conditional on the last, over real HTTP."""

import socket
from pathlib import Path

import pytest

from app.config.sections import HttpSettings
from app.executions import Execution
from app.plugins.http import http_client
from scripts import services
from tests.engine.harness import Engine, flow, states

STEPS = [
    "checkInventory", "processPayment", "orderConfirmation", "arrangeShipping",
    "updateDeliveryStatus",
]  # fmt: skip
NAMES = ["inventory", "payment", "order", "shipping", "delivery"]
TEMPLATE = Path("flows-repo-template/tenants/main/namespaces/ecommerce/flows/order-processing.yaml")


async def execute(source: str) -> Execution:
    http = http_client(HttpSettings(allow_loopback=True))
    async with Engine(flow(source), http=http) as engine:
        execution = await engine.run("orderProcessing", namespace="ecommerce")
    await http.close()
    return execution


def template(demo: services.Services) -> str:
    """The flow of the template repository, with the services' real addresses."""
    source = Path(__file__).parents[2].joinpath(TEMPLATE).read_text()
    for port, name in enumerate(NAMES, 8091):
        source = source.replace(f"http://127.0.0.1:{port}", demo.url(name))
    return source


async def test_each_step_calls_its_service_once() -> None:
    async with services.running() as demo:
        execution = await execute(template(demo))
        assert execution.state == "SUCCESS", execution
        assert states(execution) == {f"/{step}": "SUCCESS" for step in STEPS}
        assert len(demo.effects) == 5
        for run in execution.task_runs.values():
            assert run.outputs is not None
            assert run.outputs["code"] == 201
            assert '"orderId":"myorder"' in run.outputs["body"].replace(" ", "")


@pytest.mark.parametrize("step", range(5))
async def test_a_200_leaves_the_later_steps_skipped(step: int) -> None:
    async with services.running() as demo:
        demo.answers[NAMES[step]] = 200
        execution = await execute(template(demo))
        assert execution.state == "SUCCESS"
        assert list(states(execution).values()) == ["SUCCESS"] * (step + 1) + ["SKIPPED"] * (
            4 - step
        )
        assert len(demo.effects) == step  # a 200 says that nothing was done


async def test_an_unreachable_host_fails_and_says_which() -> None:
    source = Path(__file__).parents[2].joinpath(TEMPLATE).read_text()
    with socket.socket() as held:  # nobody listens there, and nobody else can
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        source = source.replace("http://127.0.0.1:8091", f"http://127.0.0.1:{port}")
        execution = await execute(source)
    assert execution.state == "FAILED"
    assert states(execution) == {"/checkInventory": "FAILED"}
    error = execution.task_runs["/checkInventory"].error or ""
    assert f"127.0.0.1:{port}" in error
    assert "refused" in error.lower()


async def test_the_flow_as_it_was_asked_for() -> None:
    original = Path(__file__).parents[3] / "shared" / "reference" / "order-processing.yaml"
    if not original.exists():
        pytest.skip("the original order flow is not beside the project")
    async with services.running() as demo:
        execution = await execute(
            original.read_text().replace("https://reqres.in", demo.url("gateway"))
        )
        assert execution.state == "SUCCESS", execution
        assert states(execution) == {f"/{step}": "SUCCESS" for step in STEPS}
