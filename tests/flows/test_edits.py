"""Changes of a source that leave the rest of it as it is."""

import pytest

from app.errors import Invalid, NotFound
from app.flows.edits import with_task
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
        with_task("[1]", "a", {})
    with pytest.raises(Invalid):
        with_task("a: b: c", "a", {})
