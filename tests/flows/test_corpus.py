"""The flow corpus on a whole node: all cases at once, on SQLite and on PostgreSQL.

`CASE=loops/* pytest tests/flows/test_corpus.py` plays only the cases whose names match.
"""

import asyncio
import fnmatch
import os
import shutil
import traceback
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings, load_settings
from app.flows.declarations import INPUT_TYPES
from app.node import Node, running
from app.plugins.registry import Registry
from app.sync.model import Actor
from tests.flows.cases import Case, cases
from tests.flows.story import Story
from tests.plugins.servers import serving

ANN = Actor("Ann", "ann@example.org")
ENOUGH = 150
"""Flows that the corpus has at least."""


def chosen() -> list[Case]:
    """Return the cases to play."""
    pattern = os.environ.get("CASE", "*")
    return [
        case
        for case in cases()
        if fnmatch.fnmatchcase(case.name, pattern)
        and (case.requires is None or shutil.which(case.requires))
    ]


async def played(node: Node, case: Case) -> str | None:
    """Play a case; return what was wrong with it, None if nothing."""
    try:
        problems = await Story(node, case).play()
    except Exception:  # noqa: BLE001 - one case must not hide the others
        problems = [traceback.format_exc(limit=-3)]
    return f"{case.name} ({case.title}):\n    " + "\n    ".join(problems) if problems else None


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    flags: dict[str, Any] = {
        "data_dir": tmp_path,
        "engine": {"park_after_seconds": 0.2},
        "http": {"allow_loopback": True},
    }
    if request.param == "postgres":
        flags["database"] = {"url": request.getfixturevalue("postgres_database")}
    return load_settings(**flags)


@pytest.mark.timeout(240)
async def test_every_case(settings: Settings) -> None:
    async with serving() as server, running(settings) as node:
        told = [case for case in chosen() if not case.invalid(node.registry)]
        wrong = [
            f"{case.name}: {fault}" for case in chosen() if (fault := case.invalid(node.registry))
        ]
        changes = [
            (_namespace(source), flow, source.replace("${http}", f"http://127.0.0.1:{server.port}"))
            for case in told
            for flow, source in case.flows.items()
        ]
        await node.sync.put_flows("main", [*dict.fromkeys(changes)], actor=ANN)
        wrong += filter(None, await asyncio.gather(*(played(node, case) for case in told)))
    assert not wrong, "\n".join(wrong)


def _namespace(source: str) -> str:
    return next(
        line.partition(":")[2].strip()
        for line in source.splitlines()
        if line.startswith("namespace:")
    )


def test_no_two_files_have_a_flow_with_the_same_id() -> None:
    files = {id(case.flows): case.flows for case in cases()}
    flows = [flow for each in files.values() for flow in each]
    assert sorted(flows) == sorted(set(flows))


def test_every_type_is_in_the_corpus() -> None:
    text = "\n".join(source for case in cases() for source in case.flows.values())
    played = ("io.kestra.plugin.core.", "io.kestra.plugin.scripts.shell.")
    names = [name for name in Registry.load().names() if name.startswith(played)]
    assert [name for name in names if name not in text] == []
    assert [name for name in INPUT_TYPES if f"type: {name}" not in text] == []


def test_the_corpus_is_large() -> None:
    assert len({flow for case in cases() for flow in case.flows}) >= ENOUGH
