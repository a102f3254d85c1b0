"""Kestra's published Python SDK drives the service, unmodified."""

from typing import Any

import pytest

from tests.api.kestrapy_flows import FLOW, PAUSED, until

# The SDK's models carry warnings of their own.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_flows(client: Any, sdk: Any, errors: Any, query: Any) -> None:
    flows, tenant = client.flows, "main"
    source = FLOW.format(id="one", namespace="sdk.flows")
    made = flows.create_flow(tenant, source)
    assert (made.id, made.namespace, made.revision, made.source) == ("one", "sdk.flows", 1, source)
    assert made.additional_properties["author"] == "Headwater API"
    with pytest.raises(errors.UnprocessableEntityException, match="already exists"):
        flows.create_flow(tenant, source)
    assert flows.flow("sdk.flows", "one", tenant).source is None
    assert flows.flow("sdk.flows", "one", tenant, source=True, revision=1).source == source
    assert flows.flow("sdk.flows", "one", tenant).labels[0].key == "team"
    changed = flows.update_flow("sdk.flows", "one", tenant, source.replace("Hello", "Bye"))
    assert changed.revision == 2
    revisions = flows.list_flow_revisions("sdk.flows", "one", tenant)
    assert [each.revision for each in revisions] == [1, 2]
    assert [each.id for each in flows.list_flows_by_namespace("sdk.flows", tenant)] == ["one"]
    assert "sdk.flows" in flows.list_distinct_namespaces(tenant)
    assert flows.task_from_flow("sdk.flows", "one", "say", tenant).id == "say"
    here = query.where(query.eq(sdk.QueryFilterField.NAMESPACE, "sdk.flows"))
    found = flows.search_flows(tenant, page=1, size=10, sort=["id:asc"], filters=here)
    assert (found.total, found.results[0].id) == (1, "one")
    flows.delete_flow("sdk.flows", "one", tenant)
    with pytest.raises(errors.NotFoundException):
        flows.flow("sdk.flows", "one", tenant)
    assert flows.flow("sdk.flows", "one", tenant, allow_deleted=True).deleted is True


def test_flows_from_objects(client: Any) -> None:
    task = {"id": "t", "type": "io.kestra.plugin.core.log.Log", "message": "{{ flow.id }}"}
    flow = {"id": "made", "namespace": "sdk.objects", "tasks": [task]}
    made = client.flows.create_flow_from_object("main", flow)
    assert made.tasks[0].id == "t"
    flow["description"] = "changed"
    again = client.flows.update_flow_from_object("sdk.objects", "made", "main", flow)
    assert (again.revision, again.description) == (2, "changed")


def test_flows_in_bulk(client: Any, sdk: Any) -> None:
    flows = client.flows
    sources = [FLOW.format(id=each, namespace="sdk.bulk") for each in ("one", "two")]
    assert len(flows.bulk_update_flows("main", body="---".join(sources))) == 2
    changed = flows.update_flows_in_namespace("sdk.bulk", "main", sources[0], delete=True)
    assert {each.id: bool(each.deleted) for each in changed} == {"one": False, "two": True}
    gone = flows.delete_flows_by_ids("main", [sdk.IdWithNamespace(namespace="sdk.bulk", id="one")])
    assert gone.count == 1


def test_validate(client: Any) -> None:
    good = FLOW.format(id="f", namespace="sdk.validate")
    results = client.flows.validate_flows("main", good + "---" + good.replace("Return", "Retrun"))
    assert [each.constraints is None for each in results] == [True, False]
    assert "Invalid type" in results[1].constraints
    task = {"id": "t", "type": "io.kestra.plugin.core.log.Log"}
    result = client.flows.validate_task("tasks", "main", task)
    assert "message: must not be null" in result.constraints
    trigger = {"id": "t", "type": "io.kestra.plugin.core.trigger.Schedule", "cron": "* * * * *"}
    (verdict,) = client.flows.validate_trigger("main", trigger)
    assert "constraints" not in verdict


