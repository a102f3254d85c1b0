"""The trees of one source, as it owns them: namespaces of others are nothing to it.

What a sync has read of flows, a plan need not read again: both have one memory.
"""

from dataclasses import dataclass

from app.db.records import FlowKey
from app.sync.ownership import Standing
from app.sync.passes import Parts
from app.sync.planning.files import CommitFiles, Files
from app.sync.planning.tree import TreeView


@dataclass(frozen=True, slots=True)
class SourceTrees:
    """Views of one source's trees."""

    parts: Parts
    standing: Standing

    @classmethod
    def of(cls, parts: Parts) -> "SourceTrees":
        """Return the trees of a source by what it owns now."""
        return cls(parts, Standing(parts.claims, parts.indexer.source_id))

    def commit(self, commit: str) -> TreeView:
        """Return the view of a commit, or of a tree such as a merge has.

        Raises:
            Unavailable: when the repository was not opened yet.
        """
        mirror = self.parts.repository.mirror
        root = self.parts.repository.layout.root
        return self.view(CommitFiles(mirror.disk.launcher, mirror.objects, commit, root), commit)

    def view(self, files: Files, label: str) -> TreeView:
        """Return the view of any files by the rules of the source."""
        origin = self.parts.repository
        return TreeView(
            files,
            origin.layout,
            self.parts.memory,
            label=label,
            limits=origin.limits,
            owns=lambda tenant, namespace: self.standing(tenant, namespace) is None,
        )

    def is_elsewhere(self, key: FlowKey) -> bool:
        """Whether another source has a flow that is active."""
        there = self.parts.flows.in_git(*key)
        return there is not None and there.source_id != self.parts.indexer.source_id
