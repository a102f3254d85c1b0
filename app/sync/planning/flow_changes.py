"""What becomes of one flow: its meaning, its triggers, its interface, who depends on it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from app.flows.differences import Difference, differences, documents, same
from app.flows.flow import Flow
from app.flows.interfaces import Break, breaking_changes
from app.flows.parse import Parsed
from app.flows.references import NONE, Call, References
from app.flows.triggers import Trigger
from app.git.codeowners import Owners
from app.git.survey import shown
from app.sync.planning.changes import Broken, Dates, FlowChange, FlowKind, TriggerChange
from app.sync.planning.dates import Times
from app.sync.planning.impact import Dependents
from app.sync.planning.pairing import Pair
from app.sync.planning.tree import FlowFile


class Side(NamedTuple):
    """A flow in one of the trees, and what was read of it."""

    file: FlowFile
    source: bytes
    parsed: Parsed
    references: References = NONE


class Viewer(NamedTuple):
    """What everything is described by: who depends on whom in the new tree, who owns what."""

    dependents: Dependents
    owners: Owners
    new_types: frozenset[str]
    times: Times | None
    has_base: bool = True
    """Whether there is something to compare with; else nobody depends on anything yet."""


def describe(pair: Pair, old: Side | None, new: Side | None, viewer: Viewer) -> FlowChange:
    """Return what becomes of a flow (blocking). Of a flow that only moved, both sides are None."""
    change = _named(pair, viewer.owners)
    if old is None and new is None:
        return change
    meaning = _differences(old, new)
    is_same = bool(old and new and not meaning and same(old.source, new.source))
    told = {
        "semantic": not is_same,
        "differences": meaning,
        "triggers": tuple(_triggers(old, new, viewer.times)) if not is_same else (),
        "new_types": tuple(sorted(new.references.types & viewer.new_types)) if new else (),
        "new_secrets": _new_secrets(old, new),
    }
    if old is not None:
        told["breaks"] = tuple(_breaks(old, new, pair, viewer.dependents))
    if viewer.has_base:
        keys = {side.file.key for side in (old, new) if side is not None}
        told["dependents"] = tuple(
            sorted({name for key in keys for name in viewer.dependents.of(key)})
        )
    return change.telling(**told)


def _named(pair: Pair, owners: Owners) -> FlowChange:
    old, new = pair.old, pair.new
    file = new or old
    if file is None:
        message = "a pair has at least one flow"
        raise ValueError(message)
    return FlowChange(
        file.key,
        _kind(pair),
        shown(file.path),
        old_path=shown(old.path) if old and new and old.path != new.path else "",
        old_key=old.key if old and pair.is_renamed else None,
        carries=pair.carries,
        blob=new.oid if new else "",
        old_blob=old.oid if old else "",
        approvers=owners.written(file.path),
    )


def _kind(pair: Pair) -> FlowKind:
    if pair.old is None:
        return "added"
    if pair.new is None:
        return "removed"
    if pair.is_renamed:
        return "renamed"
    return "moved" if pair.old.oid == pair.new.oid else "changed"


def _differences(old: Side | None, new: Side | None) -> tuple[Difference, ...]:
    if old is None or new is None:
        return ()
    before, after = documents(old.source, new.source)
    return () if before is None or after is None else tuple(differences(before, after))


def _new_secrets(old: Side | None, new: Side | None) -> tuple[str, ...]:
    if new is None:
        return ()
    known = old.references.secrets if old else frozenset()
    return tuple(sorted(new.references.secrets - known))


def _breaks(old: Side, new: Side | None, pair: Pair, dependents: Dependents) -> Iterator[Broken]:
    """Yield what of the interface breaks; of a flow that is gone, its callers are told of it."""
    if new is None:
        return
    calls = dependents.callers(old.file.key)
    if pair.is_renamed:
        calls = [*calls, *dependents.callers(new.file.key)]
    hearing = dependents.triggered(new.file.key)
    for change in breaking_changes(old.references.interface, new.references.interface):
        concerned = {name for name, call in calls if breaks_call(change, call)}
        if change.side == "output":
            first = change.name.split(".")[0]
            concerned |= {name for name, used in hearing.items() if first in used}
        yield Broken(change, tuple(sorted(concerned)))


def breaks_call(change: Break, call: Call) -> bool:
    """Whether a change of the interface concerns a call; one of a fixed revision stays as it is."""
    return call.revision is None and change.breaks(call.inputs, call.outputs)


def _triggers(old: Side | None, new: Side | None, times: Times | None) -> Iterator[TriggerChange]:
    """Yield the triggers that differ; all of them where the whole flow is switched on or off."""
    before, after = _by_id(old), _by_id(new)
    was, becomes = old.parsed.flow if old else None, new.parsed.flow if new else None
    if (old and was is None) or (new and becomes is None):
        return  # what cannot be read has no triggers that could be told
    switched = bool(was and becomes and was.disabled != becomes.disabled)
    for name in [*after, *(each for each in before if each not in after)]:
        first, second = before.get(name), after.get(name)
        if first is not None and second is not None:
            if _said(first) == _said(second) and not switched:
                continue
            kind: Any = "changed"
        else:
            kind = "removed" if second is None else "added"
        dates = Dates(_dates(times, was, first), _dates(times, becomes, second))
        yield TriggerChange(name, kind, _type(second or first), dates)


def _by_id(side: Side | None) -> dict[str, Trigger]:
    flow = side.parsed.flow if side else None
    return {each.id: each for each in flow.triggers} if flow else {}


def _said(trigger: Trigger) -> Any:
    return trigger.model_dump(exclude={"description"}, warnings=False)


def _type(trigger: Trigger | None) -> str:
    return trigger.type if trigger else ""


def _dates(times: Times | None, flow: Flow | None, trigger: Trigger | None) -> tuple[str, ...]:
    if times is None or flow is None or trigger is None:
        return ()
    return times.of(flow, trigger)
