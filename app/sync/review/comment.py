"""The sticky comment that tells the plan: one for each pull request and source, kept up to date."""

from app.db.pull_records import Pull
from app.db.pulls import PullStore
from app.errors import Forbidden, HeadwaterError, NotFound, Unavailable
from app.ports import Comment, Forge
from app.sync.planning.comment import marker

_BOT = "[bot]"
_WRITERS = frozenset({"write", "admin"})


async def write_comment(
    forge: Forge, store: PullStore, pull: Pull, body: str, *, only_update: bool = False
) -> None:
    """Put the plan into our comment; one that is gone is written again.

    `only_update`: where there is no comment yet, none is written.

    Raises:
        Unavailable, AuthFailed, Forbidden: by the forge.
    """
    sign = marker(pull.source_id)
    text = body if body.startswith(sign) else f"{sign}\n{body}"
    if pull.comment_id and await _edited(forge, pull.number, pull.comment_id, text):
        return
    for comment in await _candidates(forge, pull, sign):
        if comment.id != pull.comment_id and await _edited(forge, pull.number, comment.id, text):
            await store.note_comment(pull.source_id, pull.number, comment.id)
            return
    if only_update:
        return
    made = await forge.comment(pull.number, text)
    await store.note_comment(pull.source_id, pull.number, made)


async def _candidates(forge: Forge, pull: Pull, sign: str) -> list[Comment]:
    """Return comments that may be ours, where the id is not known (any more).

    Everybody may write the marker, and a forge may let us change what is not ours: whoever wrote
    it could change it afterwards. So the author of the pull request never counts, nor does who may
    not write to the repository; accounts of apps, whose names nobody else can have, go first.
    """
    found = [
        each
        for each in await forge.comments(pull.number)
        if each.body.startswith(sign)
        and each.author != pull.author
        and await _may_be_us(forge, each.author)
    ]
    return sorted(found, key=lambda each: not each.author.endswith(_BOT))


async def _may_be_us(forge: Forge, author: str) -> bool:
    if author.endswith(_BOT):
        return True
    try:
        return await forge.permission(author) in _WRITERS
    except Unavailable:
        raise
    except HeadwaterError:
        return False


async def _edited(forge: Forge, number: int, comment_id: str, text: str) -> bool:
    try:
        await forge.edit_comment(number, comment_id, text)
    except (NotFound, Forbidden):
        return False
    return True
