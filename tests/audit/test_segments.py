"""Closed segments: what is kept no longer leaves a summary, and a file that proves itself."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.db import audit_proof, audit_segments
from app.db.audit import AuditEntry, AuditFilter
from app.db.audit_chain import Link
from app.db.audit_segments import segments
from tests.audit.conftest import Book

FORGED = (
    "INSERT INTO audit_segment SELECT tenant, 7, 7, last_hash, last_hash, 1, 1, 1, '', '', ''"
    " FROM audit_segment WHERE last_seq = 6"
)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_segments, "LONGEST", 4)


async def filled(book: Book) -> None:
    await book.write("main", 6, days_ago=40)
    await book.write("main", 3)
    await book.ledger.anchor()


async def test_what_is_old_is_closed(book: Book) -> None:
    await filled(book)
    made = await book.ledger.close_old()
    assert [(each.first_seq, each.last_seq) for each in made] == [(1, 4), (5, 6)]
    assert len(await book.store.search(AuditFilter("main", action="flow.pin"), 100)) == 3
    (proof,) = await book.ledger.prove("main", archives=True)
    assert (proof.holds, proof.closed, proof.entries) == (True, 6, 5)
    closed = await book.store.search(AuditFilter("main", action="audit.close"), 10)
    assert {each.target for each in closed} == {"audit/1-4", "audit/5-6"}


async def test_all_of_a_chain_may_be_closed(book: Book) -> None:
    await book.write("main", 3, days_ago=40)
    await book.ledger.anchor()
    await book.ledger.close_old()
    await book.write("main", 2)
    (proof,) = await book.ledger.prove("main", archives=True)
    assert (proof.holds, proof.closed, proof.entries) == (True, 3, 3)


async def test_what_is_closed_while_it_is_verified_is_not_missing(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(book)
    walked = audit_proof.links

    async def walked_while_it_is_closed(*of: Any) -> AsyncIterator[Link]:
        await book.ledger.close_old()
        async for link in walked(*of):
            yield link

    monkeypatch.setattr(audit_proof, "links", walked_while_it_is_closed)
    (proof,) = await book.ledger.prove("main")
    assert (proof.holds, proof.closed, proof.entries) == (True, 6, 3)


async def test_nothing_is_closed_that_does_not_hold(book: Book) -> None:
    await filled(book)
    book.tamper(
        "UPDATE audit SET actor = 'eve' WHERE id = (SELECT entry_id FROM audit_seal WHERE seq = 1)"
    )
    assert await book.ledger.close_old() == []
    assert await book.problems("main") == [("main", 1)]


@pytest.mark.parametrize(
    ("deed", "seq"),
    [
        ("UPDATE audit_segment SET last_hash = previous_hash WHERE first_seq = 1", 1),
        ("UPDATE audit_segment SET first_seq = 4 WHERE first_seq = 5", 4),
        ("DELETE FROM audit_segment WHERE first_seq = 1", 5),
        ("DELETE FROM audit_segment", 1),
        (FORGED, 7),
    ],
)
async def test_a_summary_that_was_changed_is_found(book: Book, deed: str, seq: int) -> None:
    await filled(book)
    await book.ledger.close_old()
    book.tamper(deed)
    assert ("main", seq) in await book.problems("main")


def _spoil(book: Book, changed: str, removed: str) -> None:
    files = Path(book.folder, "audit", "files")
    file = files.joinpath(*changed.split("/")[3:])
    file.write_bytes(file.read_bytes().replace(b"shop.f2", b"shop.f9"))
    files.joinpath(*removed.split("/")[3:]).unlink()


async def test_a_file_that_was_changed_is_found(book: Book) -> None:
    await filled(book)
    await book.ledger.close_old()
    first, second = await segments(book.database, "main")
    _spoil(book, first.archive, second.archive)
    (proof,) = await book.ledger.prove("main", archives=True)
    assert [(each.seq, each.what) for each in proof.problems] == [
        (3, proof.problems[0].what),
        (5, "the file of entries 5 to 6 is not there"),
    ]


async def test_an_export_goes_on_after_what_is_closed(book: Book) -> None:
    await filled(book)
    await book.ledger.close_old()
    found = [each.seq async for each in book.ledger.lines("main")]
    assert found == [7, 8, 9, 10, 11]


async def test_all_is_kept_without_a_limit(book: Book) -> None:
    await book.store.add(AuditEntry("main", 1, "ada", "flow.pin", "flow/a.b"))
    endless = Book(book.folder, book.database, type(book.ledger._upkeep)())
    await endless.ledger.seal()
    assert await endless.ledger.close_old() == []
