"""Plugin defaults: which entries they match, and how they are merged."""

import copy
from typing import Any

import pytest

from app.flows.defaults import apply_plugin_defaults, merge_defaults
from app.flows.flow import PluginDefault
from app.flows.yaml import YamlError
from tests.flows.fakes import TYPES, flow, lines, parse

LOG = "io.kestra.plugin.core.log.Log"


def _default(type_: str, values: dict[str, Any], *, forced: bool = False) -> dict[str, Any]:
    return {"type": type_, "forced": forced, "values": values}


def _merged(task: dict[str, Any], *defaults: dict[str, Any]) -> Any:
    raw = {"tasks": [{"type": LOG, **task}]}
    return apply_plugin_defaults(raw, defaults)["tasks"][0]


@pytest.mark.parametrize(
    ("task", "defaults", "merged"),
    [
        ({}, [_default(LOG, {"level": "WARN"})], {"level": "WARN"}),
        ({"level": "INFO"}, [_default(LOG, {"level": "WARN"})], {"level": "INFO"}),
        ({"level": None}, [_default(LOG, {"level": "WARN"})], {"level": "WARN"}),
        ({"level": "INFO"}, [_default(LOG, {"level": None})], {"level": "INFO"}),
        ({}, [_default(LOG, {"level": None})], {"level": None}),
        ({}, [_default("io.kestra", {"a": 1})], {"a": 1}),
        ({}, [_default("io.kestra.plugin.core.lo", {"a": 1})], {"a": 1}),
        ({}, [_default("io.kestra.plugin.core.log.Logs", {"a": 1})], {}),
        ({}, [_default("", {"a": 1})], {}),
        ({"m": {"a": 1}}, [_default(LOG, {"m": {"a": 2, "b": 3}})], {"m": {"a": 1, "b": 3}}),
        ({"l": [3]}, [_default(LOG, {"l": [1, 2]})], {"l": [1, 2, 3]}),
        ({"l": "x"}, [_default(LOG, {"l": [1]})], {"l": "x"}),
        ({"m": [1]}, [_default(LOG, {"m": {"a": 1}})], {"m": [1]}),
        (
            {},
            [_default(LOG, {"level": "FIRST"}), _default("io", {"level": "SECOND", "b": 1})],
            {"level": "FIRST", "b": 1},
        ),
        ({"level": "INFO"}, [_default(LOG, {"level": "WARN"}, forced=True)], {"level": "WARN"}),
        ({"l": [1]}, [_default(LOG, {"l": [2]}, forced=True)], {"l": [1, 2]}),
        (
            {"level": "INFO"},
            [
                _default(LOG, {"level": "FLOW"}, forced=True),
                _default("io", {"level": "GLOBAL"}, forced=True),
            ],
            {"level": "GLOBAL"},
        ),
        (
            {"level": "INFO"},
            [_default(LOG, {"level": "NORMAL"}), _default("io", {"level": "FORCED"}, forced=True)],
            {"level": "FORCED"},
        ),
        (
            {"l": [4]},
            [
                _default(LOG, {"l": [2, 3]}),
                _default("io", {"l": [1]}),
                _default("io", {"l": [5]}, forced=True),
            ],
            {"l": [1, 2, 3, 4, 5]},
        ),
        (
            {"m": {"a": 1}},
            [_default(LOG, {"m": "x"}), _default("io", {"m": {"b": 2}})],
            {"m": {"a": 1}},
        ),
    ],
)
def test_merging(task: dict[str, Any], defaults: list[Any], merged: dict[str, Any]) -> None:
    expected = {"type": LOG, **merged}
    assert _merged(task, *defaults) == expected


def test_entries_are_found_everywhere_but_in_the_defaults() -> None:
    raw = {
        "tasks": [{"type": "s", "tasks": [{"type": "a"}], "taskRunner": {"type": "a"}}],
        "errors": [{"type": "a"}],
        "triggers": [{"type": "a", "conditions": [{"type": "a"}]}],
        "pluginDefaults": [{"type": "a", "values": {"nested": {"type": "a"}}}],
        "other": {"type": 3},
    }
    before = copy.deepcopy(raw)
    done = {"type": "a", "x": 1}
    filled = {**done, "nested": {**done}}
    assert apply_plugin_defaults(raw, [_default("a", {"x": 1})]) == {
        "tasks": [{"type": "s", "tasks": [filled], "taskRunner": filled}],
        "errors": [filled],
        "triggers": [{**filled, "conditions": [filled]}],
        "pluginDefaults": raw["pluginDefaults"],
        "other": {"type": 3},
    }
    assert raw == before


def test_a_default_is_not_applied_to_what_it_brought() -> None:
    raw = {"tasks": [{"type": "a", "own": {"type": "a"}}]}
    first = _default("a", {"own": {"type": "a", "x": 1}, "list": [{"type": "a"}]})
    merged = apply_plugin_defaults(raw, [first])["tasks"][0]
    brought = {"type": "a", "x": 1}
    assert merged["list"] == [{"type": "a"}]
    assert merged["own"] == {**brought, "own": brought, "list": [{"type": "a"}]}


