"""The landscape: flows of every kind that keeps something over a crash, and what became of them."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.fault.history import TERMINAL, Row, journals

_FLOWS = Path(__file__).with_suffix(".yaml")

FAILURES = {"/sure": 0.0, "/rare": 0.1, "/third": 0.33, "/half": 0.5}
"""The share of definite failures of each path of the world."""


def sources(url: str) -> list[str]:
    """Return the sources of the flows, which call the world at `url`."""
    return _FLOWS.read_text().replace("URL", url).split("\n---\n")


class Stored(NamedTuple):
    """The row of an execution, as the database has it beside the journal."""

    state: str
    version: int
    open: int


@dataclass
class History:
    """All that is known after the last kill: what was stored, what was seen, what was promised."""

    journals: dict[str, list[Row]]
    stored: dict[str, Stored]
    held: list[str] = field(default_factory=list)
    """Executions with a slot, running or waiting."""
    unheard: int = 0
    """States in the outbox that nobody was told of."""
    created: set[str] = field(default_factory=set)
    """Executions that were acknowledged: created or replayed."""
    restarts: Counter[str] = field(default_factory=Counter)
    """Restarts that were acknowledged, by execution."""
    tried: Counter[str] = field(default_factory=Counter)
    """Restarts that were asked for, acknowledged or not."""
    killed: dict[str, int] = field(default_factory=dict)
    """When (µs) the kill of an execution was acknowledged."""
    rounds: list[tuple[str, str]] = field(default_factory=list)
    """Pairs of executions of `left` and `right` that ended before the next pair began."""
    arrived: Counter[str] = field(default_factory=Counter)
    deliveries: dict[str, list[int]] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)
    """Processes that outlived the service which started them."""
    directories: list[str] = field(default_factory=list)
    """Working directories that are left."""
    until: int = 0
    """The time (µs) up to which every date was to be fired for."""

    def of(self, *flows: str) -> Iterator[tuple[str, list[Row]]]:
        """Yield the executions of some flows, with their journals."""
        for execution, rows in self.journals.items():
            if rows[0].data["flow_id"] in flows:
                yield execution, rows

    def own(self, rows: list[Row]) -> list[Row]:
        """Return the rows of a journal that were not copied from another execution's."""
        source = self.journals.get(rows[0].data.get("parent_id") or "", [])
        copied = 1
        for mine, other in zip(rows[1:], source[1:], strict=False):
            if _told(mine) != _told(other):
                break
            copied += 1
        return rows if copied == 1 else rows[copied:]


def ends(rows: list[Row]) -> list[Row]:
    """Return the ends of an execution: after a restart there are several."""
    return [row for row in rows if not row.path and row.to in TERMINAL]


def _told(row: Row) -> tuple[Any, ...]:
    return row.kind, row.path, row.to, row.at, row.attempt


def read(data: Path) -> History:
    """Read what a service that does not run any more has stored."""
    database = data / "headwater.sqlite"
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    stored = {
        row[0]: Stored(*row[1:])
        for row in connection.execute("SELECT id, state, version, open FROM execution")
    }
    held = [row[0] for row in connection.execute("SELECT execution_id FROM slot")]
    unheard = connection.execute("SELECT count(*) FROM upstream_event").fetchone()[0]
    connection.close()
    work = data / "work"
    left = sorted(each.name for each in work.iterdir()) if work.exists() else []
    return History(journals(database), stored, held, unheard, directories=left)


def busy(data: Path) -> int:
    """Return how many executions or told states are not dealt with; the service may run."""
    connection = sqlite3.connect(f"file:{data / 'headwater.sqlite'}?mode=ro", uri=True)
    query = (
        "SELECT (SELECT count(*) FROM execution WHERE open = 1)"
        " + (SELECT count(*) FROM upstream_event)"
    )
    count: int = connection.execute(query).fetchone()[0]
    connection.close()
    return count


def next_dates(data: Path) -> list[int | None]:
    """Return when (µs) each schedule is due next."""
    connection = sqlite3.connect(f"file:{data / 'headwater.sqlite'}?mode=ro", uri=True)
    query = "SELECT next_at FROM trigger_state WHERE listens IS NULL"
    found = [row[0] for row in connection.execute(query)]
    connection.close()
    return found
