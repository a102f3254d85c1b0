"""Executions that ran, in few lines: for tests of what searches and deletes them."""

from typing import Any

from app.executions import Event, Execution, Kind, State, execution_id
from app.ports import Journal, LogEntry, MetricEntry

DAY = 86_400 * 1_000_000


async def ran(
    journal: Journal,
    namespace: str = "shop",
    flow_id: str = "order",
    *,
    at: int = DAY,
    state: State | None = State.SUCCESS,
    **data: Any,
) -> Execution:
    """Journal an execution that was created `at` and is in `state` (None: it runs)."""
    facts = {
        "tenant": "main", "namespace": namespace, "flow_id": flow_id, "revision": 1,
        "commit": "c" * 40, "blob": "b" * 40, **data,
    }  # fmt: skip
    first = Event(Kind.CREATED, at, to=State.CREATED, data=facts)
    execution = Execution.created(execution_id(), first)
    await journal.append(execution, [first])
    if state is not None:
        event = Event(Kind.MOVED, at + 1, to=state)
        execution.apply(event)
        await journal.append(execution, [event])
    return execution


async def logged(
    journal: Journal,
    execution: Execution,
    *messages: str,
    level: int = 20,
    task: str = "a",
    attempt: int = 0,
    at: int = DAY,
) -> None:
    """Write lines, one µs apart."""
    await journal.write_logs(
        [
            LogEntry(execution.id, f"r{task}", task, attempt, level, at + offset, message)
            for offset, message in enumerate(messages)
        ]
    )


async def reported(
    journal: Journal,
    execution: Execution,
    name: str,
    *values: float,
    task: str = "a",
    kind: str = "counter",
    at: int = DAY,
) -> None:
    """Write figures."""
    await journal.write_metrics(
        [
            MetricEntry(execution.id, f"r{task}", task, name, kind, value, at, '{"k":"v"}')
            for value in values
        ]
    )
