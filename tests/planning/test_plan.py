"""What a plan tells of flows, variables, secrets and files."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sync.planning.changes import FileChange, KeyChange, Running
from app.sync.planning.impact import Dependents
from app.sync.planning.plan import make_change_plan
from tests.planning.rig import FLOWS, LOG, NOW, SPACE, call, changed, flow, planned, view

A, B, C = (f"{FLOWS}/{name}.yaml" for name in "abc")


def test_nothing_changes() -> None:
    plan = planned({A: flow("a")}, {A: flow("a")})
    assert plan.is_empty
    assert plan.counts == {}
    assert plan.to_json()["namespaces"] == []


def test_added_changed_removed() -> None:
    plan = planned(
        {A: flow("a"), B: flow("b")},
        {A: flow("a", LOG.replace("hello", "bye")), C: flow("c", description="another")},
    )
    assert {each.key[2]: each.kind for each in plan.flows} == {
        "a": "changed",
        "b": "removed",
        "c": "added",
    }
    (difference,) = changed(plan, "a").differences
    assert difference == ("tasks[say].message", "changed", "hello", "bye")
    assert plan.changed_keys == {("main", "company.team", name) for name in "abc"}
    assert (plan.base, plan.head) == ("base", "head")


def test_without_a_base_everything_is_new() -> None:
    plan = planned(None, {A: flow("a"), B: flow("b", call("gone"))})
    assert plan.counts == {"added": 2}
    assert [each.code for each in plan.findings] == ["SUBFLOW_MISSING"]


def test_form_only() -> None:
    plan = planned({A: flow("a")}, {A: f"# a comment\n{flow('a')}"})
    change = changed(plan, "a")
    assert (change.kind, change.semantic, change.differences) == ("changed", False, ())


def test_order_of_tasks_is_meaning() -> None:
    first, second = LOG, LOG.replace("say", "tell")
    plan = planned({A: flow("a", first, second)}, {A: flow("a", second, first)})
    (difference,) = changed(plan, "a").differences
    assert difference == ("tasks", "moved", ["say", "tell"], ["tell", "say"])


def test_moved_file() -> None:
    plan = planned({A: flow("a")}, {f"{FLOWS}/deep/a.yaml": flow("a")})
    change = changed(plan, "a")
    assert (change.kind, change.old_path, change.semantic) == ("moved", A, True)
    assert not plan.findings


@pytest.mark.parametrize("path", [A, B])
def test_rename_without_a_label(path: str) -> None:
    plan = planned({A: flow("a")}, {path: flow("b")})
    change = changed(plan, "b")
    assert (change.kind, change.carries) == ("renamed", False)
    assert change.old_key == ("main", "company.team", "a")
    (found,) = plan.findings
    assert (found.code, found.severity, found.line) == ("RENAMED_WITHOUT_LABEL", "warning", 1)
    assert found.fix.endswith("system.renamedFrom: company.team/a")


@pytest.mark.parametrize(
    "labels",
    ["{system.renamedFrom: company.team/a}", "[{key: system.renamedFrom, value: company.team/a}]"],
)
def test_rename_with_a_label(labels: str) -> None:
    another = flow("b", LOG.replace("hello", "other"), labels=labels)
    plan = planned({A: flow("a")}, {f"{FLOWS}/new/b.yaml": another})
    change = changed(plan, "b")
    assert (change.kind, change.carries) == ("renamed", True)
    assert not [each for each in plan.findings if each.code == "RENAMED_WITHOUT_LABEL"]


def test_another_flow_is_no_rename() -> None:
    plan = planned({A: flow("a")}, {B: flow("b", LOG.replace("hello", "something else"))})
    assert plan.counts == {"added": 1, "removed": 1}


def test_flow_that_goes_to_another_namespace() -> None:
    there = "tenants/main/namespaces/company.other/flows/a.yaml"
    change = changed(planned({A: flow("a")}, {there: flow("a")}), "a")
    assert (change.kind, change.old_key) == ("renamed", ("main", "company.team", "a"))


def test_triggers_with_their_dates() -> None:
    schedule = "[{{id: daily, type: io.kestra.plugin.core.trigger.Schedule, cron: '{}'}}]"
    before = flow("a", triggers=schedule.format("0 6 * * *"))
    plan = planned({A: before}, {A: flow("a", triggers=schedule.format("0 7 * * 1"))})
    (trigger,) = changed(plan, "a").triggers
    assert trigger.dates.before == tuple(f"2026-01-0{day}T06:00:00Z" for day in (1, 2, 3))
    assert trigger.dates.after == tuple(f"2026-01-{day}T07:00:00Z" for day in ("05", 12, 19))
    off = changed(planned({A: before}, {A: f"{before}disabled: true\n"}), "a").triggers
    assert [(each.kind, each.dates.after) for each in off] == [("changed", ())]


def test_conditions_of_schedules_count() -> None:
    weekend = (
        "[{id: t, type: io.kestra.plugin.core.trigger.Schedule, cron: '0 6 * * *', timezone: "
        "Europe/Berlin, conditions: [{type: io.kestra.plugin.core.condition.Weekend}]}]"
    )
    plan = planned({A: flow("a")}, {A: flow("a", triggers=weekend)})
    (trigger,) = changed(plan, "a").triggers
    assert trigger.dates.after[:2] == ("2026-01-03T05:00:00Z", "2026-01-04T05:00:00Z")


def test_dates_in_a_list() -> None:
    dates = "['2025-01-01T00:00:00Z', '2026-05-01T00:00:00+02:00', '{{ vars.x }}', 'never']"
    kind = "io.kestra.plugin.core.trigger.ScheduleOnDates"
    plan = planned({}, {A: flow("a", triggers=f"[{{id: t, type: {kind}, dates: {dates}}}]")})
    (trigger,) = changed(plan, "a").triggers
    assert trigger.dates.after == ("2026-04-30T22:00:00Z",)


def test_new_types_and_secrets() -> None:
    tool = "{id: out, type: io.kestra.plugin.core.debug.Return, format: \"{{ secret('KEY') }}\"}"
    plan = planned({A: flow("a")}, {A: flow("a", tool), B: flow("b", tool)})
    assert plan.new_types == ("io.kestra.plugin.core.debug.Return",)
    assert changed(plan, "a").new_secrets == ("KEY",)
    short = tool.replace("io.kestra.plugin.core", "core")
    assert planned({A: flow("a", short)}, {A: flow("a", tool)}).new_types == ()


def test_dependents_through_calls_and_triggers() -> None:
    listens = (
        "[{id: t, type: io.kestra.plugin.core.trigger.Flow, preconditions: {id: p, flows: "
        "[{namespace: company.team, flowId: b}]}}]"
    )
    others = {B: flow("b", call("a")), C: flow("c", triggers=listens)}
    plan = planned({A: flow("a"), **others}, {A: flow("a", LOG.replace("hello", "bye")), **others})
    names = [each.id for each in changed(plan, "a").dependents]
    assert names == ["b", "c"]
    assert len(plan.impact) == 3


def test_variables_secrets_and_files() -> None:
    before = {
        f"{SPACE}/variables.yaml": "kept: 1\nbucket: old\npassword: abc\ngone: x\nnumber: 1\n",
        f"{SPACE}/secrets.sops.yaml": "KEPT: ENC[a]\nROTATED: ENC[a]\nGONE: ENC[a]\nsops: {}\n",
        f"{SPACE}/files/read.sql": "select 1",
        f"{SPACE}/namespace.yaml": "description: old",
    }
    after = {
        f"{SPACE}/variables.yaml": "kept: 1\nbucket: new\npassword: def\nnumber: '1'\n",
        f"{SPACE}/secrets.sops.yaml": "KEPT: ENC[a]\nROTATED: ENC[b]\nNEW: ENC[c]\nsops: {v: 1}\n",
        f"{SPACE}/secrets.preview.sops.yaml": "KEPT: ENC[a]\n",
        f"{SPACE}/files/read.sql": "select 2",
        f"{SPACE}/files/sub/new.sql": "select 3",
        f"{SPACE}/namespace.yaml": "description: new",
    }
    (found,) = planned(before, after).namespaces
    assert found.variables == (
        KeyChange("bucket", "changed", "old", "new"),
        KeyChange("gone", "removed", "x", None),
        KeyChange("number", "changed", 1, "1"),
        KeyChange("password", "changed", "******", "******"),
    )
    assert [(each.key, each.kind) for each in found.secrets] == [
        ("GONE", "removed"),
        ("NEW", "added"),
        ("ROTATED", "changed"),
    ]
    assert {each[2:] for each in found.secrets} == {(None, None)}
    assert [each.key for each in found.preview_secrets] == ["KEPT"]
    assert found.files == (FileChange("read.sql", "changed"), FileChange("sub/new.sql", "added"))
    assert found.settings


def test_who_must_approve_says_the_base() -> None:
    owners = f"* @all\n/{SPACE}/ @team ann@example.org\n"
    plan = planned(
        {"CODEOWNERS": owners, A: flow("a")},
        {"CODEOWNERS": "* @attacker", A: flow("a", description="x")},
    )
    assert dict(plan.approvers) == {
        "@all": ("CODEOWNERS",),
        "@team": (A,),
        "ann@example.org": (A,),
    }
    assert changed(plan, "a").approvers == ("@team", "ann@example.org")


def test_files_of_the_repository() -> None:
    source, tenant = "sources/team.yaml", "tenants/main/tenant.yaml"
    plan = planned({tenant: "a: 1"}, {tenant: "a: 2", source: "id: team"})
    assert plan.others == (FileChange(source, "added"), FileChange(tenant, "changed"))
    assert not plan.is_empty
    assert [each["name"] for each in plan.to_json()["others"]] == [source, tenant]


def test_who_listens_by_name_by_prefix_and_to_all() -> None:
    trigger = "[{{id: t, type: io.kestra.plugin.core.trigger.Flow{}}}]"
    flows = "preconditions: {id: p, flows: [{namespace: company.team, flowId: a}]}"
    where = "preconditions: {id: p, where: [{id: w, filters: [{field: NAMESPACE, type: STARTS_WITH"
    listeners = {
        "named": f", {flows}",
        "prefix": f", {where}, value: company}}]}}]}}",
        "all": "",
        "depends": ", dependsOn: [{namespace: company.team, flowId: a}]",
        "condition": ", conditions: [{type: io.kestra.plugin.core.condition.ExecutionFlow, "
        "namespace: company.team, flowId: a}]",
        "template": ", dependsOn: [{namespace: company.team, flowId: '{{ x }}'}]",
        "other": f", {flows.replace('flowId: a', 'flowId: b')}",
    }
    base = {A: flow("a")} | {
        f"{FLOWS}/{name}.yaml": flow(name, triggers=trigger.format(text))
        for name, text in listeners.items()
    }
    plan = planned(base, {**base, A: flow("a", LOG.replace("hello", "bye"))})
    names = {each.id for each in changed(plan, "a").dependents}
    assert names == set(listeners) - {"other"}
    direct = Dependents(view(base), view(base).flows()).listeners(("main", "company.team", "a"))
    assert {each.id for each in direct} == set(listeners) - {"other"}


def test_ignored_files_are_nothing_to_us() -> None:
    plan = planned({}, {A: "not: [a flow", ".headwaterignore": "a.yaml\n"})
    assert not plan.findings
    assert not plan.namespaces


def test_facts_of_a_server_are_added() -> None:
    key = ("main", "company.team", "a")
    plan = planned({A: flow("a")}, {A: flow("a", description="x")})
    told = plan.with_facts({key: (Running("4x", "RUNNING", "c" * 40, 3),)}, {key: 7})
    (shown,) = told.to_json()["namespaces"][0]["flows"]
    assert shown["running"] == [{"id": "4x", "state": "RUNNING", "commit": "c" * 40, "revision": 3}]
    assert shown["users"] == 7


def test_a_difference_to_false_is_told() -> None:
    plan = planned(
        {A: flow("a", disabled="true")}, {A: flow("a", disabled="false", description="d")}
    )
    shown = plan.to_json()["namespaces"][0]["flows"][0]["differences"]
    assert {"path": "disabled", "kind": "changed", "before": True, "after": False} in shown


NAMES = st.sampled_from("abcd")
Drawn = Mapping[str, tuple[str, tuple[str, ...]]]
BODIES = st.sampled_from(
    [(), (LOG.replace("hello", "bye"),), (call("a"),), (call("b"), LOG), ("broken: [",)]
)
TREES = st.dictionaries(NAMES, st.tuples(NAMES, BODIES), max_size=4)


def tree(drawn: Drawn) -> dict[str, str]:
    return {f"{FLOWS}/{path}.yaml": flow(name, *body) for path, (name, body) in drawn.items()}


@settings(max_examples=60, deadline=None)
@given(TREES, TREES)
def test_laws(
    before: Mapping[str, tuple[str, tuple[str, ...]]],
    after: Mapping[str, tuple[str, tuple[str, ...]]],
) -> None:
    old, new = view(tree(before)), view(tree(after))
    plan = make_change_plan(old, new, now=NOW)
    # Each flow of either tree is told at most once, and those that are equal are not.
    keys = [each.key for each in plan.flows]
    assert len(keys) == len(set(keys))
    was, becomes = old.flows(), new.flows(old.flows())
    touched = {key for key in {*was, *becomes} if was.get(key) != becomes.get(key)}
    assert plan.changed_keys == touched
    # The way back is the same: what was added is removed.
    back = make_change_plan(new, old, now=NOW)
    if all(len(files) == 1 for each in (old, new) for files in each.claims.values()):
        assert back.counts.get("added", 0) == plan.counts.get("removed", 0)
    # What is remembered changes nothing.
    assert make_change_plan(old, new, now=NOW).to_json() == plan.to_json()
    assert make_change_plan(new, new).counts == {}
