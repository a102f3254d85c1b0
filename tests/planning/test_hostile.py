"""Trees that mean no good: a plan is made all the same, and can be sent."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sync.planning.comment import plan_markdown
from app.sync.planning.plan import ChangePlan
from tests.planning.rig import FLOWS, LOG, SPACE, call, flow, planned

A = f"{FLOWS}/a.yaml"


def sent(plan: ChangePlan) -> bytes:
    """The plan as it is stored, sent and shown."""
    assert len(plan_markdown(plan, limit=5_000)) <= 5_000
    plan_markdown(plan)
    return orjson.dumps(plan.to_json())


def deep(bottom: str, levels: int = 190) -> str:
    return flow("a", variables="{x: " * levels + bottom + "}" * levels)


def test_documents_as_deep_as_there_may_be() -> None:
    plan = planned({A: deep("1")}, {A: deep("2")})
    (change,) = plan.flows
    assert [each.kind for each in change.differences] == ["changed"]
    sent(plan)
    lists = flow("a", variables="{x: " + "[" * 190 + "1" + "]" * 190 + "}")
    sent(planned({A: lists}, {A: lists.replace("1]", "2]")}))


@pytest.mark.parametrize(
    "value",
    [
        "123456789012345678901234567890",
        ".nan",
        "-.inf",
        '"\\ud800"',
        "2024-01-01T00:00:00Z",
        "!!binary aGVsbG8=",
        '"\\u202e\\u0000x"',
        "0x7fffffffffffffffffff",
        "1e999",
    ],
)
def test_values_that_json_does_not_have(value: str) -> None:
    variables = f"{SPACE}/variables.yaml"
    plan = planned(
        {A: flow("a"), variables: "x: 1\n"},
        {A: flow("a", variables=f"{{x: {value}, 12: y, true: [z]}}"), variables: f"x: {value}\n"},
    )
    sent(plan)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [1]\nb: [" + ", ".join(["*a"] * 2_000) + "]\n",
        "x: " + "[" * 5_000,
        "\t",
        "%YAML 9.9\n---\n",
        "id: a\n---\nid: b\n",
        "? [a]\n: b\n",
        "id: {a: b}\ntasks: []\n",
        "a: !!python/object:os.system x\n",
        "<<: *nothing\n",
        "id: a\nid: b\n",
    ],
)
@pytest.mark.parametrize(
    "path", [A, f"{SPACE}/variables.yaml", f"{SPACE}/secrets.sops.yaml", f"{SPACE}/tests/t.yaml"]
)
def test_documents_that_should_not_be(path: str, text: str) -> None:
    assert planned({}, {path: text}).findings or path != A
    sent(planned({}, {path: text}))
    sent(planned({path: text}, {A: flow("a"), path: f"{text} "}))
    sent(planned({path: text}, {}))


def test_very_many_changes_fit() -> None:
    names = [f"f{number}" for number in range(700)]
    base = {f"{FLOWS}/{name}.yaml": flow(name, call("f0")) for name in names}
    head = {path: text.replace("inputs", "wait: false, inputs") for path, text in base.items()}
    keys = "".join(f"K{number}: plain\n" for number in range(700))
    plan = planned(base, {**head, f"{SPACE}/secrets.sops.yaml": keys})
    assert plan.errors >= 700
    sent(plan)


def test_owners_that_are_no_owners() -> None:
    lines = ["* @a`b|<img> " * 3, "[", "^[", "*" * 3_000, "a\\", "[x][99999] @y", "(" * 500]
    plan = planned({"CODEOWNERS": "\n".join(lines * 50)}, {A: flow("a")})
    sent(plan)


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "tasks",
                    "inputs",
                    "type",
                    "values",
                    "defaults",
                    "labels",
                    "triggers",
                    "flowId",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS, DOCUMENTS)
def test_any_document(old: object, new: object) -> None:
    def written(value: object) -> str:
        body = orjson.dumps(value).decode() if _is_json(value) else "1"
        return f"id: a\ntasks: [{LOG}]\noutputs: {body}\ninputs: {body}\ntriggers: {body}\n"

    sent(planned({A: written(old)}, {A: written(new)}))


def _is_json(value: object) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True
