"""Adapters between this project and public conformance data of the flow language."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.expressions import UNKNOWN, Environment, compile_template, render_deep


@dataclass
class _Host:
    """Answers from what a case brings along."""

    files: Mapping[str, str] = field(default_factory=dict)
    logs: list[Mapping[str, Any]] = field(default_factory=list)

    def answer(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if name == "errorLogs":
            return [entry for entry in self.logs if entry["level"] == "ERROR"]
        content = self.files.get(str(arguments[0]).removeprefix("kestra://")) if arguments else None
        if name in ("read", "fileSize") and content is not None:
            return content if name == "read" else len(content.encode())
        message = f"no answer for {name}{arguments}"
        raise LookupError(message)

    async def fetch(self, name: str, arguments: tuple[Any, ...]) -> Any:
        return UNKNOWN


def render(
    template: Any,
    vars: Mapping[str, Any],  # noqa: A002 - the harness passes it by this name
    config: Mapping[str, Any],
    context: Mapping[str, Any],
    mode: str,
) -> Any:
    """Render one case: a text, or a structure deeply; `as_map` reads the rendered text as JSON."""
    environment = Environment(
        host=_Host(context.get("storage_files", {}), context.get("logs", [])),
        recursive=bool(config.get("recursive-rendering")),
        zone=datetime.now().astimezone().tzinfo or UTC,
    )
    if not isinstance(template, str):
        return render_deep(template, vars, environment)
    text = compile_template(template).render(vars, environment)
    return json.loads(text) if mode == "as_map" else text
