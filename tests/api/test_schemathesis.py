"""Any request that the description allows, and many that it does not: never an answer of 5xx."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.serving import service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EXAMPLES = 12


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with service(tmp_path_factory.mktemp("schemathesis") / "data") as (address, process):
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")
        assert process.poll() is None


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_nothing_is_a_fault_of_ours(description: Any, mode: GenerationMode) -> None:
    for found in description.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def answer(case: Any) -> None:
            response = case.call()
            assert response.status_code < 500, (case.as_curl_command(), response.text)
            if response.status_code >= 400:
                assert response.headers["content-type"][0] == "application/problem+json"

        with contextlib.suppress(Unsatisfiable):  # nothing can be wrong with `GET /livez`
            answer()
