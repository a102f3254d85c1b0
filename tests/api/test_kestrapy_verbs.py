"""Kestra's published Python SDK: verbs, graphs, archives, plugins."""

from typing import Any

import pytest

from tests.api.kestrapy_flows import FLOW, PAUSED, until

# The SDK's models carry warnings of their own.
pytestmark = pytest.mark.filterwarnings("ignore")

FAILED = """
id: {id}
namespace: {namespace}
inputs:
  - {{id: name, type: STRING, defaults: world}}
tasks:
  - {{id: say, type: io.kestra.plugin.core.debug.Return, format: "{{{{ inputs.name }}}}"}}
  - {{id: fail, type: io.kestra.plugin.core.execution.Fail}}
"""


def failed(client: Any, namespace: str) -> Any:
    client.flows.create_flow("main", FAILED.format(id="f", namespace=namespace))
    return client.executions.create_execution("main", namespace, "f", wait=True)


def test_restart_and_replay(client: Any, sdk: Any, errors: Any) -> None:
    executions, made = client.executions, failed(client, "sdk.restart")
    assert executions.restart_execution(made.id, "main").state.current == "RESTARTED"
    until(client, made.id, "FAILED")
    replayed = executions.replay_execution(made.id, "main")
    assert replayed.id != made.id
    run = made.task_run_list[0].id
    until(client, executions.replay_execution(made.id, "main", task_run_id=run).id, "FAILED")
    changed = executions.replay_execution_with_inputs(made.id, "main", inputs={"name": "moon"})
    assert until(client, changed.id, "FAILED").inputs == {"name": "moon"}
    until(client, executions.replay_execution_with_inputs(made.id, "main").id, "FAILED")
    request = sdk.ExecutionControllerStateRequest(
        task_run_id=made.task_run_list[1].id, state=sdk.StateType.SUCCESS
    )
    executions.update_task_run_state(made.id, "main", request)
    until(client, made.id, "SUCCESS")
    assert executions.restart_executions_by_ids("main", [replayed.id]) == {"count": 1}
    assert executions.replay_executions_by_ids("main", [made.id], latest_revision=True) == {
        "count": 1
    }
    with pytest.raises(errors.NotFoundException):
        executions.restart_execution("nosuch", "main")


def test_what_else_is_done_with_executions(client: Any, sdk: Any, query: Any) -> None:
    executions, made = client.executions, failed(client, "sdk.changes")
    status = sdk.StateType.WARNING
    assert executions.update_execution_status(made.id, status, "main").state.current == "WARNING"
    assert executions.update_executions_status_by_ids("main", status, [made.id]) == {"count": 1}
    label = sdk.Label(key="k", value="v")
    labelled = executions.set_labels_on_terminated_execution(made.id, "main", [label])
    assert label in labelled.labels
    request = sdk.ExecutionControllerSetLabelsByIdsRequest(
        executions_id=[made.id], execution_labels=[label]
    )
    assert executions.set_labels_on_terminated_executions_by_ids("main", request) == {"count": 1}
    here = query.where(query.eq(sdk.QueryFilterField.NAMESPACE, "sdk.changes"))
    found = executions.set_labels_on_terminated_executions_by_query("main", [label], filters=here)
    assert found == {"count": 1}
    assert (
        executions.export_executions_by_query_to_csv("main", filters=here)
        .splitlines()[1]
        .startswith(made.id)
    )
    values = executions.find_distinct_execution_field_values("main", "FLOW_ID", filters=here)
    assert values == ["f"]
    newest = sdk.ExecutionRepositoryInterfaceFlowFilter(namespace="sdk.changes", id="f")
    (latest,) = executions.latest_executions("main", [newest])
    assert (latest.id, latest.status) == (made.id, "WARNING")
    assert executions.delete_executions_by_query("main", filters=here) == {"count": 1}
    again = executions.create_execution("main", "sdk.changes", "f", wait=True)
    executions.delete_execution(again.id, "main", delete_logs=True)
    assert executions.search_executions("main", filters=here)["total"] == 0


