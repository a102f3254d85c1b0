"""Processes of the machine, as /proc tells of them."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Process(NamedTuple):
    """A process; ids are used again, so the time of its start is part of its name."""

    pid: int
    born: str


def family(pid: int) -> set[Process]:
    """Return all processes that come from one, itself left out."""
    children: dict[int, list[Process]] = {}
    for each in _all():
        if (fields := _fields(each)) is not None:
            children.setdefault(int(fields[1]), []).append(Process(each, fields[19]))
    found: set[Process] = set()
    fresh = children.get(pid, [])
    while fresh:
        found.update(fresh)
        fresh = [child for each in fresh for child in children.get(each.pid, [])]
    return found


def alive(processes: set[Process]) -> set[Process]:
    """Return which of them still run; the dead that nobody has collected do not."""
    found = set()
    for each in processes:
        fields = _fields(each.pid)
        if fields is not None and fields[19] == each.born and fields[0] != "Z":
            found.add(each)
    return found


def inside(folder: Path) -> list[int]:
    """Return the processes that work in a folder or below it, even if it is gone."""
    found = []
    for each in _all():
        with suppress(OSError):
            if str((_PROC / str(each) / "cwd").readlink()).startswith(f"{folder}/"):
                found.append(each)
    return found


def _all() -> list[int]:
    return [int(each.name) for each in _PROC.iterdir() if each.name.isdecimal()]


def _fields(pid: int) -> list[str] | None:
    """Return the fields after the name: state, parent, …, time of the start (the 20th)."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()
