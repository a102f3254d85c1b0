"""The registry: every type by all of its names."""

from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from app.flows.model import CONDITIONS, TRIGGERS, Task
from app.plugins import registry as module
from app.plugins.core import TYPES, Request
from app.plugins.core.debug import Return
from app.plugins.core.execution import Fail
from app.plugins.core.log import Log
from app.plugins.registry import BrokenPlugin, Registry


class Custom(Task):
    """A task type of somebody else."""

    type_name = "com.example.Custom"
    aliases = ("com.example.OldCustom",)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("io.kestra.plugin.core.http.Request", Request),
        ("core.http.Request", Request),
        ("io.kestra.plugin.fs.http.Request", Request),
        ("fs.http.Request", Request),
        ("io.kestra.plugin.core.log.Log", Log),
        ("core.log.Log", Log),
        ("io.kestra.core.tasks.log.Log", Log),
        ("io.kestra.core.tasks.debugs.Return", Return),
        ("io.kestra.core.tasks.executions.Fail", Fail),
        ("io.kestra.core.tasks.log.Logs", None),
        ("Log", None),
        ("", None),
        ("io.kestra.plugin.core.trigger.Schedule", None),
    ],
)
def test_every_name_finds_its_task(name: str, kind: type[Task] | None) -> None:
    assert Registry.load().task(name) is kind


def test_triggers_and_conditions() -> None:
    registry = Registry.load()
    for trigger in TRIGGERS:
        assert registry.trigger(trigger.type_name) is trigger
        assert registry.task(trigger.type_name) is None
    for condition in CONDITIONS:
        assert registry.condition(condition.type_name) is condition


def test_names_are_the_full_ones_in_order() -> None:
    names = list(Registry.load().names())
    assert names == sorted(names)
    assert {kind.type_name for kind in (*TYPES, *TRIGGERS, *CONDITIONS)} <= set(names)
    assert "core.log.Log" not in names


def test_every_type_is_described() -> None:
    for kind in TYPES:
        assert kind.__doc__
        assert [n for n, field in kind.model_fields.items() if not field.description] == []


def install(monkeypatch: pytest.MonkeyPatch, load: object) -> None:
    entry = SimpleNamespace(name="custom", load=load)
    monkeypatch.setattr(module, "entry_points", lambda *, group: [entry])


def test_plugins_are_found_by_their_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, lambda: SimpleNamespace(TYPES=[Custom]))
    registry = Registry.load()
    assert registry.task("com.example.Custom") is Custom
    assert registry.task("com.example.OldCustom") is Custom
    assert registry.task("core.log.Log") is Log


def test_a_broken_plugin_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = EntryPoint("custom", "no.such.module", "headwater.plugins")
    install(monkeypatch, missing.load)
    with pytest.raises(BrokenPlugin, match=r"the plugin 'custom' cannot be loaded: .*no\b"):
        Registry.load()
    install(monkeypatch, lambda: SimpleNamespace(TYPES=["nonsense"]))
    with pytest.raises(BrokenPlugin, match="'custom' has 'nonsense' in TYPES"):
        Registry.load()


def test_one_name_for_two_types_is_refused() -> None:
    class Second(Task):
        type_name = "com.example.OldCustom"

    with pytest.raises(BrokenPlugin, match=r"com\.example\.OldCustom is registered twice"):
        Registry([Custom, Second])


def test_a_type_without_a_name_is_refused() -> None:
    class Nameless(Task):
        pass

    with pytest.raises(BrokenPlugin, match="has no type_name"):
        Registry([Nameless])
