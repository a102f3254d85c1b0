"""How faults are seeded into a good history."""

from typing import Any

from tests.fault.landscape import History


def at(h: History, execution: str, to: str | None = None, path: str = "", kind: str = "") -> int:
    """The place of the first row of an execution that is like this."""
    return next(
        number
        for number, row in enumerate(h.journals[execution])
        if row.path == path and (to is None or row.to == to) and (not kind or row.kind == kind)
    )


def change(h: History, execution: str, place: int, **values: Any) -> None:
    rows = h.journals[execution]
    rows[place] = rows[place]._replace(**values)


def append(h: History, execution: str, **values: Any) -> None:
    rows = h.journals[execution]
    rows.append(rows[-1]._replace(version=len(rows), **values))
    h.stored[execution] = h.stored[execution]._replace(version=len(rows))


def again(h: History, execution: str, name: str) -> None:
    """Let there be an execution just like another one."""
    h.journals[name] = [row._replace(execution=name) for row in h.journals[execution]]
    h.stored[name] = h.stored[execution]
    for key in [key for key in h.arrived if key.startswith(f"{execution}.")]:
        h.arrived[key.replace(execution, name, 1)] = 1


def lose(h: History, *executions: str) -> None:
    for each in executions:
        del h.journals[each], h.stored[each]
        for key in [key for key in h.arrived if key.startswith(f"{each}.")]:
            del h.arrived[key]
