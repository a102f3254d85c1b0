"""The chain: what was changed, deleted, inserted or cut off is named by its first bad entry."""

import asyncio
import hashlib
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.audit import AuditEntry, AuditFilter
from app.db.audit_chain import FIELDS, Broken, Head, beginning, following
from app.db.audit_ledger import Upkeep
from app.db.audit_proof import Prover
from app.db.database import Database
from app.db.read_only import reading
from app.db.sql import Write
from app.errors import Fenced
from tests.audit.conftest import KEY, Book, tamper

COUNT = 12


async def test_untouched_chains_hold(book: Book) -> None:
    await book.write("main", COUNT)
    await book.write("", 3)
    await book.ledger.anchor()
    await book.write("main", 2)
    proofs = {each.tenant: each for each in await book.ledger.prove()}
    assert {name: (each.entries, each.anchored) for name, each in proofs.items()} == {
        "": (3, 3),
        "main": (COUNT + 2, COUNT),
    }
    assert all(each.holds for each in proofs.values())


async def test_an_entry_belongs_to_its_place(book: Book) -> None:
    await book.write("main", 2)
    await book.ledger.seal()
    (entry,) = await book.store.search(AuditFilter("main"), 1)
    columns = {name: getattr(entry, name) for name in FIELDS} | {"detail": "{}"}
    first = following(beginning("main"), columns)
    assert first != following(beginning("other"), columns)
    assert first.hash != following(Head(1, beginning("main").hash), columns).hash
    assert first.hash != following(beginning("main"), columns | {"reason": "another"}).hash


@pytest.mark.parametrize("column", FIELDS)
async def test_any_changed_column_is_found(book: Book, column: str) -> None:
    await book.write("main", 5)
    await book.ledger.anchor()
    victim = "(SELECT entry_id FROM audit_seal WHERE tenant = 'main' AND seq = 3)"
    value = "at + 1" if column == "at" else "'x' || COALESCE(" + column + ", '')"
    statements = [f"UPDATE audit SET {column} = {value} WHERE id = {victim}"]
    book.tamper(*statements)
    assert ("main", 3) in await book.problems()


async def test_a_deleted_entry_is_found(book: Book) -> None:
    await book.write("main", 5)
    await book.ledger.anchor()
    book.tamper(
        "DELETE FROM audit WHERE id = (SELECT entry_id FROM audit_seal WHERE seq = 2)",
        "DELETE FROM audit_seal WHERE seq = 2",
    )
    assert await book.problems() == [("main", 2)]


async def test_a_cut_off_tail_is_found_by_the_anchors_outside(book: Book) -> None:
    await book.write("main", 5)
    await book.ledger.anchor()
    book.tamper(
        "DELETE FROM audit WHERE id IN (SELECT entry_id FROM audit_seal WHERE seq > 3)",
        "DELETE FROM audit_seal WHERE seq > 3",
        "DELETE FROM audit_anchor",
    )
    assert await book.problems() == [("main", 4)]


async def test_a_whole_chain_that_is_gone_is_found(book: Book) -> None:
    await book.write("main", 5)
    await book.ledger.anchor()
    book.tamper(*(f"DELETE FROM {each}" for each in ("audit", "audit_seal", "audit_anchor")))
    assert await book.problems() == [("main", 1)]


async def test_a_chain_that_was_made_anew_is_found(book: Book) -> None:
    await book.write("main", 3)
    await book.ledger.anchor()
    await book.write("main", 3)
    await book.ledger.anchor()
    _reseal(book.folder / "headwater.sqlite", changed=5)
    assert await book.problems() == [("main", 4)]


async def test_an_anchor_that_we_did_not_sign_is_found(book: Book) -> None:
    await book.write("main", 3)
    await book.ledger.anchor()
    book.tamper("UPDATE audit_anchor SET hash = 'ab'")
    assert await book.problems() == [("main", 3)]


async def test_an_entry_that_was_inserted_into_the_past_is_found(book: Book) -> None:
    await book.write("main", 3)
    await book.ledger.anchor()
    book.tamper(
        "INSERT INTO audit (id, tenant, at, actor, action, target, reason, detail)"
        " VALUES ('00abc', 'main', 5, 'eve', 'flow.pin', 'flow/a.b', '', '{}')"
    )
    assert await book.problems() == [("main", None)]
    await book.ledger.start()  # nor does a start take it for one that was left
    await book.ledger.stop()
    assert await book.problems() == [("main", None)]


async def test_what_a_killed_process_left_is_sealed_at_the_start(book: Book) -> None:
    await book.write("main", 2)
    await book.ledger.seal()
    await book.write("main", 2)
    await book.ledger.start()
    (proof,) = await book.ledger.prove("main")
    assert (proof.entries, proof.pending) == (4, 0)
    await book.ledger.stop()


