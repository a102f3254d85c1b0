"""Findings of a commit: what the layout and the parser say, and how they replace older ones."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from app.config.tenant_names import TENANT_NAME
from app.db.records import FlowKey, StoredFinding
from app.executions import execution_id
from app.flows.problems import Problem
from app.git import survey
from app.git.layout import NAMESPACE_NAME, Layout, Place
from app.git.survey import shown
from app.sync.ownership import NamespaceKey, Refusal

NOWHERE: NamespaceKey = ("", "")
"""What lies in no namespace."""


# What is found without reading a file: in the tree, by its place among the others.
_OF_TREES = frozenset(
    {
        "CASE_COLLISION",
        "DUPLICATE_ID",
        "INVALID_NAMESPACE",
        "INVALID_TENANT",
        "NESTED_NAMESPACE_DIR",
        "NON_UTF8_PATH",
        "SUBMODULE",
        "SYMLINK",
        "TOO_LARGE",
    }
)


CROSSING = frozenset({"BREAKING_INPUT", "CYCLE", "SECRET_UNKNOWN", "SUBFLOW_MISSING"})
"""Codes about what flows refer to: they come and go with other files than the flow's own."""

FOREIGN = frozenset({"NOT_OWNED", "OVERLAP"})
"""Codes about whole folders that are not the source's to read: told of no namespace."""


class Found(NamedTuple):
    """One thing that is wrong at the tip."""

    namespace: NamespaceKey
    path: str
    code: str
    severity: str
    message: str
    fix: str = ""
    line: int = 0
    column: int = 0
    pointer: str = ""
    flow_id: str = ""

    @property
    def is_error(self) -> bool:
        """Whether it keeps the namespace from moving."""
        return self.severity == "error"


def of_layout(finding: survey.Finding, layout: Layout) -> Found:
    """Return what the layout rules say of a path."""
    place = layout.place(finding.path) if finding.code not in FOREIGN else None
    namespace = (place.tenant, place.namespace) if place and is_ours(place) else NOWHERE
    return Found(
        namespace,
        finding.path,
        finding.code,
        finding.severity,
        finding.message,
        finding.fix,
        finding.line,
        finding.column,
    )


def is_ours(place: Place) -> bool:
    """Return whether a place lies in a namespace that there may be."""
    return bool(TENANT_NAME.match(place.tenant) and NAMESPACE_NAME.match(place.namespace))


def of_refusal(place: Place, refusal: Refusal, layout: Layout) -> survey.Finding:
    """Return the finding for a namespace that does not come from the source that has it."""
    folder = shown(layout.namespace_folder(place.tenant, place.namespace))
    name = f"Namespace {shown(place.namespace)} of tenant {shown(place.tenant)}"
    if refusal.code == "OVERLAP":
        message = f"{name} comes from source {refusal.owner} already, which stays"
        fix = f"remove it from one of them; {refusal.owner} lets go of it when its folder is gone"
        return survey.Finding(refusal.code, "error", folder, message, fix)
    whose = f"it comes from source {refusal.owner}" if refusal.owner else "its patterns name others"
    message = f"{name} is not owned by this source: {whose}; its files are not read"
    fix = "add it to the source's namespaces, or move the folder to the repository that owns it"
    return survey.Finding(refusal.code, "warning", folder, message, fix)


def of_problem(problem: Problem, path: str, key: FlowKey) -> Found:
    """Return what the parser says of a flow."""
    tenant, namespace, flow_id = key
    return Found(
        (tenant, namespace),
        shown(path),
        problem.code,
        problem.severity,
        problem.message,
        problem.fix,
        problem.line,
        problem.column,
        problem.path,
        flow_id,
    )


def of_rival(path: str, owner: str, key: FlowKey) -> Found:
    """Return the finding for a second file with the identity of another one."""
    tenant, namespace, flow_id = key
    message = f"The flow {namespace}.{flow_id} is already defined in {shown(owner)}"
    fix = "give it another id, or remove one of the two files"
    return Found(
        (tenant, namespace), shown(path), "DUPLICATE_ID", "error", message, fix, flow_id=flow_id
    )


class Difference(NamedTuple):
    """What to store: new findings, and ids of those that are resolved."""

    new: list[StoredFinding]
    resolved: list[str]


def difference(
    before: Sequence[StoredFinding],
    after: Iterable[Found],
    *,
    judged: Iterable[NamespaceKey],
    kept: frozenset[str],
    stamp: StoredFinding,
    crossed: Collection[FlowKey] = (),
) -> Difference:
    """Compare what was found before with what is found now.

    `judged` are the namespaces that were looked at, `kept` the paths in them whose contents were
    not: what was found in those stays. `crossed` are flows elsewhere of which only what they refer
    to was looked at. `stamp` gives new findings source, run, commit and time.
    """
    looked_at = {*judged, NOWHERE}
    remaining: dict[tuple[str, ...], list[StoredFinding]] = {}
    for old in before:
        was_read = old.path not in kept or old.code in _OF_TREES | CROSSING
        is_crossed = old.code in CROSSING and (old.tenant, old.namespace, old.flow_id) in crossed
        if ((old.tenant, old.namespace) in looked_at and was_read) or is_crossed:
            remaining.setdefault(_identity(old), []).append(old)
    new: list[StoredFinding] = []
    for found in after:
        same = remaining.get(_identity(_stored(found, stamp)))
        if same:
            same.pop()
        else:
            new.append(_stored(found, stamp))
    return Difference(new, [old.id for rest in remaining.values() for old in rest])


def _identity(finding: StoredFinding) -> tuple[str, ...]:
    place = f"{finding.line}:{finding.column}"
    return finding.path, finding.code, finding.pointer, place, finding.message, finding.fix


def _stored(found: Found, stamp: StoredFinding) -> StoredFinding:
    tenant, namespace = found.namespace
    return StoredFinding(
        id=execution_id(),
        source_id=stamp.source_id,
        run_id=stamp.run_id,
        commit=stamp.commit,
        code=found.code,
        severity=found.severity,
        path=found.path,
        message=found.message,
        tenant=tenant,
        namespace=namespace,
        flow_id=found.flow_id,
        line=found.line,
        column=found.column,
        pointer=found.pointer,
        fix=found.fix,
        at=stamp.at,
    )