def test_defaults_that_bring_each_other_come_to_an_end() -> None:
    defaults = [_default("a", {"x": {"type": "b"}}), _default("b", {"y": {"type": "a"}})]
    assert apply_plugin_defaults({"t": {"type": "a"}}, defaults) == {
        "t": {"type": "a", "x": {"type": "b", "y": {"type": "a"}}}
    }
    same = [_default("a", {"n": {"type": "a"}}), _default("a", {"n": {"type": "a", "x": 1}})]
    assert apply_plugin_defaults({"t": {"type": "a"}}, same) == {
        "t": {"type": "a", "n": {"type": "a", "x": 1}}
    }


@pytest.mark.parametrize("count", [12, 200])
def test_defaults_that_explode_are_refused(count: int) -> None:
    brought = {f"p{n}": {"type": f"t{n}."} for n in range(count)}
    defaults = [_default(f"t{n}", brought) for n in range(count)]
    with pytest.raises(YamlError, match="too large"):
        apply_plugin_defaults({"t": {"type": "t1."}}, defaults)


def test_types_are_matched_by_every_name() -> None:
    raw = {
        "tasks": [
            {"type": "core.log.Log"},
            {"type": "io.kestra.core.tasks.log.Log"},
            {"type": LOG},
        ]
    }
    for name in ("core.log.Log", "io.kestra.core.tasks.log.Log", LOG, "core.log"):
        merged = apply_plugin_defaults(raw, [_default(name, {"level": "WARN"})], TYPES)
        assert [task["level"] for task in merged["tasks"]] == ["WARN"] * 3


def test_models_and_maps_are_taken() -> None:
    default = PluginDefault(type=LOG, values={"level": "WARN"})
    assert apply_plugin_defaults({"tasks": [{"type": LOG}]}, [default]) == {
        "tasks": [{"type": LOG, "level": "WARN"}]
    }


@pytest.mark.parametrize(
    "defaults",
    [None, {}, [None], ["x"], [{"type": 1, "values": {}}], [{"type": "io", "values": []}]],
)
def test_what_is_no_default_changes_nothing(defaults: Any) -> None:
    raw = {"tasks": [{"type": LOG}], "pluginDefaults": defaults}
    assert merge_defaults(raw, TYPES).raw == raw


def test_properties_that_a_type_does_not_have_are_left_out() -> None:
    parsed = parse(flow("pluginDefaults: [{type: io.kestra, values: {level: WARN, uri: x}}]"))
    assert parsed.problems == ()
    assert parsed.flow is not None
    assert parsed.flow.tasks[0].level == "WARN"  # type: ignore[attr-defined]


def test_errors_point_at_where_the_value_stands() -> None:
    source = flow(
        "pluginDefaults:\n"
        "  - type: core.http\n"
        "    values:\n"
        "      retries: many\n"
        "      codes: [1, x]\n"
        "      retry: {type: constant, interval: soon}\n",
        tasks="tasks:\n"
        "  - id: a\n    type: core.http.Request\n    uri: u\n    codes: [y]\n"
        "  - {id: b, type: core.http.Request, uri: u}",
    )
    assert lines(parse(source)) == [
        "E SCHEMA pluginDefaults[0].values.retries 6:16 must be an integer",
        "E SCHEMA pluginDefaults[0].values.codes[1] 7:18 must be an integer",
        (
            "E SCHEMA pluginDefaults[0].values.retry.interval 8:41 "
            "`soon` is not a duration; write ISO-8601 (PT30S, P1DT2H) or seconds"
        ),
        "E SCHEMA tasks[0].codes[0] 14:13 must be an integer",
    ]


def test_texts_of_defaults_are_as_they_are_written() -> None:
    source = flow(
        "pluginDefaults: [{type: core.http.Request, values: {method: 1.10, headers: {V: 0.50}}}]",
        tasks="tasks:\n  - {id: a, type: core.http.Request, uri: u, headers: {W: 1e3}}\n",
    )
    parsed = parse(source)
    assert parsed.flow is not None
    task: Any = parsed.flow.tasks[0]
    assert task.method == "1.10"
    assert task.headers == {"V": "0.50", "W": "1e3"}


def test_defaults_from_outside_are_below_those_of_the_flow() -> None:
    source = flow("pluginDefaults: [{type: core.log.Log, values: {level: FLOW}}]")
    outside = [
        PluginDefault(type=LOG, values={"level": "NAMESPACE", "description": "namespace"}),
        PluginDefault(type=LOG, values={"description": "server", "timeout": "PT1S"}),
    ]
    parsed = parse(source, defaults=outside)
    assert parsed.flow is not None
    task: Any = parsed.flow.tasks[0]
    assert (task.level, task.description) == ("FLOW", "namespace")
    assert task.timeout.total_seconds() == 1


def test_a_wrong_default_from_outside_is_told_at_the_entry() -> None:
    outside = [PluginDefault(type=LOG, values={"timeout": "soon"})]
    assert [line.split(" not ")[0] for line in lines(parse(flow(), defaults=outside))] == [
        "E SCHEMA tasks[0].timeout 3:9 `soon` is"
    ]
