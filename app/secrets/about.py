"""What is told of secrets: a description and tags each, readable, in the file itself.

They stand below one key that the usual rules leave readable; the authentication code covers them.
"""

from app.flows.secret_files import ABOUT, About
from app.secrets.documents import OpenDocument
from app.secrets.editing import is_hidden
from app.secrets.errors import Malformed
from app.secrets.tree import Branch, Entry


def with_about(document: OpenDocument, key: str, about: About) -> OpenDocument:
    """Return the file that tells something else of a secret.

    Raises:
        Malformed: its rules would encrypt that.
    """
    first, *rest = document.branches
    told = first.get(ABOUT)
    told = told if isinstance(told, Branch) else Branch()
    if about == About():
        told = told.without(key)
    elif is_hidden(document, ABOUT):
        raise Malformed(f"The rules of the file encrypt `{ABOUT}`: it can tell nothing of a secret")
    else:
        told = told.with_value(key, _written(about))
    first = first.with_value(ABOUT, told) if told.entries else first.without(ABOUT)
    return document.with_branches([first, *rest])


def _written(about: About) -> Branch:
    entries = []
    if about.description:
        entries.append(Entry("description", about.description))
    if about.tags:
        entries.append(Entry("tags", Branch(tuple(Entry(*tag) for tag in about.tags))))
    return Branch(tuple(entries))
