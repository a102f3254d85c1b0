"""What a pin would do, told before it is made: which flows go back, and what does not fit any more.

A pin goes back in time for one flow, while its triggers, callers and secrets stay in the present.
Where they do not fit the old revision, somebody has to confirm. Pure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from app.flows.dump import dump
from app.flows.flow import Flow
from app.ports import LoadedFlow

_SECRET: Final = re.compile(r"""\bsecret\(\s*(?:key\s*=\s*)?['"]([^'"]+)['"]""")
_WEBHOOK: Final = ".Webhook"


class Concern(NamedTuple):
    """Something about an old revision that does not fit the present."""

    code: str
    """TRIGGER_ENDS | TRIGGER_RETURNS | TRIGGER_CHANGES | SECRET_OLD | INPUT_NEEDED"""
    message: str


class PinnedFlow(NamedTuple):
    """One flow of a plan: the revision that runs now, and the one that would."""

    namespace: str
    flow_id: str
    revision: int
    target: int
    concerns: tuple[Concern, ...] = ()


class LeftFlow(NamedTuple):
    """A flow that a plan leaves as it is, and why."""

    namespace: str
    flow_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class PinPlan:
    """What an order to pin would do."""

    flows: tuple[PinnedFlow, ...] = ()
    left: tuple[LeftFlow, ...] = ()

    @property
    def doubtful(self) -> bool:
        """Whether somebody has to confirm it."""
        return bool(self.left) or any(each.concerns for each in self.flows)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        return {
            "flows": [
                {
                    "namespace": each.namespace,
                    "flowId": each.flow_id,
                    "from": each.revision,
                    "to": each.target,
                    "concerns": [concern._asdict() for concern in each.concerns],
                }
                for each in self.flows
            ],
            "left": [
                {"namespace": each.namespace, "flowId": each.flow_id, "reason": each.reason}
                for each in self.left
            ],
        }

    def told(self) -> str:
        """Return in one line why somebody has to confirm."""
        concerns = [c.message for each in self.flows for c in each.concerns]
        concerns += [f"{each.namespace}.{each.flow_id} {each.reason}" for each in self.left]
        more = f" and {len(concerns) - 3} more" if len(concerns) > 3 else ""
        return "; ".join(concerns[:3]) + more


def planned(now: LoadedFlow, then: LoadedFlow) -> PinnedFlow:
    """Return what pinning a flow that runs `now` to `then` would do."""
    revision = now.revision
    return PinnedFlow(
        revision.namespace,
        revision.flow_id,
        revision.revision,
        then.revision.revision,
        tuple(concerns(now, then)),
    )


def concerns(now: LoadedFlow, then: LoadedFlow) -> Iterator[Concern]:
    """Yield what of an old revision does not fit what runs now."""
    yield from _triggers(now.flow, then.flow)
    old, new = set(_SECRET.findall(then.source)), set(_SECRET.findall(now.source))
    for name in sorted(old - new):
        message = f"it uses the secret {name}, which the flow does not use any more"
        yield Concern("SECRET_OLD", message)
    known = {each.id for each in now.flow.inputs}
    for each in then.flow.inputs:
        if each.id not in known and each.required and each.defaults is None:
            message = f"it needs the input {each.id}, which callers do not give any more"
            yield Concern("INPUT_NEEDED", message)


def _triggers(now: Flow, then: Flow) -> Iterator[Concern]:
    there = {each.id: each for each in now.triggers}
    back = {each.id: each for each in then.triggers}
    for name in sorted(there.keys() - back.keys()):
        yield Concern("TRIGGER_ENDS", f"the trigger {name} ends: the old revision has none")
    for name in sorted(back.keys() - there.keys()):
        yield Concern("TRIGGER_RETURNS", f"the trigger {name}, which was removed, fires again")
    for name in sorted(there.keys() & back.keys()):
        one, other = dump(there[name]), dump(back[name])
        if one["type"] != other["type"] or _called(one) != _called(other):
            message = f"the trigger {name} becomes another one: who calls it now finds it no more"
            yield Concern("TRIGGER_CHANGES", message)


def _called(trigger: dict[str, Any]) -> Any:
    """Return what somebody outside has to know to fire a trigger."""
    return trigger.get("key") if str(trigger["type"]).endswith(_WEBHOOK) else None
