"""What is wrong with documents that are neither flows nor tests: secrets, variables, settings."""

from collections.abc import Iterator, Sequence

from app.flows.secret_files import read_secret_file
from app.git.layout import Kind
from app.git.survey import Located
from app.sync.documents import judged
from app.sync.findings import Found
from app.sync.planning.tree import TreeView
from app.sync.reuse import holders, reused

_SECRETS = (Kind.SECRETS, Kind.PREVIEW_SECRETS)
_DOCUMENTS = frozenset(
    {Kind.SECRETS, Kind.PREVIEW_SECRETS, Kind.VARIABLES, Kind.NAMESPACE, Kind.TENANT}
)


def reused_secrets(
    base: TreeView | None, head: TreeView, changed: Sequence[tuple[Located | None, Located | None]]
) -> Iterator[Found]:
    """Yield files of secrets with cipher texts, new in them, that another tenant has, too."""
    files = [(before, after) for before, after in changed if after and _is_secrets(after)]
    if not files:
        return
    known = holders(
        (each.place.tenant, read_secret_file(head.content(each.entry)).ciphertexts)
        for each in head.survey.of(*_SECRETS)
    )
    for before, after in files:
        new = read_secret_file(head.content(after.entry)).ciphertexts
        if base is not None and before is not None and _is_secrets(before):
            new -= read_secret_file(base.content(before.entry)).ciphertexts
        yield from reused(after.place, new, known)


def _is_secrets(located: Located) -> bool:
    return located.place.kind in _SECRETS


def other_findings(view: TreeView, located: Located) -> Sequence[Found]:
    """Return what is wrong with a file that is no flow."""
    place = located.place
    if place.kind not in _DOCUMENTS:
        return []
    return list(judged(place, view.content(located.entry), view.layout))
