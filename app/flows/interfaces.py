"""What a flow asks of those who start it and gives back: its inputs and outputs, and their breaks.

Read from the raw document as `references` are. A break is a change after which a caller that
worked may fail: a new input that must be given, one that is gone, a narrower one, a lost output.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

_SAME: Final[Mapping[str, str]] = {"BOOL": "BOOLEAN", "ENUM": "SELECT", "FORM": "JSON"}
_WIDER: Final[Mapping[str, frozenset[str]]] = {
    "STRING": frozenset(
        {
            "BOOLEAN",
            "DATE",
            "DATETIME",
            "DURATION",
            "EMAIL",
            "FILE",
            "FLOAT",
            "INT",
            "SECRET",
            "SELECT",
            "TIME",
            "URI",
        }
    ),
    "FLOAT": frozenset({"INT"}),
    "SECRET": frozenset({"STRING", "SELECT", "URI", "EMAIL"}),
    "JSON": frozenset({"INT", "FLOAT", "BOOLEAN", "ARRAY", "MULTISELECT", "OBJECT", "ION"}),
}
"""Type -> the types whose every value it takes, too."""

What = Literal["REQUIRED", "REMOVED", "TYPE", "NARROWED"]


class Shape(NamedTuple):
    """What an input asks for."""

    id: str
    type: str
    needed: bool = False
    """Whether an execution cannot start without a value from the caller."""
    item_type: str = ""
    values: frozenset[str] | None = None
    """The only values; None: others, too."""
    least: Any = None
    most: Any = None
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """The inputs and outputs of a flow, by id; of an output the type, "" for any."""

    inputs: Mapping[str, Shape] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)

    def lacking(self, given: frozenset[str] | None) -> list[str]:
        """Return the inputs that a caller lacks; none where only the execution knows its inputs."""
        if given is None:
            return []
        return [
            each.id for each in self.inputs.values() if each.needed and not gives(given, each.id)
        ]


class Break(NamedTuple):
    """A change of an input or an output that may break those who start the flow."""

    side: Literal["input", "output"]
    name: str
    what: What
    message: str

    def breaks(self, inputs: frozenset[str] | None, outputs: Iterable[str]) -> bool:
        """Whether a caller that gives these inputs and names these outputs is concerned."""
        if self.side == "output":
            return self.name.split(".")[0] in outputs
        if inputs is None:
            return True
        return gives(inputs, self.name) != (self.what == "REQUIRED")


def gives(given: frozenset[str], name: str) -> bool:
    """Whether inputs hold a value for an id; the parts of a dotted one may be nested."""
    return name in given or name.split(".", maxsplit=1)[0] in given


def interface_of(raw: Mapping[str, Any]) -> Interface:
    """Return the interface of the flow in a raw document; what is malformed is left out."""
    shapes = {each.id: each for each in map(_shape, _maps(raw.get("inputs"))) if each.id}
    outputs = {
        str(each["id"]): _same(str(each.get("type") or ""))
        for each in _maps(raw.get("outputs"))
        if each.get("id") is not None
    }
    return Interface(shapes, outputs)


def _maps(value: Any) -> Iterator[Mapping[str, Any]]:
    return (each for each in (value if isinstance(value, list) else ()) if isinstance(each, dict))


def _shape(raw: Mapping[str, Any]) -> Shape:
    values = raw.get("values", raw.get("options"))
    closed = isinstance(values, list) and raw.get("allowCustomValue") is not True
    return Shape(
        id=str(raw.get("id", raw.get("name", ""))),
        type=_same(str(raw.get("type", ""))),
        needed=_needed(raw),
        item_type=_same(str(raw.get("itemType") or "")),
        values=frozenset(map(str, values)) if closed and isinstance(values, list) else None,
        least=raw.get("min", raw.get("after")),
        most=raw.get("max", raw.get("before")),
        pattern=str(raw.get("validator") or ""),
    )


def _needed(raw: Mapping[str, Any]) -> bool:
    if raw.get("required") is False or raw.get("defaults") is not None:
        return False
    # Whether it exists at all depends on other inputs; and the first choice is a default.
    return raw.get("dependsOn") is None and raw.get("autoSelectFirst") is not True


def _same(name: str) -> str:
    return _SAME.get(name, name)


def breaking_changes(old: Interface, new: Interface) -> list[Break]:
    """Return what of a new revision may break those who start the flow, in order."""
    return [*_input_breaks(old, new), *_output_breaks(old, new)]


def _input_breaks(old: Interface, new: Interface) -> Iterator[Break]:
    for name, shape in new.inputs.items():
        before = old.inputs.get(name)
        if shape.needed and (before is None or not before.needed):
            how = "is new and must be given" if before is None else "must be given now"
            yield Break("input", name, "REQUIRED", f"The input `{name}` {how}")
        if before is not None:
            yield from _narrowed(before, shape)
    for name in old.inputs:
        if name not in new.inputs:
            message = f"The input `{name}` is gone; what is given for it is ignored"
            yield Break("input", name, "REMOVED", message)


def _narrowed(old: Shape, new: Shape) -> Iterator[Break]:
    name = new.id
    if not _takes(new.type, old.type) or (new.item_type and new.item_type != old.item_type):
        message = f"The input `{name}` was {_typed(old)} and is {_typed(new)}"
        yield Break("input", name, "TYPE", message)
        return
    if reason := _narrower(old, new):
        yield Break("input", name, "NARROWED", f"The input `{name}` {reason}")


def _narrower(old: Shape, new: Shape) -> str:
    if new.values is not None and (old.values is None or old.values - new.values):
        lost = ", ".join(sorted((old.values or frozenset()) - new.values)[:5])
        return f"no longer takes {lost}" if lost else "takes only listed values now"
    if new.pattern and new.pattern != old.pattern:
        return "must match another pattern"
    if _tighter(old.least, new.least, up=True) or _tighter(old.most, new.most, up=False):
        return "has a narrower range"
    return ""


def _tighter(old: Any, new: Any, *, up: bool) -> bool:
    if new is None or new == old:
        return False
    if old is None:
        return True
    try:
        return bool(new > old) if up else bool(new < old)
    except TypeError:
        return True


def _takes(new: str, old: str) -> bool:
    return new == old or old in _WIDER.get(new, ())


def _typed(shape: Shape) -> str:
    return f"{shape.type} of {shape.item_type}" if shape.item_type else shape.type or "untyped"


def _output_breaks(old: Interface, new: Interface) -> Iterator[Break]:
    for name, kind in old.outputs.items():
        if name not in new.outputs:
            yield Break("output", name, "REMOVED", f"The output `{name}` is gone")
        elif new.outputs[name] != kind and new.outputs[name]:
            was = kind or "of any type"
            message = f"The output `{name}` was {was} and is {new.outputs[name]}"
            yield Break("output", name, "TYPE", message)
