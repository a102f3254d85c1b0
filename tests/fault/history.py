"""The history checker: reads the journal of a database and names every broken promise.

The ids are those of the contract's invariants (J1 journal gapless, J2 from = previous to, S1…S3,
F1 no effect without a journalled attempt, F2 no success without effect, F3 keys sent ≤ deliveries).
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

TERMINAL = {"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED", "SKIPPED"}


class Row(NamedTuple):
    """A row of the journal."""

    execution: str
    version: int
    kind: str
    path: str
    origin: str | None
    to: str | None
    attempt: int
    delivery: int
    fence: int
    data: dict[str, Any]
    at: int = 0


def journals(database: Path) -> dict[str, list[Row]]:
    """Read every execution's journal."""
    found: dict[str, list[Row]] = defaultdict(list)
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    query = (
        "SELECT execution_id, version, kind, path, from_state, to_state, attempt, delivery, fence,"
        " data, at FROM journal ORDER BY execution_id, version"
    )
    for row in connection.execute(query):
        found[row[0]].append(Row(*row[:9], json.loads(row[9]) if row[9] else {}, row[10]))
    connection.close()
    return found


def broken(rows: Sequence[Row]) -> Iterator[str]:
    """Yield what is wrong with one execution's journal."""
    states: dict[str, str | None] = {}
    ends = 0
    for number, row in enumerate(rows):
        name = f"{row.execution}@{row.version} {row.kind} {row.path}"
        if row.version != number:
            yield f"J1 gap before {name}"
        if number and row.origin != states.get(row.path):
            yield f"J2 {name} leaves {row.origin}, was {states.get(row.path)}"
        if ends:
            yield f"S2 {name} after the end"
        if states.get(row.path) in TERMINAL:
            yield f"S2 {name} after the end of its task run"
        if row.to is not None:
            states[row.path] = row.to
        if not row.path and row.to in TERMINAL:
            ends += 1
    if ends != 1:
        yield f"S3 {rows[0].execution} has {ends} terminal states"


def broken_before_the_end(rows: Sequence[Row]) -> Iterator[str]:
    """Yield what is wrong up to the end; what runs after it is a list of its own."""
    end = next((i for i, row in enumerate(rows) if not row.path and row.to in TERMINAL), None)
    yield from broken(rows if end is None else rows[: end + 1])


def attempts(rows: Sequence[Row]) -> dict[tuple[str, int], int]:
    """Return the highest delivery journalled of each (path, attempt)."""
    found: dict[tuple[str, int], int] = {}
    for row in rows:
        if row.kind == "started" and row.attempt:
            key = (row.path, row.attempt)
            found[key] = max(found.get(key, 0), row.delivery)
    return found


def effects(
    rows: Sequence[Row],
    ids: Mapping[str, str],
    sent: Mapping[str, int],
    deliveries: Mapping[str, Sequence[int]],
) -> Iterator[str]:
    """Yield keys that were sent without a journalled attempt, or more often than journalled.

    `ids` maps task-run ids to paths; `sent` counts what arrived by key.
    """
    execution = rows[0].execution
    journalled = attempts(rows)
    for key, count in sent.items():
        _, run, attempt = key.split(".")
        most = journalled.get((ids.get(run, "?"), int(attempt)))
        if most is None:
            yield f"F1 {key} arrived and has no journalled attempt"
        elif count > most or max(deliveries[key]) > most:
            yield f"F3 {key} arrived {count} times, {most} deliveries are journalled"
    for row in rows:
        if row.kind == "ended" and row.to == "SUCCESS" and row.data.get("outputs", {}).get("code"):
            run = next(each for each, path in ids.items() if path == row.path)
            if not any(key.startswith(f"{execution}.{run}.") for key in sent):
                yield f"F2 {execution} {row.path} is SUCCESS and nothing arrived"
