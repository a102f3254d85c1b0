"""What the answers of verbs, views and checks look like (see `documents`)."""

from typing import Any

from pydantic import Field

from app.api.documents import Document


class EvaluationDocument(Document):
    """What an expression became, or why it became nothing."""

    result: str | None = None
    error: str | None = None
    stack_trace: str | None = None


class GraphDocument(Document):
    """A flow as a graph."""

    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    clusters: list[dict[str, Any]]
    flowables: list[str]


class DependenciesDocument(Document):
    """Flows and how they depend on each other."""

    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]


class SourceHitDocument(Document):
    """A flow whose source holds what was looked for."""

    namespace: str
    id: str
    fragments: list[str] = Field(description="The lines around each place, `[mark]`ed.")
    matches: list[dict[str, Any]]


class SourceHitPage(Document):
    """One page of flows whose source holds what was looked for."""

    results: list[SourceHitDocument]
    total: int


class InputsDocument(Document):
    """What would become of inputs."""

    id: str
    namespace: str | None = None
    inputs: list[dict[str, Any]]
    checks: list[dict[str, str]] = Field(description="The checks of the flow that do not hold.")


class PreviewDocument(Document):
    """The beginning of a file."""

    extension: str
    type: str
    content: Any
    truncated: bool


class CountDocument(Document):
    """How many things a request changed."""

    count: int
