"""Changesets and drafts, on SQLite and PostgreSQL."""

from dataclasses import replace

import pytest

from app.db.changesets import Changeset, ChangesetStore
from app.db.database import Database
from app.db.drafts import DraftStore, StoredDraft
from app.errors import NotFound
from tests.db.conftest import KINDS

MADE = Changeset("c1", "main", "acme", "Title", "Ann", created_at=1, updated_at=1)
DRAFT = StoredDraft(
    "d1", "acme", "shop", "flow", "a", "main", "c" * 40, "b" * 40, "id: a", "Ann", None, 1, 1
)


pytestmark = pytest.mark.parametrize("place", KINDS[1:], indirect=True)


@pytest.fixture
def sql(database: Database | None) -> Database:
    assert database is not None
    return database


async def test_a_changeset_keeps_who_made_it(sql: Database) -> None:
    store, heard = ChangesetStore(sql), list[Changeset]()
    store.heard.append(heard.append)
    await store.save(MADE)
    later = replace(
        MADE, state="PR_OPEN", pull_number=7, commit_sha="s1", owner="Eve", updated_at=2
    )
    await store.save(later)
    assert await store.get("c1") == replace(later, owner="Ann")
    assert [each.state for each in heard] == ["DRAFT", "PR_OPEN"]
    with pytest.raises(NotFound):
        await store.get("none")


async def test_changesets_are_found(sql: Database) -> None:
    store = ChangesetStore(sql)
    rows = [
        replace(MADE, id="c2", state="ACTIVE", branch="headwater/x", commit_sha="s2"),
        replace(MADE, id="c3", state="ACTIVE", merged_sha="m3", pull_number=3),
        replace(MADE, id="c4", state="PUSHED", source_id="other", tenant="beta"),
        replace(MADE, id="c5", state="CLOSED"),
    ]
    for row in (MADE, *rows):
        await store.save(row)
    assert [each.id for each in await store.find(tenant="acme")] == ["c5", "c3", "c2", "c1"]
    assert [each.id for each in await store.find(states=["DRAFT", "CLOSED"])] == ["c5", "c1"]
    assert [each.id for each in await store.find(source_id="other")] == ["c4"]
    assert [each.id for each in await store.find(limit=1)] == ["c5"]
    assert [each.id for each in await store.unfinished()] == ["c4", "c2"], "c2 has its branch"
    assert await store.unfinished("none") == []
    assert await store.of_pull("main", 3) == [rows[1]]
    assert await store.of_commit("s2") == rows[0]
    assert await store.of_commit("m3") == rows[1]
    assert await store.of_commit("x") is None
    assert await store.verdict("main", 3, "h") is None


async def test_drafts_come_and_go(sql: Database) -> None:
    store = DraftStore(sql)
    other = replace(DRAFT, id="d2", owner="Bob", content=None)
    await store.save([DRAFT, other])
    await store.save([])
    assert await store.get("d2") == other
    assert await store.about(replace(DRAFT, id="new")) == DRAFT
    assert await store.about(replace(DRAFT, name="b")) is None
    await store.save([replace(DRAFT, changeset_id="c1", content="id: b", owner="Eve")])
    assert await store.in_changeset("c1") == [replace(DRAFT, changeset_id="c1", content="id: b")]
    assert await store.of("acme") == [other]
    assert await store.of("acme", "Ann") == []
    await store.release("c1")
    assert [each.id for each in await store.of("acme")] == ["d2", "d1"]
    await store.remove("d2")
    await store.save([replace(DRAFT, changeset_id="c1")])
    await store.remove_of("c1")
    assert await store.of("acme") == []
    with pytest.raises(NotFound):
        await store.get("d1")
