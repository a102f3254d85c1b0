"""`headwater.yaml`: what a repository says of itself. Read from the followed branch only."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.flows.yaml import YamlError, decode, load
from app.git.survey import Finding

MANIFEST = "headwater.yaml"

Name = Annotated[str, Field(min_length=1, max_length=255)]


class EditDefaults(BaseModel):
    """How pull requests are opened that come from edits made here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    draft: bool = False
    labels: tuple[Name, ...] = Field((), max_length=20)
    reviewers: tuple[Name, ...] = Field((), max_length=20)


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1]
    layout: Literal["native", "kestra"] | None = None
    ignore: tuple[Annotated[str, Field(max_length=1_000)], ...] = Field((), max_length=1_000)
    edits: EditDefaults = EditDefaults()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `headwater.yaml` says; one that is wrong says nothing, and findings tell why."""

    ignore: tuple[str, ...] = ()
    """Further patterns in gitignore's language."""
    edits: EditDefaults = field(default_factory=EditDefaults)
    findings: tuple[Finding, ...] = ()


def read_manifest(path: str, data: bytes, layout: str) -> Manifest:
    """Read the file; `layout` is how the source is configured."""
    try:
        loaded = load(decode(data))
        document = _Document.model_validate({} if loaded.value is None else loaded.value)
    except YamlError as error:
        return Manifest(findings=(_finding(path, error.message, error.line, error.column),))
    except ValidationError as error:
        return Manifest(findings=tuple(_finding(path, _told(each)) for each in error.errors()))
    if document.layout not in (None, layout):
        told = f"layout: the file says {document.layout}, the source is set to {layout}"
        return Manifest(document.ignore, document.edits, (_finding(path, told),))
    return Manifest(document.ignore, document.edits)


def _told(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    return f"{place or 'the document'}: {problem['msg']}"


def _finding(path: str, message: str, line: int = 0, column: int = 0) -> Finding:
    fix = "keys are version (1), layout, ignore, and edits with draft, labels, reviewers"
    return Finding("MANIFEST", "warning", path, message, fix, line, column)
