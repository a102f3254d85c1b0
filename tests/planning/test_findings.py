"""What a plan says is wrong: in what changed, and elsewhere because of it."""

import pytest

from app.sync.planning.plan import make_change_plan
from tests.planning.rig import FLOWS, LOG, SPACE, call, coded, flow, planned, view

A, B, C = (f"{FLOWS}/{name}.yaml" for name in "abc")
NEEDS = "[{id: day, type: DATE}]"


def test_problems_of_changed_flows_only() -> None:
    bad = "{id: x, type: io.kestra.plugin.core.log.Lug}"
    plan = planned({A: flow("a", bad)}, {A: flow("a", bad), B: flow("b", bad)})
    (found,) = plan.findings
    assert (found.code, found.path, found.line, found.flow_id) == ("UNKNOWN_TYPE", B, 3, "b")
    assert plan.errors == 1


def test_a_file_that_is_no_yaml() -> None:
    (found,) = planned({}, {A: "id: a\ntasks: ["}).findings
    assert (found.code, found.severity) == ("YAML_SYNTAX", "error")
    assert found.line


def test_layout_findings_that_are_new() -> None:
    nested = "tenants/main/namespaces/company/team/flows/a.yaml"
    plan = planned({}, {nested: flow("a")})
    assert [each.code for each in plan.findings] == ["NESTED_NAMESPACE_DIR"]
    assert planned({nested: flow("a")}, {nested: flow("a"), A: flow("a")}).findings == ()


def test_the_newcomer_of_two_files_is_refused() -> None:
    first = f"{FLOWS}/0.yaml"
    plan = planned({A: flow("a")}, {A: flow("a"), first: flow("a", description="mine")})
    (found,) = coded(plan, "DUPLICATE_ID")
    assert found.path == first
    assert plan.counts == {}
    # Who was there first stays, and is not told again.
    both = {A: flow("a"), first: flow("a", description="mine")}
    assert not planned(both, {**both, B: flow("b")}).findings


def test_lfs_pointer() -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 5\n"
    plan = planned({}, {A: pointer, f"{SPACE}/secrets.sops.yaml": pointer})
    assert {each.code for each in plan.findings} == {"LFS_POINTER"}


def test_subflow_missing() -> None:
    plan = planned({}, {A: flow("a", call("company.team.bee")), B: flow("been")})
    (found,) = plan.findings
    assert (found.code, found.severity, found.line) == ("SUBFLOW_MISSING", "warning", 3)
    assert "been" in found.fix


def test_a_flow_that_goes_leaves_its_callers() -> None:
    callers = {B: flow("b", call("a"))}
    plan = planned({A: flow("a"), **callers}, {**callers, C: flow("c", description="x")})
    (found,) = coded(plan, "SUBFLOW_MISSING")
    assert (found.path, found.flow_id) == (B, "b")


def test_names_of_other_tenants_do_not_count() -> None:
    other = "tenants/other/namespaces/company.team/flows/a.yaml"
    plan = planned({}, {other: flow("a"), B: flow("b", call("a"))})
    assert [each.code for each in plan.findings] == ["SUBFLOW_MISSING"]


def test_circle() -> None:
    plan = planned(
        {A: flow("a", call("b")), B: flow("b")},
        {A: flow("a", call("b")), B: flow("b", call("c")), C: flow("c", call("a"))},
    )
    found = coded(plan, "CYCLE")
    assert {each.path for each in found} == {B, C}
    assert all(each.is_error for each in found)
    assert "company.team.b → company.team.c → company.team.a → company.team.b" in found[0].message


def test_old_circles_are_not_told_again() -> None:
    both = {A: flow("a", call("b")), B: flow("b", call("a"))}
    assert not planned(both, {**both, C: flow("c", call("a"))}).findings


def test_secret_unknown_where_there_are_secrets() -> None:
    use = LOG.replace("hello", "\"{{ secret('TOKNE') }}\"")
    assert not planned({}, {A: flow("a", use)}).findings
    parent = {"tenants/main/namespaces/company/secrets.sops.yaml": "TOKEN: ENC[x]\n"}
    plan = planned({}, {A: flow("a", use), **parent})
    (found,) = plan.findings
    assert (found.code, found.severity, found.line) == ("SECRET_UNKNOWN", "warning", 3)
    assert "TOKEN" in found.fix
    assert not planned({}, {A: flow("a", use.replace("TOKNE", "TOKEN")), **parent}).findings


def test_a_secret_that_goes_is_missed_elsewhere() -> None:
    secrets = f"{SPACE}/secrets.sops.yaml"
    use = flow("a", LOG.replace("hello", "\"{{ secret('TOKEN') }}\""))
    never = flow("b", LOG.replace("hello", "\"{{ secret('NEVER') }}\""))
    base = {A: use, B: never, secrets: "TOKEN: ENC[x]\nOTHER: ENC[y]\n"}
    (found,) = planned(base, {**base, secrets: "OTHER: ENC[y]\n"}).findings
    assert (found.code, found.path) == ("SECRET_UNKNOWN", A)


def test_secret_in_plain_text() -> None:
    secrets = f"{SPACE}/secrets.sops.yaml"
    plan = planned({}, {secrets: "A: ENC[x]\nB:\n  c: swordfish\nd_unencrypted: x\nsops: {v: 1}\n"})
    (found,) = plan.findings
    assert (found.code, found.line, found.pointer) == ("SECRET_PLAINTEXT", 3, "B.c")
    assert "swordfish" not in str(plan.to_json())