def test_what_is_asked_about_executions(client: Any) -> None:
    executions, made = client.executions, failed(client, "sdk.views")
    run = made.task_run_list[0].id
    assert executions.eval_expression(made.id, "main", "{{ flow.id }}") == {"result": "f"}
    result = executions.eval_task_run_expression(made.id, run, "main", "{{ taskrun.id }}")
    assert result.result == run
    wrong = executions.eval_task_run_expression(made.id, run, "main", "{{ missing }}")
    assert "missing" in wrong.error
    graph = executions.execution_flow_graph(made.id, "main")
    assert [node.uid for node in graph.nodes][2:] == ["root.say", "root.fail"]
    assert executions.flow_from_execution_by_id(made.id, "main").id == "f"
    assert executions.flow_from_execution("main", "sdk.views", "f").tasks[0].id == "say"
    assert "sdk.views" in executions.list_executable_namespaces("main")
    (flow,) = executions.list_executable_flows_by_namespace("sdk.views", "main")
    assert flow.inputs[0].id == "name"
    checked = executions.validate_new_execution_inputs("sdk.views", "f", "main")
    assert checked["inputs"][0]["value"] == "world"


def test_bulk_of_running_executions(client: Any, sdk: Any, query: Any) -> None:
    paused = PAUSED.format(id="p", namespace="sdk.bulk").replace(
        "BOOLEAN", "BOOLEAN, required: false"
    )
    client.flows.create_flow("main", paused)
    executions = client.executions
    ids = [executions.create_execution("main", "sdk.bulk", "p").id for _ in range(3)]
    for each in ids:
        until(client, each, "PAUSED")
    checked = executions.validate_resume_execution_inputs(ids[0], "main")
    assert checked["inputs"][0]["input"]["id"] == "approved"
    assert executions.resume_executions_by_ids("main", ids[:1]) == {"count": 1}
    assert executions.force_run_by_ids("main", ids[1:2]) == {"count": 1}
    for each in ids[:2]:
        until(client, each, "SUCCESS")
    state = query.eq(sdk.QueryFilterField.STATE, "PAUSED")
    here = query.eq(sdk.QueryFilterField.NAMESPACE, "sdk.bulk")
    wanted = query.where(query.and_(here, state))
    assert executions.kill_executions_by_query("main", filters=wanted) == {"count": 1}


def test_graphs_and_archives_of_flows(client: Any, sdk: Any, query: Any) -> None:
    flows, tenant = client.flows, "main"
    source = FLOW.format(id="a", namespace="sdk.graphs")
    flows.create_flow(tenant, source)
    graph = flows.generate_flow_graph("sdk.graphs", "a", tenant)
    assert [node.uid for node in graph.nodes][2:] == ["root.say", "root.log"]
    assert flows.generate_flow_graph_from_source(tenant, source).to_dict() == graph.to_dict()
    around = flows.flow_dependencies("sdk.graphs", "a", tenant)
    assert [node.id for node in around.nodes] == ["a"]
    assert flows.flow_dependencies_from_namespace("sdk.graphs", tenant).edges == []
    name = sdk.IdWithNamespace(namespace="sdk.graphs", id="a")
    here = query.where(query.eq(sdk.QueryFilterField.NAMESPACE, "sdk.graphs"))
    assert flows.disable_flows_by_ids(tenant, [name]).count == 1
    assert flows.enable_flows_by_query(tenant, filters=here).count == 1
    archive = flows.export_flows_by_query(tenant, filters=here)
    assert flows.export_flows_by_ids(tenant, [name])[:2] == b"PK"
    assert "sdk.graphs" in flows.export_flows_by_query_csv(tenant, filters=here)
    assert flows.delete_flows_by_query(tenant, filters=here).count == 1
    assert flows.import_flows(tenant, file_content=archive) == []
    assert flows.flow("sdk.graphs", "a", tenant).disabled is False
    found = flows.search_flows_by_source_code(tenant, q="said to", namespace="sdk.graphs")
    assert (found.total, found.results[0].id) == (1, "a")


def test_plugins_and_namespaces(client: Any, sdk: Any, flow: tuple[str, str]) -> None:
    plugins = client.plugins
    assert plugins.list_plugins(page=1, size=1)["total"] > 1
    assert plugins.list_plugins_by_subgroups()
    log = plugins.plugin_documentation("io.kestra.plugin.core.log.Log", all_properties=True)
    assert "message" in log["schema"]["properties"]["properties"]
    assert plugins.plugin_schema("task", array_of=True)["type"] == "array"
    assert plugins.plugin_input_types()
    assert plugins.plugin_input_schema("STRING")["schema"]
    assert plugins.plugin_icons() == plugins.plugin_group_icons() == {}
    assert plugins.plugin_triggers()["results"]
    found = client.namespaces.search_namespaces("main", page=1, size=100, existing=True)
    assert flow[0] in [each.id for each in found.results]
    assert client.namespaces.namespace(flow[0], "main").id == flow[0]
    wanted = sdk.ApiAutocomplete(q=flow[0])
    assert client.namespaces.autocomplete_namespaces("main", wanted) == [flow[0]]
    assert client.misc.configuration()
