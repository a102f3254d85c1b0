"""What is wrong with documents that are neither flows nor tests: secrets, variables, settings."""

from collections.abc import Sequence

from app.git.layout import Kind
from app.git.survey import Located
from app.sync.documents import judged
from app.sync.findings import Found
from app.sync.planning.tree import TreeView

_DOCUMENTS = frozenset(
    {Kind.SECRETS, Kind.PREVIEW_SECRETS, Kind.VARIABLES, Kind.NAMESPACE, Kind.TENANT}
)


def other_findings(view: TreeView, located: Located) -> Sequence[Found]:
    """Return what is wrong with a file that is no flow."""
    place = located.place
    if place.kind not in _DOCUMENTS:
        return []
    return list(judged(place, view.content(located.entry), view.layout))