def test_execute(client: Any, errors: Any, flow: tuple[str, str]) -> None:
    inputs = {"name": "Ann", "count": 3, "data": b"a file"}
    made = client.executions.create_execution(
        "main", *flow, wait=True, labels=["env:test"], inputs=inputs
    )
    assert made.state.current == "SUCCESS"
    assert made.inputs["count"] == 3
    assert {each.key for each in made.labels} == {"team", "env", "system.correlationId"}
    execution = client.executions.execution(made.id, "main")
    assert [run.task_id for run in execution.task_run_list] == ["say", "log"]
    assert execution.state.histories[0].state == "CREATED"
    assert execution.metadata.attempt_number == 1
    uri = made.inputs["data"]
    assert client.executions.download_file_from_execution(made.id, uri, "main") == b"a file"
    assert client.executions.file_metadatas_from_execution(made.id, uri, "main").size == 6
    plain = client.executions.create_execution("main", *flow)
    assert plain.state.current == "CREATED"
    until(client, plain.id, "SUCCESS")
    old = client.executions.create_execution("main", *flow, wait=True, revision=1)
    assert old.flow_revision == 1
    with pytest.raises(errors.UnprocessableEntityException, match="Invalid input for `count`"):
        client.executions.create_execution("main", *flow, inputs={"count": "many"})
    with pytest.raises(errors.NotFoundException):
        client.executions.create_execution("main", flow[0], "nothing")


def test_search(client: Any, sdk: Any, query: Any, flow: tuple[str, str]) -> None:
    made = [client.executions.create_execution("main", *flow, wait=True).id for _ in range(3)]
    field, and_, eq = sdk.QueryFilterField, query.and_, query.eq
    here = eq(field.NAMESPACE, flow[0])
    for wanted in (
        here,
        query.prefix(field.NAMESPACE, flow[0]),
        and_(here, query.in_(field.STATE, ["SUCCESS", "FAILED"])),
        and_(here, query.not_in(field.STATE, ["RUNNING"])),
        and_(here, eq(field.LABELS, {"team": "a"})),
        and_(here, query.or_(eq(field.STATE, "SUCCESS"), eq(field.STATE, "FAILED"))),
        and_(here, eq(field.TIME_RANGE, "PT1H")),
    ):
        found = client.executions.search_executions(
            "main", page=1, size=2, sort=["state.startDate:desc"], filters=query.where(wanted)
        )
        assert found["total"] == 3, wanted
        assert [each["id"] for each in found["results"]] == made[:0:-1]
    of_flow = client.executions.search_executions_by_flow_id("main", *flow)
    assert of_flow["total"] == 3


def test_kill_and_resume(client: Any, errors: Any) -> None:
    client.flows.create_flow("main", PAUSED.format(id="p", namespace="sdk.pause"))
    executions = client.executions
    first, second, third = (
        executions.create_execution("main", "sdk.pause", "p").id for _ in range(3)
    )
    for each in (first, second, third):
        until(client, each, "PAUSED")
    with pytest.raises(errors.UnprocessableEntityException, match="approved"):
        executions.resume_execution(first, "main")
    assert executions.resume_execution(first, "main", inputs={"approved": True}).id == first
    until(client, first, "SUCCESS")
    assert executions.kill_execution(second, "main").state.current == "KILLED"
    with pytest.raises(errors.ConflictException):
        executions.kill_execution(second, "main")
    assert executions.kill_executions_by_ids("main", [third]) == {"count": 1}


def test_follow(client: Any, sdk: Any) -> None:
    client.flows.create_flow("main", PAUSED.format(id="p", namespace="sdk.follow"))
    made = client.executions.create_execution("main", "sdk.follow", "p")
    until(client, made.id, "PAUSED")
    other = sdk.KestraClient(host=client._base_url, timeout=30)
    followed = client.executions.follow_execution(made.id, "main")
    states = [next(followed).state.current]
    other.executions.resume_execution(made.id, "main", {"approved": True})
    states += [each.state.current for each in followed]
    other._session.close()
    assert states[0] == "PAUSED"
    assert states[-1] == "SUCCESS"


def test_logs(client: Any, flow: tuple[str, str]) -> None:
    made = client.executions.create_execution("main", *flow, wait=True, inputs={"name": "Ann"})
    lines = client.logs.list_logs_from_execution(made.id, "main", min_level="INFO", task_id="log")
    assert [each.message for each in lines] == ["said to Ann"]
    assert lines[0].level == "INFO"
    assert "said to Ann" in client.logs.download_logs_from_execution(made.id, "main")
    followed = client.logs.follow_logs_from_execution(made.id, "main", min_level="INFO")
    assert [each.message for each in followed] == ["said to Ann"]


