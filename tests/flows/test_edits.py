"""Changes of a source that leave the rest of it as it is."""

import pytest

from app.errors import Invalid, NotFound
from app.flows.edits import with_disabled, with_task
from app.flows.yaml import load

SOURCE = """\
# a flow
id: f  # its id
namespace: n
tasks:
  - id: a
    type: Log
    message: |
      one

      two

  # before b
  - id: g
    type: Group
    tasks:
      - id: b
        type: Log
        message: "ü"
      # after b
triggers:
  - id: a
    type: T
"""


def test_disabling_and_enabling() -> None:
    disabled = with_disabled(SOURCE, disabled=True)
    assert disabled == SOURCE.replace("namespace: n\n", "namespace: n\ndisabled: true\n")
    enabled = with_disabled(disabled, disabled=False)
    assert enabled == disabled.replace("true", "false")
    assert with_disabled(SOURCE, disabled=False) == SOURCE


@pytest.mark.parametrize(
    "source",
    [
        '{"id": "f", "namespace": "n"}',
        "disabled: false # no\nid: f\nnamespace: n",
        "id: f\nnamespace: n",
        "id: f\nnamespace: n\nvariables: {disabled: 1}\n",
        "namespace: 'n' # ns\nid: f # id\n\n# end",
    ],
)
def test_disabling_any_source(source: str) -> None:
    value = load(with_disabled(source, disabled=True)).value
    assert value == {**load(source).value, "disabled": "true"} or value["disabled"] is True


def test_a_task_becomes_another() -> None:
    new = {"id": "b", "type": "Return", "format": "x\ny\n", "n": {"k": [1, 2]}}
    changed = with_task(SOURCE, "b", new)
    before, after = changed.split("      - id: b\n")
    assert before == SOURCE.split("      - id: b\n", maxsplit=1)[0]
    assert after.endswith("      # after b\ntriggers:\n  - id: a\n    type: T\n")
    assert load(changed).value["tasks"][1]["tasks"] == [
        {"id": "b", "type": "Return", "format": "x\ny\n", "n": {"k": [1, 2]}}
    ]


def test_the_first_task_of_a_list() -> None:
    changed = with_task(SOURCE, "a", {"id": "a", "type": "X"})
    assert "  - id: a\n    type: X\n\n  # before b\n" in changed
    assert load(changed).value["triggers"] == [{"id": "a", "type": "T"}]


def test_a_task_in_a_flow_collection() -> None:
    source = "{id: f, namespace: n, tasks: [{id: a, type: Log}, {id: b, type: Log}]}"
    assert load(with_task(source, "a", {"id": "a", "type": "X"})).value["tasks"] == [
        {"id": "a", "type": "X"},
        {"id": "b", "type": "Log"},
    ]


def test_what_cannot_be_changed() -> None:
    with pytest.raises(NotFound):
        with_task(SOURCE, "nope", {})
    with pytest.raises(Invalid):
        with_disabled("[1]", disabled=True)
    with pytest.raises(Invalid):
        with_disabled("a: b: c", disabled=True)
