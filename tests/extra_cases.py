"""Pure cases of the conformance data: conditions, schedule dates, windows, inputs, topology.

A checker returns None when a case holds, or a text that says what differs.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.flows.condition_rules import Context, Facts, holds
from app.flows.inputs import validate_inputs
from app.flows.parse import parse_flow
from app.flows.preconditions import TimeWindow
from app.flows.topology import relation
from app.flows.windows import current, frame_of, remembering
from tests.extra_parts import REGISTRY, conditions, evaluate, render, resolved
from tests.extra_schedules import (
    check_recover_missed,
    check_schedule,
    check_schedule_inputs,
    check_schedule_labels,
)
from tests.flows.test_inputs import declare

FLOWS = Path("../shared/conformance/flows")


# -- conditions ----------------------------------------------------------------------------------


def check_condition(case: dict[str, Any], now: datetime) -> str | None:
    """Ask one condition."""
    about = case["context"]
    execution, flow = about.get("execution"), about["flow"]
    facts = None
    if execution is not None:
        facts = Facts(
            execution["namespace"],
            execution["flowId"],
            execution["state"],
            execution.get("labels") or {},
            execution.get("outputs"),
            [
                [each["state"] for each in run.get("attempts", ())]
                for run in execution.get("taskRunList", ())
            ],
        )
    variables = {"flow": flow, "execution": execution or {}, **(about.get("vars") or {})}

    async def text(template: str, **extra: Any) -> str:
        return render(template, {**variables, **extra})

    (condition,) = conditions(resolved(case["condition"], now))
    context = Context(text, flow["namespace"], flow["id"], facts)
    found = asyncio.run(holds(condition, context))
    return None if found is case["equals"] else f"it is {found}"


# -- windows -------------------------------------------------------------------------------------


def check_window(case: dict[str, Any], _: datetime) -> str | None:
    """Open a window, remember a result in it, look again later."""
    now = datetime.now(UTC)
    expect = case["expect"]
    frame = frame_of(TimeWindow.model_validate(resolved(case["time_window"], now)))
    memory = current(frame, None, now)
    saved = remembering(memory, {"a": "execution"}, {}, now)
    later = now + timedelta(milliseconds=expect.get("after_ms", 0))
    after = current(frame, saved, later)
    found = {
        "start_local_time": memory.start.time().isoformat(),
        "start_day": (memory.start.date() - now.date()).days,
        "end_local_time": memory.end.time().isoformat("milliseconds"),
        "end_day": (memory.end.date() - now.date()).days,
        "end_minute": memory.end.minute,
        "start_minute": memory.start.minute,
        "saved_result_visible_at_once": bool(current(frame, saved, now).results),
        "new_window": after is not saved,
        "results_empty": not after.results,
        "expired_now": int(saved.expired(now)),
        "expired_after": int(saved.expired(later)),
    }
    for name in ("start", "end"):
        wanted = expect.get(f"{name}_hour_is_now_plus_h")
        hour = (now + timedelta(hours=wanted or 0)).hour
        found[f"{name}_hour_is_now_plus_h"] = wanted if getattr(memory, name).hour == hour else None
    wrong = {
        name: found.get(name)
        for name, wanted in expect.items()
        if name != "after_ms" and found.get(name) != wanted
    }
    return f"it has {wrong}" if wrong else None


# -- inputs and topology ---------------------------------------------------------------------------


def check_inputs(case: dict[str, Any], _: datetime) -> str | None:
    """Resolve inputs."""
    states = validate_inputs(
        declare(*case["inputs"]), case["data"], evaluate=evaluate, variables=case.get("vars")
    )
    by_id = {state.input.id: state for state in states}
    for expected in case["expect"]:
        state = by_id[expected["id"]]
        found = {
            "value": state.value,
            "enabled": state.enabled,
            "error": bool(state.errors),
            "rendered_values": getattr(state.input, "values", None),
        }
        for name, wanted in expected.items():
            if name != "id" and found.get(name) != wanted:
                return f"{expected['id']}: {name} is {found.get(name)!r}"
    return None


def check_topology(case: dict[str, Any], _: datetime) -> str | None:
    """Tell how two flows depend on each other."""
    parsed = [parse_flow(_source(case[name]), types=REGISTRY) for name in ("parent", "child")]
    flows = [each.flow for each in parsed]
    if flows[0] is None or flows[1] is None:
        return f"not valid: {[each.problems for each in parsed]}"
    found = relation(flows[0], flows[1])
    return None if found == case["relation"] else f"the relation is {found}"


def _source(text: str) -> str:
    if not text.startswith("@"):
        return text
    for folder in (FLOWS, Path("flows")):
        if (folder / text[1:]).exists():
            return (folder / text[1:]).read_text(encoding="utf-8")
    raise NotImplementedError(f"{text} is not beside the project")


CHECKS: Mapping[str, Callable[[dict[str, Any], datetime], str | None]] = {
    "condition": check_condition,
    "schedule": check_schedule,
    "schedule-inputs": check_schedule_inputs,
    "schedule-labels": check_schedule_labels,
    "recover-missed": check_recover_missed,
    "window": check_window,
    "inputs-resolution": check_inputs,
    "topology": check_topology,
}


def check(case: dict[str, Any]) -> str | None:
    """Return None when a case holds, or what differs.

    Raises:
        NotImplementedError: for a kind of case that is not known.
    """
    checker = CHECKS.get(case["kind"])
    if checker is None:
        raise NotImplementedError(case["kind"])
    return checker(case, datetime.now(UTC))
