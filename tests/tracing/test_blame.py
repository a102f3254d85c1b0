"""Blame of parts of a flow, from histories of its documents."""

import textwrap
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.flows.blame import Attribution, Part, parts_of
from app.flows.parse import parse_document
from app.flows.yaml import YamlError

FLOW = """
    id: f
    namespace: shop
    labels: {team: a}
    inputs:
      - {id: name, type: STRING}
    tasks:
      - id: choose
        type: io.kestra.plugin.core.flow.If
        condition: "{{ true }}"
        then:
          - {id: load, type: io.kestra.plugin.core.log.Log, message: one}
        else:
          - id: group
            type: io.kestra.plugin.core.flow.Sequential
            tasks:
              - {id: deep, type: io.kestra.plugin.core.log.Log, message: two}
      - id: graph
        type: io.kestra.plugin.core.flow.Dag
        tasks:
          - task: {id: inner, type: io.kestra.plugin.core.log.Log, message: x}
            dependsOn: [other]
    errors:
      - {id: alert, type: io.kestra.plugin.core.log.Log, message: oh}
    triggers:
      - {id: daily, type: io.kestra.plugin.core.trigger.Schedule, cron: "0 9 * * *"}
    outputs:
      - {id: total, type: INT, value: "3"}
    """


def text(source: str = FLOW, **changes: str) -> str:
    source = textwrap.dedent(source).lstrip()
    for old, new in changes.items():
        assert old in source
        source = source.replace(old, new)
    return source


def blamed(*sources: str | None) -> dict[str, int]:
    """Return kind/id -> revision, of the last of these sources; the first is revision 1."""
    *older, last = enumerate(sources, 1)
    assert last[1] is not None
    asked = Attribution(last[1], last[0])
    for revision, source in reversed(older):
        asked.older(source, revision)
    return {f"{part.kind}/{part.id}": revision for part, revision in asked.origins.items()}


def test_parts_and_where_they_stand() -> None:
    asked = Attribution(text(), 1)
    tasks = {part.id: spot.pointer for part, spot in asked.parts.items() if part.kind == "task"}
    assert tasks == {
        "choose": "tasks[0]",
        "load": "tasks[0].then[0]",
        "group": "tasks[0].else[0]",
        "deep": "tasks[0].else[0].tasks[0]",
        "graph": "tasks[1]",
        "inner": "tasks[1].tasks[0].task",
        "alert": "errors[0]",
    }
    assert asked.line(Part("task", "load")) == 11
    assert asked.line(Part("trigger", "daily")) == 25
    assert asked.line(Part("property", "labels")) == 3
    assert Part("input", "name") in asked.parts
    assert Part("output", "total") in asked.parts


def test_a_change_inside_is_no_change_around() -> None:
    found = blamed(text(), text(two="changed"), text(two="changed", one="other"))
    assert found["task/deep"] == 2
    assert found["task/load"] == 3
    for part in ("task/choose", "task/group", "task/graph", "trigger/daily", "property/labels"):
        assert found[part] == 1


def test_comments_order_and_style_are_no_change() -> None:
    turned = text(cron="cron").replace("inputs:", "# here\ninputs:").replace('"3"', "'3'")
    assert set(blamed(text(), turned).values()) == {1}


def test_a_task_that_moves_stays_from_where_it_is() -> None:
    moved = text().replace("then:", "other:").replace("else:", "then:").replace("other:", "else:")
    found = blamed(text(), moved)
    assert (found["task/load"], found["task/deep"]) == (1, 1)


def test_what_came_back_is_from_when_it_came_back() -> None:
    found = blamed(text(), text(one="other"), text())
    assert found["task/load"] == 3


def test_a_deleted_flow_begins_anew() -> None:
    assert set(blamed(text(), None, text()).values()) == {3}


def test_a_revision_that_cannot_be_read_tells_nothing() -> None:
    assert set(blamed(text(), "id: [", text()).values()) == {1}
    with pytest.raises(YamlError):
        Attribution("id: [", 1)


def test_kinds_of_numbers_count() -> None:
    assert blamed("id: f\nretry: 1", "id: f\nretry: true")["property/retry"] == 2


NAMES = ("a", "b", "c")


def flows() -> st.SearchStrategy[dict[str, Any] | None]:
    task = st.tuples(st.sampled_from(NAMES), st.integers(0, 2)).map(
        lambda pair: {"id": pair[0], "type": "t.T", "n": pair[1]}
    )
    tasks = st.lists(task, max_size=3, unique_by=lambda each: each["id"])
    flow = tasks.map(lambda found: {"id": "f", "tasks": found})
    return st.one_of(flow, flow, flow, st.none())


@given(st.lists(flows(), min_size=1, max_size=8).filter(lambda each: each[-1] is not None))
def test_blame_is_what_a_look_at_every_revision_says(history: list[dict[str, Any] | None]) -> None:
    sources = [None if each is None else yaml.safe_dump(each) for each in history]
    found = blamed(*sources)
    parts = [
        {} if each is None else {k: v.value for k, v in parts_of(parse_document(each)).items()}
        for each in sources
    ]
    for part, value in parts[-1].items():
        since = len(parts)
        while since > 1 and parts[since - 2].get(part, object()) == value:
            since -= 1
        assert found[f"{part.kind}/{part.id}"] == since
