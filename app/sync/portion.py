"""Which part of a repository is a source's: other sources, and other people, may have the rest."""

from app.sync.passes import Parts


def is_own(parts: Parts, path: str) -> bool:
    """Whether a path is below the source's root, and in no namespace that is another's.

    Of what lies in no namespace, a source that is confined to some has nothing.
    """
    layout = parts.repository.layout
    if layout.inside(path) is None:
        return False
    place = layout.place(path)
    if place is None or not place.namespace:
        return not parts.spec.namespaces
    source_id = parts.indexer.source_id
    return parts.claims.refusal(source_id, place.tenant, place.namespace) is None