def test_key_values(client: Any, sdk: Any, errors: Any) -> None:
    namespace = "sdk.pairs"
    client.kv.set_key_value(namespace, "number", "main", "12")
    client.kv.set_key_value(namespace, "text", "main", "hello there")
    found = client.kv.key_value(namespace, "number", "main")
    assert (found.type, found.value) == (sdk.KVType.NUMBER, 12)
    assert client.kv.key_value(namespace, "text", "main").value == "hello there"
    page = client.kv.list_all_keys("main", size=100)
    assert {"number", "text"} <= {each.key for each in page.results}
    inherited = client.kv.list_keys_with_inheritance(f"{namespace}.below", "main")
    assert [each.key for each in inherited] == ["number", "text"]
    assert client.kv.delete_key_value(namespace, "number", "main") is True
    gone = client.kv.delete_key_values(
        namespace, "main", sdk.KVControllerApiDeleteBulkRequest(keys=["number", "text"])
    )
    assert gone.keys == ["text"]
    with pytest.raises(errors.NotFoundException):
        client.kv.key_value(namespace, "text", "main")


def test_logs_and_metrics_of_flows(
    client: Any, sdk: Any, query: Any, flow: tuple[str, str]
) -> None:
    made = client.executions.create_execution("main", *flow, wait=True)
    wanted = query.where(query.eq(sdk.QueryFilterField.NAMESPACE, flow[0]))
    found = client.logs.search_logs("main", filters=wanted, sort=["timestamp:asc"])
    assert [each.message for each in found.results][-1] == "said to world"
    assert client.metrics.flow_metric_names(*flow, "main") == ["duration", "length"]
    assert client.metrics.task_metric_names(*flow, "say", "main") == ["duration", "length"]
    assert client.metrics.tasks_with_metrics(*flow, "main") == ["say"]
    assert client.metrics.execution_metrics(made.id, "main", size=1)["total"] == 2
    over_time = client.metrics.aggregate_flow_metric(*flow, "length", "main", aggregation="max")
    assert over_time["aggregations"][-1]["value"] == len("Hello world")
    client.logs.delete_logs_from_execution(made.id, "main", min_level="INFO")
    client.logs.delete_logs_from_flow(*flow, "none", "main")
    assert len(client.logs.list_logs_from_execution(made.id, "main")) == 1


def test_namespace_files(client: Any, errors: Any) -> None:
    files, where = client.files, ("sdk.files", "main")
    files.create_namespace_file("sdk.files", "/a/one.txt", "main", b"1")
    files.create_namespace_file("sdk.files", "/a/one.txt", "main", b"2")
    files.create_namespace_directory(*where, path="/empty")
    assert files.file_content("sdk.files", "/a/one.txt", "main") == b"2"
    assert files.file_content("sdk.files", "/a/one.txt", "main", revision=1) == b"1"
    assert [each.revision for each in files.file_revisions(*where, path="/a/one.txt")] == [1, 2]
    found = files.list_namespace_directory_files(*where)
    assert [(each.file_name, each.type.value) for each in found] == [
        ("a", "Directory"), ("empty", "Directory"),
    ]  # fmt: skip
    assert files.file_metadatas(*where, path="/a/one.txt").size == 1
    files.move_file_directory("sdk.files", "/a/one.txt", "/two.txt", "main")
    assert files.search_namespace_files("sdk.files", "two", "main") == ["/two.txt"]
    assert files.export_namespace_files(*where)[:2] == b"PK"
    files.delete_file_directory("sdk.files", "/two.txt", "main")
    with pytest.raises(errors.NotFoundException):
        files.file_content("sdk.files", "/two.txt", "main")


def test_the_rest(client: Any, flow: tuple[str, str]) -> None:
    made = client.executions.create_execution("main", *flow, wait=True)
    assert client.metrics.execution_metrics(made.id, "main", size=10)["total"] >= 0
    assert client.misc.configuration().version
