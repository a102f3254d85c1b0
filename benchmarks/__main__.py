"""Measure the service and the limit of this machine, side by side.

    python -m benchmarks [W1 W2 W3 W4 idle cold] [--json FILE] [--quick] [--only service|limit]

Without names everything is measured. The figures mean something on a quiet machine only.
"""

import argparse
import asyncio
import os
import platform
import sqlite3
import statistics
from pathlib import Path
from typing import Any

import orjson
import uvloop

from benchmarks import flows, processes
from benchmarks.workloads import QUICK, WORKLOADS, Sizes, measure

NAMES = (*WORKLOADS, "idle", "cold")

# What the service is compared with the limit by; for the first the larger figure is the better one.
RATIOS = {
    "W1 throughput": ("W1", "executions_per_s", True),
    "W1 idle p50": ("W1", "idle_p50_ms", False),
    "W2": ("W2", "seconds", False),
    "W3": ("W3", "ms_per_task", False),
    "W4 throughput": ("W4", "executions_per_s", True),
}

IDLE_SECONDS = 10.0


async def service(chosen: list[str], sizes: Sizes, *, quick: bool) -> dict[str, Any]:
    """Measure the service."""
    figures: dict[str, Any] = {}
    if "cold" in chosen:
        starts = []
        for _ in range(1 if quick else 3):
            async with processes.headwater() as server:
                starts.append(server.ready_seconds)
        figures["cold"] = {"ready_s": round(statistics.median(starts), 2)}
    if "idle" in chosen:
        async with processes.headwater() as server:
            figures["idle"] = await _idle(server, 2.0 if quick else IDLE_SECONDS)
    if any(name in WORKLOADS for name in chosen):
        with processes.answer_server() as answers:
            sources = [flows.order(answers), flows.parallel(), flows.chain(), flows.single()]
            async with processes.headwater() as server:
                figures.update(await measure(server, chosen, sizes, sources))
                figures["memory_after_mb"] = server.memory_mb()
    return figures


async def limit(chosen: list[str], sizes: Sizes) -> dict[str, Any]:
    """Measure the limit."""
    if not any(name in WORKLOADS for name in chosen):
        return {}
    with processes.answer_server() as answers:
        async with processes.limit(answers) as server:
            return await measure(server, chosen, sizes, [])


async def _idle(server: processes.Server, seconds: float) -> dict[str, float]:
    await asyncio.sleep(2)  # the start is over
    cpu = server.cpu_seconds()
    await asyncio.sleep(seconds)
    percent = (server.cpu_seconds() - cpu) / seconds * 100
    return {"memory_mb": server.memory_mb(), "cpu_percent": round(percent, 2)}


def ratios(mine: dict[str, Any], best: dict[str, Any]) -> dict[str, float]:
    """Return service to limit; 1 is as fast as the limit, smaller is slower."""
    found: dict[str, float] = {}
    for name, (workload, figure, larger_is_better) in RATIOS.items():
        if workload in mine and workload in best:
            a, b = mine[workload][figure], best[workload][figure]
            found[name] = round(a / b if larger_is_better else b / a, 3)
    return found


def _show(title: str, figures: dict[str, Any]) -> None:
    print(f"\n{title}")
    for name, value in figures.items():
        several = isinstance(value, dict)
        shown = (
            ", ".join(f"{key} {number:g}" for key, number in value.items()) if several else value
        )
        print(f"  {name:16} {shown}")


async def run(chosen: list[str], only: str | None, *, quick: bool) -> dict[str, Any]:
    """Measure and return everything."""
    sizes = QUICK if quick else Sizes()
    result: dict[str, Any] = {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "system": platform.platform(terse=True),
        }
    }
    if only != "service":
        result["limit"] = await limit(chosen, sizes)
    if only != "limit":
        result["service"] = await service(chosen, sizes, quick=quick)
    if only is None:
        result["ratios"] = ratios(result["service"], result["limit"])
    return result


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(
        prog="benchmarks", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file")
    parser.add_argument("--quick", action="store_true", help="small numbers, to see that it works")
    parser.add_argument("--only", choices=("service", "limit"), help="measure one of the two")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in NAMES]:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(NAMES)}")
    chosen = arguments.names or list(NAMES)
    result = uvloop.run(run(chosen, arguments.only, quick=arguments.quick))
    for title, figures in result.items():
        _show(title, figures)
    if arguments.json:
        arguments.json.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")


if __name__ == "__main__":
    main()
