"""What the API's answers look like, for its description: models that are never instantiated."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.executions import State

Responses = dict[int | str, dict[str, Any]]


class Document(BaseModel):
    """A part of an answer: camelCase, and further members may follow in later versions."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow")


class HistoryDocument(Document):
    """A state and when it was entered."""

    state: State
    date: datetime


class StateDocument(Document):
    """The state of an execution, a task run or an attempt, and how it came about."""

    current: State
    histories: list[HistoryDocument]
    duration: str = Field(description="ISO 8601")
    start_date: datetime
    end_date: datetime | None = None


class LabelDocument(Document):
    """A label."""

    key: str
    value: str


class AttemptDocument(Document):
    """One try of a task run."""

    state: StateDocument


class TaskRunDocument(Document):
    """One run of a task."""

    id: str
    execution_id: str
    namespace: str
    flow_id: str
    task_id: str
    parent_task_run_id: str | None = None
    value: str | None = None
    iteration: int | None = None
    attempts: list[AttemptDocument] | None = None
    outputs: dict[str, Any] | None = None
    state: StateDocument
    error: str | None = Field(None, description="What went wrong, for people.")


class ExecutionDocument(Document):
    """An execution, as Kestra answers it, with the commit that it runs."""

    id: str
    tenant_id: str
    namespace: str
    flow_id: str
    flow_revision: int
    commit: str = Field(description="The commit that the execution pinned.")
    author: str
    subject: str
    state: StateDocument
    task_run_list: list[TaskRunDocument]
    labels: list[LabelDocument]
    inputs: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None
    trigger: dict[str, Any] | None = None
    parent_id: str | None = None
    original_id: str
    deleted: bool


class ExecutionPage(Document):
    """One page of executions."""

    results: list[ExecutionDocument]
    total: int


class LogDocument(Document):
    """One line of a task's log."""

    namespace: str
    flow_id: str
    task_id: str
    execution_id: str
    task_run_id: str
    attempt_number: int
    timestamp: datetime
    level: str
    message: str


class FlowDocument(Document):
    """A flow at a revision, with the commit that made it."""

    id: str
    namespace: str
    tenant_id: str
    revision: int
    commit: str
    blob: str = Field(description="Object id of the source; the ETag of the flow.")
    path: str
    author: str
    subject: str
    updated: datetime
    disabled: bool
    deleted: bool
    tasks: list[dict[str, Any]] | None = None
    source: str | None = None


class FlowPage(Document):
    """One page of flows."""

    results: list[FlowDocument]
    total: int


class ErrorDocument(BaseModel):
    """One thing that is wrong, where, and the way out."""

    pointer: str | None = None
    line: int | None = None
    column: int | None = None
    code: str | None = None
    message: str
    fix: str | None = None


class ValidationDocument(Document):
    """What one document of several was found to be."""

    index: int
    flow: str | None = None
    namespace: str | None = None
    constraints: str | None = Field(None, description="What is wrong, in one text; absent if valid")
    outdated: bool
    deprecation_paths: list[str]
    warnings: list[str]
    infos: list[str]
    problems: list[ErrorDocument]


class ProblemDocument(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    message: str = Field(description="Title and detail in one, as Kestra's clients read it.")
    errors: list[ErrorDocument]
    request_id: str


def answers_with(model: Any, description: str = "Done") -> Responses:
    """Return the description of a successful answer."""
    return {200: {"model": model, "description": description}}


EXECUTION = answers_with(ExecutionDocument)

_REASONS = {
    400: "The request is malformed",
    401: "Nobody is logged in",
    403: "Not allowed",
    404: "There is no such thing",
    405: "Not this method",
    409: "The state of the thing does not allow this",
    410: "The flow was deleted",
    412: "Somebody else changed it in the meantime",
    413: "The body is too large",
    415: "Not this content type",
    422: "The document is not valid",
    429: "A limit is reached; try again later",
    503: "A part that this needs does not answer now",
}


def problems_of(*statuses: int) -> Responses:
    """Return the description of the errors of a route; what any request can meet is added."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": _REASONS[status], "content": content}
        for status in sorted({*statuses, 400, 401, 403, 404, 413, 415, 422, 503})
    }


def form_of_inputs(description: str) -> dict[str, Any]:
    """Return the description of a form whose fields are inputs."""
    schema = {"type": "object", "additionalProperties": {"type": "string"}}
    forms = ("multipart/form-data", "application/x-www-form-urlencoded")
    content = {form: {"schema": schema} for form in forms}
    return {"requestBody": {"description": description, "content": content}}


def yaml_body(description: str) -> dict[str, Any]:
    """Return the description of a body of YAML."""
    content = {"application/x-yaml": {"schema": {"type": "string"}}}
    return {"requestBody": {"description": description, "content": content, "required": True}}


def text_answer(description: str, media_type: str = "text/plain") -> Responses:
    """Return the description of an answer in text."""
    return {200: {"description": description, "content": {media_type: {}}}}


def components() -> dict[str, Any]:
    """Return the schemas that answers refer to by name."""
    schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    inner = schema.pop("$defs")
    return {"Problem": schema, **inner}


def parameter(
    name: str, description: str, *, place: str = "query", **schema: Any
) -> dict[str, Any]:
    """Return the description of a parameter that a handler reads by itself."""
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": schema or {"type": "string"},
    }
