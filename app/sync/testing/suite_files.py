"""Files of tests: read out of what is active, written as commits."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from app.config.tenant_names import TENANT_NAME, tenant_name_problem
from app.errors import Invalid, NotFound
from app.flows.unit_test_documents import ParsedSuite, parse_suite
from app.flows.unit_tests import Suite
from app.git.history import EXECUTABLE, REGULAR
from app.git.layout import NAMESPACE_NAME
from app.git.trees import ls_tree
from app.ports import SuiteSource
from app.sync.model import Actor
from app.sync.origin import Origin
from app.sync.publishing import Edits
from app.sync.sources import SourceSet
from app.sync.worker import SourceWorker

_FOLDERS = 2_000
"""Folders of tests that are kept in memory, each by the object id of its tree."""
_YAML = (".yaml", ".yml")


class SuiteFile(NamedTuple):
    """A file of tests as the active commit of its namespace has it."""

    tenant: str
    namespace: str
    path: str
    commit: str
    parsed: ParsedSuite

    @property
    def id(self) -> str:
        """The id of the tests; of a file that cannot be read, its name."""
        suite = self.parsed.suite
        return suite.id if suite else self.path.rpartition("/")[2].rpartition(".")[0]

    @property
    def source(self) -> SuiteSource:
        """The file as a runner takes it."""
        return SuiteSource(self.path, self.tenant, self.namespace, self.parsed.source)


_Change = tuple[SuiteFile, bytes | None]
"""A file, and what it is to hold; None: it is deleted."""


class _Folder(NamedTuple):
    """The files of a `tests` folder: path in the repository, document."""

    files: Sequence[tuple[str, ParsedSuite]]


class SuiteFiles:
    """Reads and writes the tests of all sources."""

    def __init__(self, workers: SourceSet) -> None:
        """Read from the sources of a node."""
        self._workers = workers
        self._folders: OrderedDict[tuple[str, str], _Folder] = OrderedDict()

    # -- reading ------------------------------------------------------------------------------

    async def all(
        self, tenant: str, wanted: Callable[[str], bool] | None = None
    ) -> list[SuiteFile]:
        """Return the tests of a tenant (of the namespaces that are wanted), by namespace and id."""
        found: list[SuiteFile] = []
        for worker in self._workers:
            snapshots = await worker.parts.sources.activation.snapshots(worker.id)
            commits = {
                key: each.commit
                for key, each in snapshots.items()
                if each.commit and key[0] == tenant and (wanted is None or wanted(key[1]))
            }
            if commits:
                origin = await worker.publisher.opened()
                found += await asyncio.to_thread(self._read, origin, commits)
        return sorted(found, key=lambda each: (each.namespace, each.id, each.path))

    async def get(self, tenant: str, namespace: str, suite_id: str) -> SuiteFile:
        """Return the tests of an id.

        Raises:
            NotFound: when there are none.
        """
        for each in await self.all(tenant, lambda name: name == namespace):
            if each.id == suite_id:
                return each
        message = f"there are no tests {suite_id} in namespace {namespace}"
        raise NotFound(message)

    def _read(self, origin: Origin, commits: dict[tuple[str, str], str]) -> list[SuiteFile]:
        """Return the tests of namespaces, each at its commit (blocking)."""
        folders = {
            f"{commit}:{_folder(origin, *key)}": (key, commit) for key, commit in commits.items()
        }
        found: list[SuiteFile] = []
        for name, info in origin.mirror.objects.infos(folders):
            if info is not None and info.kind == "tree":
                key, commit = folders[name]
                folder = self._files_of(origin, info.oid, key)
                found += [SuiteFile(*key, path, commit, parsed) for path, parsed in folder.files]
        return found

    def _files_of(self, origin: Origin, tree: str, key: tuple[str, str]) -> _Folder:
        home = _folder(origin, *key)
        known = self._folders.get((tree, home))
        if known is not None:
            return known
        entries = [
            each
            for each in ls_tree(origin.mirror.disk.launcher, tree, sizes=True)
            if each.path.endswith(_YAML)
            and each.mode in (REGULAR, EXECUTABLE)
            and (each.size or 0) <= origin.limits.document
            and not origin.is_ignored(f"{home}/{each.path}")
        ]
        blobs = dict(origin.mirror.objects.read_many(dict.fromkeys(e.oid for e in entries)))
        files = [
            (f"{home}/{each.path}", parse_suite(blobs[each.oid], namespace=key[1]))
            for each in entries
        ]
        self._folders[tree, home] = folder = _Folder(files)
        while len(self._folders) > _FOLDERS:
            self._folders.popitem(last=False)
        return folder

    # -- writing ------------------------------------------------------------------------------

    async def put(
        self, tenant: str, source: str, *, actor: Actor, at: tuple[str, str] | None = None
    ) -> SuiteFile:
        """Write tests as a commit; return them as they are active then.

        `at`: the namespace and id of the tests that it replaces; None: they must not exist yet.

        Raises:
            Invalid: with `problems`, when it is no document of tests, or of other ones.
            NotFound: when what it is to replace is not there.
            Conflict, Proposed: as every edit of the source.
        """
        parsed = parse_suite(source)
        suite = _valid(parsed)
        name = (suite.namespace, suite.id)
        if at is not None and at != name:
            message = f"these are the tests {suite.namespace}.{suite.id}, not {at[0]}.{at[1]}"
            raise Invalid(message)
        _refuse_names(tenant, suite.namespace)
        worker = await self._workers.owner(tenant, suite.namespace)
        origin = await worker.publisher.opened()
        path = await self._path(tenant, suite, origin, is_new=at is None)
        verb = "Create" if at is None else "Update"
        message = f"{verb} tests {suite.namespace}.{suite.id}"
        places = {(tenant, suite.namespace)}
        await _publish(worker, Edits({path: source.encode()}, places, message, actor))
        return await self.get(tenant, *name)

    async def delete(self, files: Sequence[SuiteFile], *, actor: Actor) -> None:
        """Delete tests of a tenant: one commit a source."""
        await self._write([(each, None) for each in files], "Delete", actor)

    async def rewrite(self, changes: Sequence[tuple[SuiteFile, str]], *, actor: Actor) -> None:
        """Give files other contents: one commit a source."""
        await self._write([(each, text.encode()) for each, text in changes], "Update", actor)

    async def _write(self, changes: Sequence[_Change], verb: str, actor: Actor) -> None:
        by_worker: dict[SourceWorker, list[_Change]] = {}
        for file, data in changes:
            worker = await self._workers.owner(file.tenant, file.namespace)
            by_worker.setdefault(worker, []).append((file, data))
        for worker, some in by_worker.items():
            names = [f"{each.namespace}.{each.id}" for each, _ in some]
            subject = names[0] if len(names) == 1 else f"of {len(names)} files"
            changed = {each.path: text for each, text in some}
            places = {(each.tenant, each.namespace) for each, _ in some}
            await _publish(worker, Edits(changed, places, f"{verb} tests {subject}", actor))

    async def _path(self, tenant: str, suite: Suite, origin: Origin, *, is_new: bool) -> str:
        """Return where tests are written: where they are, else in a file of their id."""
        there = await self.all(tenant, lambda name: name == suite.namespace)
        known = next((each for each in there if each.id == suite.id), None)
        if is_new and known is not None:
            message = f"tests {suite.namespace}.{suite.id} exist already, in {known.path}"
            raise Invalid(message)
        if not is_new and known is None:
            message = f"there are no tests {suite.id} in namespace {suite.namespace}"
            raise NotFound(message)
        folder = _folder(origin, tenant, suite.namespace)
        return known.path if known else f"{folder}/{suite.id}.yaml"


async def _publish(worker: SourceWorker, edits: Edits) -> None:
    worker.publisher.refuse_read_only()
    await worker.publisher.publish(edits)


def _folder(origin: Origin, tenant: str, namespace: str) -> str:
    return f"{origin.layout.namespace_folder(tenant, namespace)}/tests"


def _valid(parsed: ParsedSuite) -> Suite:
    if parsed.suite is None:
        raise Invalid("; ".join(map(str, parsed.errors)), problems=list(parsed.problems))
    return parsed.suite


def _refuse_names(tenant: str, namespace: str) -> None:
    if not TENANT_NAME.match(tenant):
        raise Invalid(tenant_name_problem(tenant))
    if not NAMESPACE_NAME.match(namespace):
        message = f"{namespace!r} is no namespace: small letters, digits, - _ and dots"
        raise Invalid(message)
