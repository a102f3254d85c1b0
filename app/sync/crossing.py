"""What flows refer to in others: missing subflows, circles, needed inputs, unknown secrets.

Judged by the tip, and, before anything moves, by what will be active: a subflow that is at the tip
but stays behind would break the flow that needs it. Flows are read once; what they refer to is
remembered by their blobs. Everything here blocks; call it in threads.
"""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from functools import cached_property

from app.db.records import FlowKey, Snapshot
from app.flows.interfaces import breaking_changes
from app.flows.keyvalues import lineage
from app.flows.references import NONE, References, is_endless, subflow_cycles
from app.flows.secret_files import read_secret_file
from app.flows.topology import Name
from app.git.layout import Place
from app.sync.findings import Found
from app.sync.index import FlowIndex
from app.sync.origin import Origin
from app.sync.ownership import NamespaceKey
from app.sync.planning import consequences
from app.sync.planning.files import CommitFiles
from app.sync.planning.memory import Memory
from app.sync.planning.tree import FlowFile

_SECRETS = "secrets.sops.yaml"
_MANY = 20

IsActive = Callable[[FlowKey], bool]
"""Whether a flow can be started."""


class Crossing:
    """The flows of one tip, seen by what they refer to."""

    def __init__(
        self, origin: Origin, tip: str, index: FlowIndex, memory: Memory, elsewhere: IsActive
    ) -> None:
        """`elsewhere`: whether another source has a flow that is active."""
        mirror = origin.mirror
        self._origin = origin
        self._tip = tip
        self._index = index
        self._memory = memory
        self._elsewhere = elsewhere
        self._files = CommitFiles(mirror.disk.launcher, mirror.objects, tip, origin.layout.root)

    # -- which flows -----------------------------------------------------------------------------

    def of_namespaces(self, namespaces: Iterable[NamespaceKey]) -> list[FlowKey]:
        """Return the flows of namespaces at the tip."""
        keys = (key for each in namespaces for key in self._index.of_namespace(*each))
        return [key for key in keys if key in self._index.owners]

    def callers(self, targets: Collection[FlowKey]) -> set[FlowKey]:
        """Return the flows at the tip that start one of some flows."""
        if not targets:
            return set()
        return {
            key
            for key, found in self._calling().items()
            if any((key[0], *call.target) in targets for call in found.calls)
        }

    def _calling(self) -> dict[FlowKey, References]:
        """Return what all flows at the tip refer to that start others."""
        oids = {key: self._index.files[path].blob for key, path in self._index.owners.items()}
        briefs = self._memory.briefs(self._files, oids.values())
        return self._references([key for key, oid in oids.items() if briefs[oid].calls])

    def broken_interfaces(self, before: Mapping[FlowKey, str]) -> set[FlowKey]:
        """Return the flows that ask for other inputs than they did; `before`: flow -> old blob."""
        old_blobs = [
            oid for oid, info in self._origin.mirror.objects.infos(before.values()) if info
        ]
        keys = [key for key, oid in before.items() if oid in old_blobs and key in self]
        if len(keys) > _MANY:  # then it pays to leave out those that nobody starts
            called = {(k[0], *c.target) for k, f in self._calling().items() for c in f.calls}
            keys = [key for key in keys if key in called]
        old = self._memory.references(self._files, ((before[key], key[1]) for key in keys))
        new = self._references(keys)
        return {
            key
            for key in keys
            if breaking_changes(old[before[key], key[1]].interface, new[key].interface)
        }

    def losing_secrets(self, snapshots: Iterable[Snapshot]) -> list[FlowKey]:
        """Return the flows in and below namespaces whose file of secrets is another one now."""
        layout, objects = self._origin.layout, self._origin.mirror.objects
        then = {
            f"{each.commit}:{layout.namespace_folder(*each[:2])}/{_SECRETS}": each[:2]
            for each in snapshots
            if each.commit and layout.reads(each.tenant)
        }
        old = {then[text]: info.oid for text, info in objects.infos(then) if info}
        other = {key for key in then.values() if old.get(key) != self._secrets.get(key)}
        if not other:
            return []
        return [
            key
            for key in self._index.owners
            if any((key[0], each) in other for each in lineage(key[1]))
        ]

    # -- what is wrong ---------------------------------------------------------------------------

    def findings(self, keys: Collection[FlowKey], changed: Container[NamespaceKey]) -> list[Found]:
        """Return what is wrong with flows at the tip; circles only for `changed` namespaces."""
        related = self._related(keys)
        moving = [key for key in related if key[:2] in changed]
        found = [each for key in related for each in self._of_flow(key, related[key])]
        return found + list(self._circles(moving))

    def left_behind(self, keys: Iterable[FlowKey], is_live: IsActive) -> list[Found]:
        """Return errors for flows that start one which is at the tip, but would not be active."""
        found = []
        for key, references in self._related(list(keys)).items():
            for call in references.calls:
                target = (key[0], *call.target)
                if target in self and not is_live(target):
                    warned = consequences.missing(*self._file(key), call)
                    message = (
                        f"The task `{call.task}` starts {target[1]}.{target[2]}, which does not"
                        " become active with it"
                    )
                    fix = "correct what keeps that one back, or name another flow"
                    found.append(warned._replace(severity="error", message=message, fix=fix))
        return found

    def __contains__(self, key: FlowKey) -> bool:
        return key in self._index.owners

    def _of_flow(self, key: FlowKey, references: References) -> Iterator[Found]:
        tenant, namespace, _ = key
        for call in references.calls:
            target = (tenant, *call.target)
            if target not in self and not self._elsewhere(target):
                yield consequences.missing(*self._file(key), call)
            elif target in self and call.revision is None:
                needed = self._references([target])[target].interface.lacking(call.inputs)
                if needed:
                    yield consequences.lacking(*self._file(key), call, needed)
        if references.secrets and any(each[0] == tenant for each in self._secrets):
            above = (*lineage(namespace), "")
            known = {name for each in above for name in self._known(tenant, each)}
            for name in sorted(references.secrets - known):
                yield consequences.unknown_secret(*self._file(key), name, sorted(known))

    def _circles(self, keys: Collection[FlowKey]) -> Iterator[Found]:
        for tenant in sorted({key[0] for key in keys}):
            start = [Name(*key[1:]) for key in keys if key[0] == tenant]
            graph = _Calls(self, tenant)
            for name, ring in consequences.circles_of(subflow_cycles(graph, start)):
                if name not in start:
                    continue
                calls = graph[name].calls
                call = next((each for each in calls if each.target == ring[1]), None)
                endless = is_endless(graph, ring)
                yield consequences.circle(*self._file((tenant, *name)), ring, call, endless=endless)

    # -- what is read ----------------------------------------------------------------------------

    def _related(self, keys: Collection[FlowKey]) -> dict[FlowKey, References]:
        """Return what those flows refer to that may refer to anything."""
        here = [key for key in keys if key in self]
        briefs = self._memory.briefs(self._files, (self._blob(key) for key in here))
        seen = {key: briefs[self._blob(key)] for key in here}
        return self._references([k for k, brief in seen.items() if brief.calls or brief.secrets])

    def _references(self, keys: Iterable[FlowKey]) -> dict[FlowKey, References]:
        wanted = {key: (self._blob(key), key[1]) for key in keys}
        found = self._memory.references(self._files, wanted.values())
        return {key: found.get(each, NONE) for key, each in wanted.items()}

    def of(self, key: FlowKey) -> References:
        """Return what one flow refers to."""
        return self._references([key])[key]

    def _blob(self, key: FlowKey) -> str:
        return self._index.files[self._index.owners[key]].blob

    def _file(self, key: FlowKey) -> tuple[FlowFile, bytes]:
        path, oid = self._index.owners[key], self._blob(key)
        place: Place | None = self._origin.file_at(path)
        assert place is not None  # noqa: S101 - the index has only files of ours
        return FlowFile(place, oid, key[2]), self._origin.mirror.objects.read(oid)

    @cached_property
    def _secrets(self) -> dict[NamespaceKey, str]:
        """Namespace of a flow, above one, or "" -> the blob of its file of secrets, if any."""
        layout = self._origin.layout
        used = {key[:2] for key in self._index.owners}
        asked = {
            f"{self._tip}:{path}": (tenant, each)
            for tenant, namespace in used
            for each in (*lineage(namespace), "")
            if (path := layout.inherited_file(tenant, each, _SECRETS)) is not None
        }
        infos = self._origin.mirror.objects.infos(asked)
        return {asked[text]: info.oid for text, info in infos if info and info.kind == "blob"}

    def _known(self, tenant: str, namespace: str) -> Iterable[str]:
        oid = self._secrets.get((tenant, namespace))
        if oid is None:
            return ()
        return read_secret_file(self._origin.mirror.objects.read(oid)).secrets


class _Calls:
    """The flows of a tenant at the tip, read as they are asked for."""

    def __init__(self, crossing: Crossing, tenant: str) -> None:
        self._crossing = crossing
        self._tenant = tenant

    def __getitem__(self, name: Name) -> References:
        return self._crossing.of((self._tenant, *name))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, Name) and (self._tenant, *name) in self._crossing
