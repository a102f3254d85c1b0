"""Adapters between this project and public conformance data of the flow language."""

import asyncio
import atexit
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.expressions import (
    UNKNOWN,
    Environment,
    Float32,
    compile_template,
    number_text,
    render_deep,
)
from app.runners.jq import JqChildren
from tests.extra_cases import check as extra

__all__ = ["extra", "render"]


@dataclass
class _Host:
    """Answers from what a case brings along."""

    files: Mapping[str, str] = field(default_factory=dict)
    logs: list[Mapping[str, Any]] = field(default_factory=list)

    def answer(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if name == "jq":
            return _loop().run(_jq().run(*arguments))
        if name == "errorLogs":
            return [entry for entry in self.logs if entry["level"] == "ERROR"]
        content = self.files.get(str(arguments[0]).removeprefix("kestra://")) if arguments else None
        if name in ("read", "fileSize") and content is not None:
            return content if name == "read" else len(content.encode())
        message = f"no answer for {name}{arguments}"
        raise LookupError(message)

    def may_read(self, uri: str) -> bool:
        return False

    async def fetch(self, name: str, arguments: tuple[Any, ...]) -> Any:
        return UNKNOWN


@functools.cache
def _loop() -> asyncio.Runner:
    return asyncio.Runner()


@functools.cache
def _jq() -> JqChildren:
    children = JqChildren(seconds=10)
    atexit.register(lambda: (_loop().run(children.close()), _loop().close()))
    return children


def _floats(value: Any) -> Any:
    """Give back their 32 bits to floats, which the harness has lost; where digits show no loss."""
    if isinstance(value, float):
        short = Float32(value)
        return short if number_text(short) == number_text(value) else value
    if isinstance(value, dict):
        return {key: _floats(item) for key, item in value.items()}
    return [_floats(item) for item in value] if isinstance(value, list) else value


def render(
    template: Any,
    vars: Mapping[str, Any],  # noqa: A002 - the harness passes it by this name
    config: Mapping[str, Any],
    context: Mapping[str, Any],
    mode: str,
) -> Any:
    """Render one case: a text, or a structure deeply; `as_map` reads the rendered text as JSON."""
    vars = _floats(vars)  # noqa: A001 - as above
    environment = Environment(
        host=_Host(context.get("storage_files", {}), context.get("logs", [])),
        recursive=bool(config.get("recursive-rendering")),
        zone=datetime.now().astimezone().tzinfo or UTC,
    )
    if not isinstance(template, str):
        return render_deep(template, vars, environment)
    text = compile_template(template).render(vars, environment)
    return json.loads(text) if mode == "as_map" else text
