"""One walk over a document: every value and comment in order, with its path."""

from collections.abc import Callable
from typing import TypeAlias

from app.secrets.rules import Comments, CommentStack
from app.secrets.tree import Branch, Comment, Entry, Leaf, Value

Path: TypeAlias = tuple[str, ...]
"""The keys of the maps; positions in lists are no part of it."""
Visit: TypeAlias = Callable[[Leaf | Comment, Path, CommentStack], Leaf | Comment]


def walk(branch: Branch, visit: Visit) -> Branch:
    """Return the document with what `visit` makes of its values and comments; nulls stay."""
    return _branch(branch, (), (), visit)


def _branch(branch: Branch, path: Path, above: CommentStack, visit: Visit) -> Branch:
    own = Comments()
    stack = (*above, own)
    entries = []
    for key, value in branch.entries:
        if isinstance(key, Comment):
            own.add(key.text)
            entries.append(Entry(_as_comment(visit(key, path, stack)), None))
        else:
            entries.append(Entry(key, _value(value, (*path, key), stack, visit)))
            own.clear()
    return Branch(tuple(entries))


def _as_comment(made: Leaf | Comment) -> Comment:
    return made if isinstance(made, Comment) else Comment("" if made is None else str(made))


def _list(items: tuple[Value, ...], path: Path, above: CommentStack, visit: Visit) -> Value:
    own = Comments()
    stack = (*above, own)
    made = []
    for item in items:
        if isinstance(item, Comment):
            own.add(item.text)
        made.append(_value(item, path, stack, visit))
        if not isinstance(item, Comment):
            own.clear()
    return tuple(made)


def _value(value: Value, path: Path, comments: CommentStack, visit: Visit) -> Value:
    if isinstance(value, Branch):
        return _branch(value, path, comments, visit)
    if isinstance(value, tuple):
        return _list(value, path, comments, visit)
    return None if value is None else visit(value, path, comments)
