"""`TreeView`: the flows of one tree, whatever it comes from. Blocking: use it in threads."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Self

from app.flows.flow import PluginDefault
from app.flows.keyvalues import lineage
from app.flows.parse import Parsed, parse_flow
from app.flows.references import NONE, References
from app.git.codeowners import PLACES, Owners
from app.git.ignore import Ignored
from app.git.layout import Kind, Layout, Place
from app.git.manifest import MANIFEST, Manifest, read_manifest
from app.git.objects import ObjectReader
from app.git.process import Launcher
from app.git.survey import SizeLimits, Survey, shown, survey
from app.git.trees import Entry
from app.sync.default_files import defaults_in
from app.sync.planning.files import CommitFiles, Files
from app.sync.planning.memory import ANALYSER, Brief, Memory

FlowKey = tuple[str, str, str]
"""Tenant, namespace, id."""

Owns = Callable[[str, str], bool]
"""Whether a tenant (first) has a namespace (second) that counts."""

IGNORE_FILE = ".headwaterignore"
_MOST_RULES = 1 << 16
_TOP = "", "tenant.yaml"


class FlowFile(NamedTuple):
    """A flow in a tree: where it lies, and the object id of its document."""

    place: Place
    oid: str
    flow_id: str | None
    """None where the document tells none."""

    @property
    def path(self) -> str:
        """The path in the repository."""
        return self.place.path

    @property
    def key(self) -> FlowKey:
        """The identity of the flow; an empty id where there is none."""
        return self.place.tenant, self.place.namespace, self.flow_id or ""


class TreeView:
    """A tree, seen by the layout. Everything is read when it is first asked for, and once."""

    def __init__(
        self,
        files: Files,
        layout: Layout,
        memory: Memory,
        *,
        label: str = "",
        limits: SizeLimits | None = None,
        owns: Owns | None = None,
    ) -> None:
        """See `files` by the rules of a `layout`.

        Args:
            files: where the files come from.
            layout: what they are.
            memory: what was read of flows before.
            label: how the tree is named to people.
            limits: the largest files.
            owns: whether a tenant's namespace is one of those that count; all by default.
        """
        self.files = files
        self.layout = layout
        self.memory = memory
        self.label = label
        self.limits = limits or SizeLimits()
        self.owns = owns
        self._said: dict[str, Sequence[PluginDefault]] = {}
        self.judged_by: TreeView | None = None
        """Whose `headwater.yaml` counts: a tree that is proposed does not make its own rules."""

    @classmethod
    def of_commit(
        cls,
        launcher: Launcher,
        objects: ObjectReader,
        commit: str,
        layout: Layout,
        memory: Memory,
        *,
        limits: SizeLimits | None = None,
        owns: Owns | None = None,
    ) -> Self:
        """Return the view of a commit or a tree, by its full id."""
        files = CommitFiles(launcher, objects, commit, layout.root)
        return cls(files, layout, memory, label=commit, limits=limits, owns=owns)

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """Path -> entry, for every file below the root."""
        return {entry.path: entry for entry in self.files.entries()}

    @cached_property
    def survey(self) -> Survey:
        """The files that count, and what is wrong before any is read."""
        return survey(
            self.entries.values(), self.layout, limits=self.limits, ignored=self._is_ignored
        )

    @cached_property
    def flow_files(self) -> Mapping[str, FlowFile]:
        """Path -> flow file, in the order of the paths."""
        located = sorted(self.survey.of(Kind.FLOW), key=lambda each: each.place.path)
        briefs = self.memory.briefs(self.files, (each.entry.oid for each in located))
        return {
            each.place.path: FlowFile(each.place, each.entry.oid, briefs[each.entry.oid].flow_id)
            for each in located
        }

    @cached_property
    def claims(self) -> Mapping[FlowKey, list[FlowFile]]:
        """Flow -> the files that claim to be it; more than one is an error."""
        found: dict[FlowKey, list[FlowFile]] = {}
        for file in self.flow_files.values():
            if file.flow_id is not None:
                found.setdefault(file.key, []).append(file)
        return found

    def flows(self, owners: Mapping[FlowKey, FlowFile] | None = None) -> dict[FlowKey, FlowFile]:
        """Return flow -> its file; of several the one that it had in `owners`, or the first."""
        chosen: dict[FlowKey, FlowFile] = {}
        for key, files in self.claims.items():
            old = (owners or {}).get(key)
            same = [file for file in files if old is not None and file.path == old.path]
            chosen[key] = (same or files)[0]
        return chosen

    def brief(self, file: FlowFile) -> Brief:
        """Return what the lines of a file tell."""
        return self.memory.briefs(self.files, [file.oid])[file.oid]

    def references(self, files: Iterable[FlowFile]) -> dict[FlowKey, References]:
        """Return flow -> what it refers to, for some of the files."""
        wanted = {file.key: (file.oid, file.place.namespace) for file in files}
        found = self.memory.references(self.files, wanted.values())
        return {key: found.get(name, NONE) for key, name in wanted.items()}

    def sources(self, files: Iterable[FlowFile]) -> Iterator[tuple[FlowFile, bytes]]:
        """Yield files with their documents."""
        by_oid: dict[str, list[FlowFile]] = {}
        for file in files:
            by_oid.setdefault(file.oid, []).append(file)
        for oid, source in self.files.read_many(by_oid):
            yield from ((file, source) for file in by_oid[oid])

    def parse(self, file: FlowFile, source: bytes) -> Parsed:
        """Return what a document is parsed to, as the validation of a sync does."""
        place = file.place
        return parse_flow(
            source,
            types=self.memory.types,
            tenant=place.tenant,
            namespace=place.namespace,
            path=shown(place.path),
            defaults=self.defaults(place.tenant, place.namespace),
            check=ANALYSER,
        )

    def defaults(self, tenant: str, namespace: str) -> Sequence[PluginDefault]:
        """Return the plugin defaults that the flows of a namespace have from files of the tree."""
        found: list[PluginDefault] = []
        for name, file in [*((each, "namespace.yaml") for each in lineage(namespace)), _TOP]:
            path = self.layout.inherited_file(tenant, name, file)
            if path is not None and self.layout.place(path) is not None:
                found += self._defaults_at(path)
        return found

    def _defaults_at(self, path: str) -> Sequence[PluginDefault]:
        known = self._said.get(path)
        if known is None:
            text = self.read(path)
            of_tenant = path.endswith("/tenant.yaml")
            known = () if text is None else defaults_in(text, of_tenant=of_tenant)
            self._said[path] = known
        return known

    def read(self, path: str) -> bytes | None:
        """Return a file's bytes, None when the tree has no such file."""
        entry = self.entries.get(path)
        if entry is None or entry.kind != "blob":
            return None
        return next(iter(self.files.read_many([entry.oid])))[1]

    def content(self, entry: Entry) -> bytes:
        """Return the bytes of a file of the tree."""
        return next(iter(self.files.read_many([entry.oid])))[1]

    @cached_property
    def written_types(self) -> frozenset[str]:
        """What all flows of the tree call their types, as it is written."""
        briefs = self.memory.briefs(self.files, (file.oid for file in self.flow_files.values()))
        return frozenset(name for brief in briefs.values() for name in brief.types)

    @cached_property
    def owners(self) -> Owners:
        """Who answers for which path, by the first CODEOWNERS of the repository."""
        root = self.layout.root
        for path in (*PLACES, *([f"{root}/CODEOWNERS"] if root else ())):
            data = self.files.read_at(path)
            if data is not None:
                return Owners(data.decode("utf-8", "replace"))
        return Owners()

    @cached_property
    def manifest(self) -> Manifest:
        """What `headwater.yaml` says."""
        path = self._at_root(MANIFEST)
        data = self._small(path)
        return Manifest() if data is None else read_manifest(path, data, self.layout.style)

    def _is_ignored(self, path: str) -> bool:
        inside = self.layout.inside(path)
        if inside is not None and self._ignored(inside):
            return True
        place = self.layout.place(path) if self.owns else None
        if place is None or self.owns is None or not place.namespace:
            return False
        return not self.owns(place.tenant, place.namespace)

    @cached_property
    def _ignored(self) -> Ignored:
        lines = (self._small(self._at_root(IGNORE_FILE)) or b"").decode("utf-8", "replace")
        patterns = (self.judged_by or self).manifest.ignore
        return Ignored("\n".join([lines, *patterns]))

    def _at_root(self, name: str) -> str:
        return f"{self.layout.root}/{name}".lstrip("/")

    def _small(self, path: str) -> bytes | None:
        entry = self.entries.get(path)
        return None if entry is None or (entry.size or 0) > _MOST_RULES else self.read(path)