async def test_entries_of_before_there_was_a_chain_are_sealed(book: Book) -> None:
    await book.store.add(AuditEntry("main", 1, "ada", "flow.pin", "flow/a.b", id="00old"))
    await book.ledger.start()
    await book.ledger.stop()
    assert await book.problems() == []


async def test_two_sealers_take_turns(book: Book) -> None:
    other = Book(book.folder, book.database, book.ledger._upkeep)
    for _ in range(5):
        await book.write("main", 7)
        await asyncio.gather(book.ledger.seal(), other.ledger.seal())
    (proof,) = await other.ledger.prove("main")
    assert (proof.entries, proof.holds) == (35, True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'eve'",
        "DELETE FROM audit",
        "UPDATE audit_seal SET hash = ''",
        "DELETE FROM audit_seal",
        "DELETE FROM audit_anchor",
        "UPDATE audit_anchor SET seq = 1",
    ],
)
async def test_the_tables_are_append_only(book: Book, statement: str) -> None:
    await book.write("main", 2)
    await book.ledger.anchor()
    with pytest.raises(Fenced, match="append-only"):
        await book.database.submit([Write(statement, [()])])


# -- any change ----------------------------------------------------------------------------------

EDITS = ("actor", "action", "target", "reason", "detail", "at")


@settings(max_examples=60)
@given(st.data())
def test_whatever_is_changed_the_first_bad_entry_is_named(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "headwater.sqlite")
        shutil.copy(_sample(), file)
        seq = data.draw(st.integers(1, COUNT), label="entry")
        deed = data.draw(st.sampled_from(["edit", "delete", "forget", "cut", "swap"]), label="deed")
        tamper(file, _deeds(data, deed, seq))
        found = asyncio.run(_prove(Path(folder)))
    assert [problem.seq for problem in found] == [seq]


def _deeds(data: st.DataObject, deed: str, seq: int) -> list[str]:
    victim = f"(SELECT entry_id FROM audit_seal WHERE seq = {seq})"
    if deed == "edit":
        column = data.draw(st.sampled_from(EDITS), label="column")
        value = "at + 1" if column == "at" else f"{column} || ' '"
        return [f"UPDATE audit SET {column} = {value} WHERE id = {victim}"]
    if deed == "delete":
        return [f"DELETE FROM audit WHERE id = {victim}"]
    if deed == "forget":
        return [
            f"DELETE FROM audit WHERE id = {victim}",
            f"DELETE FROM audit_seal WHERE seq = {seq}",
        ]
    if deed == "cut":
        return [
            f"DELETE FROM audit WHERE id IN (SELECT entry_id FROM audit_seal WHERE seq >= {seq})",
            f"DELETE FROM audit_seal WHERE seq >= {seq}",
        ]
    return [f"UPDATE audit_seal SET hash = upper(hash) || 'x' WHERE seq = {seq}"]


async def _prove(folder: Path) -> list[Broken]:
    async with reading(None, folder) as reader:
        proofs = await Prover(reader, key=KEY).prove("main")
    return proofs[0].problems


_SAMPLES: list[Path] = []


def _sample() -> Path:
    """Return a database file with a chain, made once."""
    if not _SAMPLES:
        folder = Path(tempfile.mkdtemp())
        asyncio.run(_make(folder))
        _SAMPLES.append(folder / "headwater.sqlite")
    return _SAMPLES[0]


async def _make(folder: Path) -> None:
    database = Database.at(None, folder)
    await database.open()
    book = Book(folder, database, Upkeep())
    await book.write("main", COUNT)
    await book.ledger.anchor()
    await database.close()


def _reseal(file: Path, *, changed: int) -> None:
    """Change an entry and make the chain anew, as somebody does who knows how it is made."""
    victim = f"(SELECT entry_id FROM audit_seal WHERE seq = {changed})"
    tamper(file, [f"UPDATE audit SET actor = 'eve' WHERE id = {victim}"])
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        head = beginning("main")
        rows = connection.execute(
            "SELECT a.* FROM audit a JOIN audit_seal s ON s.entry_id = a.id ORDER BY s.seq"
        ).fetchall()
        for row in rows:
            head = following(head, dict(row))
            connection.execute(
                "UPDATE audit_seal SET hash = ? WHERE seq = ?", (head.hash, head.seq)
            )
        connection.commit()


def test_the_beginning_names_the_tenant() -> None:
    assert beginning("a").hash == hashlib.sha256(b"headwater audit a").hexdigest()
