"""Kestra's published Python SDK manages and runs tests of flows, unmodified."""

from typing import Any

import pytest

from tests.flow_tests.test_api import document

# The SDK's models carry warnings of their own.
pytestmark = pytest.mark.filterwarnings("ignore")

FLOW = """
id: f
namespace: {namespace}
inputs: [{{id: name, type: STRING, defaults: World}}]
tasks:
  - {{id: fetch, type: io.kestra.plugin.core.http.Request, uri: "https://service.test"}}
  - id: hello
    type: io.kestra.plugin.core.debug.Return
    format: "Hello {{{{ inputs.name }}}} {{{{ outputs.fetch.body }}}}"
"""
NAMESPACE = "sdk.tests"


def test_tests(client: Any, sdk: Any, errors: Any) -> None:
    tests, tenant = client.test_suites, "main"
    client.flows.create_flow(tenant, FLOW.format(namespace=NAMESPACE))
    source = document(NAMESPACE)
    made = tests.create_test_suite(tenant, source)
    assert (made.id, made.namespace, made.flow_id, made.source) == ("t", NAMESPACE, "f", source)
    assert [each.id for each in made.test_cases] == ["mocked", "reaches"]
    assert tests.test_suite(NAMESPACE, "t", tenant).disabled is False
    wish = sdk.TestSuiteControllerRunRequest(testCases=["mocked"])
    ran = tests.run_test_suite(NAMESPACE, "t", tenant, wish)
    assert ran.state == sdk.TestState.SUCCESS
    assert ran.results[0].test_id == "mocked"
    assert ran.results[0].assertion_results[0].is_success is True
    assert tests.test_result(ran.id, tenant).id == ran.id
    found = tests.search_test_suites_results(tenant, test_suite_id="t", namespace=NAMESPACE)
    assert (found.total, found.results[0].id) == (1, ran.id)
    name = sdk.TestSuiteControllerTestSuiteApiId(namespace=NAMESPACE, id="t")
    last = sdk.TestSuiteControllerSearchTestsLastResult(testSuiteIds=[name])
    assert tests.tests_last_result(tenant, last).results[0].id == ran.id
    query = sdk.TestSuiteServiceRunByQueryRequest(namespace=NAMESPACE, includeChildNamespaces=True)
    several = tests.run_test_suites_by_query(tenant, query)
    assert several.number_of_test_suites_to_be_run == 1
    assert several.results[0].state == sdk.TestState.ERROR
    bulk = sdk.TestSuiteControllerTestSuiteBulkRequest(ids=[name])
    assert tests.disable_test_suites_by_ids(tenant, bulk).count == 1
    assert tests.test_suite(NAMESPACE, "t", tenant).disabled is True
    assert tests.enable_test_suites_by_ids(tenant, bulk).count == 1
    changed = tests.update_test_suite(NAMESPACE, "t", tenant, document(NAMESPACE, expected="x"))
    assert "equalTo: x" in changed.source
    listed = tests.search_test_suites(tenant, namespace=NAMESPACE, sort=["id:asc"])
    assert (listed.total, listed.results[0].id) == (1, "t")
    assert tests.validate_test_suite(tenant, source).constraints is None
    assert "testCases" in tests.validate_test_suite(tenant, "id: x").constraints
    tests.delete_test_suite(NAMESPACE, "t", tenant)
    with pytest.raises(errors.NotFoundException):
        tests.test_suite(NAMESPACE, "t", tenant)
