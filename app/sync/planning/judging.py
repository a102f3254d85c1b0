"""What is wrong with what changed, and what the change makes wrong elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial

from app.flows.interfaces import breaking_changes
from app.flows.references import (
    NONE,
    Call,
    References,
    is_endless,
    missing_calls,
    subflow_cycles,
)
from app.flows.topology import Name
from app.git.survey import Finding, lfs_finding
from app.sync.findings import Found, of_layout, of_problem, of_rival
from app.sync.planning import consequences
from app.sync.planning.comparing import Comparison
from app.sync.planning.flow_changes import breaks_call
from app.sync.planning.other_documents import other_findings, reused_secrets
from app.sync.planning.secret_names import unknown_secrets
from app.sync.planning.suites import findings_of_suites
from app.sync.planning.tree import FlowFile, FlowKey, TreeView

IsActive = Callable[[FlowKey], bool]
"""Whether a flow can be started."""


def judge(
    base: TreeView | None, head: TreeView, compared: Comparison, elsewhere: IsActive
) -> list[Found]:
    """Return the findings of a comparison, each once, in the order of paths and places."""
    judging = _Judging(base, head, compared, elsewhere)
    found = dict.fromkeys(judging.findings())
    return sorted(found, key=lambda each: (each.path, each.line, each.column, each.code))


class _Judging:
    """One comparison that is judged."""

    def __init__(
        self, base: TreeView | None, head: TreeView, compared: Comparison, elsewhere: IsActive
    ) -> None:
        self._elsewhere = elsewhere
        self._base = base
        self._head = head
        self._compared = compared

    def findings(self) -> Iterator[Found]:
        """Yield everything, in no special order."""
        yield from self._of_trees()
        yield from self._of_documents()
        yield from self._of_rivals()
        yield from self._of_others()
        yield from self._of_calls()
        yield from self._of_circles()
        yield from self._of_secrets()
        yield from self._of_names()

    def _of_trees(self) -> Iterator[Found]:
        known = set(_tree_findings(self._base)) if self._base else set()
        for finding in _tree_findings(self._head):
            if finding not in known:
                yield of_layout(finding, self._head.layout)

    def _of_documents(self) -> Iterator[Found]:
        for path, side in self._compared.after.items():
            pointer = lfs_finding(side.file.place, side.source)
            if pointer is not None:
                yield of_layout(pointer, self._head.layout)
                continue
            flow = side.parsed.flow
            key = (*side.file.key[:2], flow.id if flow else side.file.flow_id or "")
            yield from (of_problem(each, path, key) for each in side.parsed.problems)

    def _of_rivals(self) -> Iterator[Found]:
        """Yield the files that claim to be a flow that is another file's."""
        known = self._base.claims if self._base else {}
        for key, files in self._head.claims.items():
            if len(files) == 1 or [*map(_spot, known.get(key, ()))] == [*map(_spot, files)]:
                continue
            owner = self._compared.new[key]
            yield from (of_rival(each.path, owner.path, key) for each in files if each != owner)

    def _of_others(self) -> Iterator[Found]:
        """Yield what is wrong with documents that are no flows."""
        changed = [after for _, after in self._compared.surroundings.changed if after is not None]
        for located in changed:
            yield from other_findings(self._head, located)
        pairs = self._compared.surroundings.changed
        yield from reused_secrets(self._base, self._head, pairs)
        yield from findings_of_suites(self._base, self._head, self._compared)

    def _of_calls(self) -> Iterator[Found]:
        """Yield calls that find no flow, or not what it needs."""
        for key, references in self._concerned.items():
            file = self._compared.new[key]
            is_new = file.path in self._compared.after
            for call in missing_calls(references, partial(self._has, key)):
                if is_new or (key[0], *call.target) in self._compared.old:
                    known = [Name(*each[1:]) for each in self._compared.new if each[0] == key[0]]
                    yield consequences.missing(file, self._source(file), call, known)
            for call in references.calls:
                yield from self._of_call(file, call, is_new=is_new)

    def _of_call(self, file: FlowFile, call: Call, *, is_new: bool) -> Iterator[Found]:
        target = (file.place.tenant, *call.target)
        if target not in self._compared.new or call.revision is not None:
            return
        if not is_new and self._compared.new[target].path not in self._compared.after:
            return  # neither of both has changed
        names = self._references(target).interface.lacking(call.inputs)
        if names:
            yield consequences.lacking(file, self._source(file), call, names)

    def _of_circles(self) -> Iterator[Found]:
        for tenant, flows in self._compared.dependents.references.items():
            changed = {
                Name(*side.file.key[1:])
                for side in self._compared.after.values()
                if side.file.place.tenant == tenant
            }
            trails = subflow_cycles(flows, changed & flows.keys())
            for name, trail in consequences.circles_of(trails):
                file = self._compared.new[tenant, *name]
                if file.path in self._compared.after:
                    calls = flows[name].calls
                    call = next((each for each in calls if each.target == trail[1]), None)
                    endless = is_endless(flows, trail)
                    source = self._source(file)
                    yield consequences.circle(file, source, trail, call, endless=endless)

    def _of_secrets(self) -> Iterator[Found]:
        for file, name, known in unknown_secrets(self._base, self._head, self._compared):
            source = self._source(file)
            yield consequences.unknown_secret(file, source, name, sorted(known))

    def _of_names(self) -> Iterator[Found]:
        for pair in self._compared.pairs:
            if pair.is_renamed and not pair.carries and pair.old and pair.new:
                yield consequences.renamed(pair.new, self._source(pair.new), pair.old)
            yield from self._of_interface(pair.old, pair.new)

    def _of_interface(self, old: FlowFile | None, new: FlowFile | None) -> Iterator[Found]:
        """Yield changes of a flow's interface, with the flows that may fail by them."""
        before = self._compared.before.get(old.path) if old else None
        after = self._compared.after.get(new.path) if new else None
        if before is None or after is None or new is None:
            return
        calls = self._compared.dependents.callers(new.key)
        for change in breaking_changes(before.references.interface, after.references.interface):
            names = sorted({name for name, call in calls if breaks_call(change, call)})
            yield consequences.breaking(new, after.source, change, names)

    @cached_property
    def _concerned(self) -> Mapping[FlowKey, References]:
        """The flows that changed, and those that call one which changed or is gone."""
        found = {side.file.key: side.references for side in self._compared.after.values()}
        gone = [pair.old.key for pair in self._compared.pairs if pair.old]
        for key in [*found, *gone]:
            for name, _ in self._compared.dependents.callers(key):
                caller = (key[0], *name)
                if caller not in found:
                    known = self._compared.dependents.references.get(key[0], {})
                    found[caller] = known.get(name, NONE)
        return {key: each for key, each in found.items() if key in self._compared.new}

    def _has(self, caller: FlowKey, name: Name) -> bool:
        key = caller[0], *name
        return key in self._compared.new or self._elsewhere(key)

    def _references(self, key: FlowKey) -> References:
        return self._head.references([self._compared.new[key]])[key]

    def _source(self, file: FlowFile) -> bytes:
        side = self._compared.after.get(file.path)
        if side is not None:
            return side.source
        return next(iter(self._head.sources([file])))[1]


def _tree_findings(view: TreeView) -> list[Finding]:
    return [*view.survey.findings, *view.manifest.findings]


def _spot(file: FlowFile) -> tuple[str, str]:
    return file.path, file.oid