def test_breaking_input() -> None:
    callers = {B: flow("b", call("a")), C: flow("c", call("a", day="'2024-01-01'"))}
    plan = planned({A: flow("a"), **callers}, {A: flow("a", inputs=NEEDS), **callers})
    at_flow, at_caller = coded(plan, "BREAKING_INPUT")
    assert (at_flow.path, at_caller.path) == (A, B)
    assert "company.team.b may fail" in at_flow.message
    assert at_flow.severity == at_caller.severity == "warning"
    breaks = [each for flow_ in plan.flows for each in flow_.breaks]
    assert [[name.id for name in each.callers] for each in breaks] == [["b"]]


def test_new_caller_that_gives_too_little() -> None:
    plan = planned(
        {A: flow("a", inputs=NEEDS)}, {A: flow("a", inputs=NEEDS), B: flow("b", call("a"))}
    )
    (found,) = plan.findings
    assert (found.code, found.path, found.line) == ("BREAKING_INPUT", B, 3)


def test_call_of_a_fixed_revision_stays_as_it_is() -> None:
    pinned = call("a").replace("inputs", "revision: 2, inputs")
    base = {A: flow("a"), B: flow("b", pinned)}
    plan = planned(base, {**base, A: flow("a", inputs=NEEDS)})
    assert [each.path for each in plan.findings] == [A]


@pytest.mark.parametrize(
    "use",
    ["{{ outputs.call.outputs.total }}", "{{ outputs['call']['outputs']['total'] }}"],
)
def test_lost_output_with_who_uses_it(use: str) -> None:
    gives = "[{id: total, type: INT, value: 1}]"
    uses = flow("b", call("a"), LOG.replace("hello", f'"{use}"'))
    base = {A: flow("a", outputs=gives), B: uses}
    plan = planned(base, {**base, A: flow("a")})
    (change,) = plan.flows
    (broken,) = change.breaks
    assert (broken.change.side, broken.change.what) == ("output", "REMOVED")
    assert [each.id for each in broken.callers] == ["b"]


def test_findings_are_ordered_and_told_once() -> None:
    bad = "{id: x, type: nope, y: 1}"
    plan = make_change_plan(None, view({B: flow("b", bad), A: flow("a", bad)}))
    places = [(each.path, each.line) for each in plan.findings]
    assert places == sorted(places)
    assert len(set(plan.findings)) == len(plan.findings)


TEST = """\
id: t
namespace: company.team
flowId: {}
testCases:
  - {{id: c, type: {}, assertions: {}}}
"""
UNIT = "io.kestra.core.tests.flow.UnitTest"


def test_tests_are_read_and_held_against_their_flow() -> None:
    path = f"{SPACE}/tests/t.yaml"
    good = TEST.format("a", UNIT, "[{value: x, equalTo: x}]")
    assert not planned({}, {A: flow("a"), path: good}).findings
    wrong = planned({}, {A: flow("a"), path: "id: ["}).findings
    assert [(each.code, each.path) for each in wrong] == [("YAML_SYNTAX", path)]
    (lost,) = planned({}, {path: good}).findings
    assert (lost.code, lost.path, lost.severity) == ("TEST_FLOW_MISSING", path, "warning")


def test_tests_of_flows_that_change() -> None:
    path = f"{SPACE}/tests/t.yaml"
    gives = TEST.format("a", UNIT, "[{value: x, equalTo: x}], fixtures: {inputs: {day: x}}")
    base = {A: flow("a", inputs="[{id: day, type: STRING}]"), path: gives}
    (misfit,) = [
        each for each in planned(base, {**base, A: flow("a")}).findings if each.path == path
    ]
    assert (misfit.code, misfit.severity) == ("TEST_UNKNOWN_INPUT", "warning")
    gone = planned(base, {path: gives}).findings
    assert [(each.code, each.path) for each in gone] == [("TEST_FLOW_MISSING", path)]
    # What was wrong before is not told again.
    old = {**base, A: flow("a")}
    assert not planned(old, {**old, A: flow("a", description="x")}).findings


@pytest.mark.parametrize(("text", "code"), [("a: [", "YAML_SYNTAX"), ("- a", "SCHEMA")])
def test_variables_that_cannot_be_read(text: str, code: str) -> None:
    (found,) = planned({}, {f"{SPACE}/variables.yaml": text}).findings
    assert (found.code, found.is_error) == (code, True)


def test_the_manifest_of_the_base_counts() -> None:
    ignoring = "version: 1\nignore: [a.yaml]\n"
    bad = flow("a", "{id: x, type: nope}")
    assert planned({}, {A: bad, "headwater.yaml": ignoring}).errors == 1
    assert not planned(
        {"headwater.yaml": ignoring}, {A: bad, "headwater.yaml": "version: 1"}
    ).findings
    found = planned({}, {"headwater.yaml": "nonsense: 1"}).findings
    assert {(each.code, each.severity) for each in found} == {("MANIFEST", "warning")}


def test_namespaces_of_others_do_not_count() -> None:
    tree = view({A: flow("a", "{id: x, type: nope}")})
    tree.owns = lambda tenant, namespace: (tenant, namespace) != ("main", "company.team")
    assert make_change_plan(None, tree).is_empty


def test_a_cipher_text_of_another_tenant() -> None:
    theirs = f"{SPACE}/secrets.sops.yaml"
    copy = "tenants/other/namespaces/shop/secrets.sops.yaml"
    base = {theirs: "A: ENC[one]\nB: ENC[two]\n"}
    (found,) = planned(base, {**base, copy: "X: ENC[one]\n"}).findings
    assert (found.code, found.severity, found.path) == ("SECRET_REUSED", "error", copy)
    assert "ENC[" not in str(found)
    # Who had it before is not told of it.
    both = {**base, copy: "X: ENC[one]\n"}
    assert not planned(both, {**both, theirs: "A: ENC[one]\nB: ENC[new]\n"}).findings
    assert not planned(base, {**base, copy: "X: ENC[other]\n"}).findings
