"""Entries that are sealed late: after an outage, from a long queue, beside a node that closed."""

from app.db.audit import AuditEntry
from app.db.audit_sealing import LATE, RECENT, Sealer
from app.executions import first_id
from tests.audit.conftest import Book

SECOND = 1_000_000


class Hand:
    """A clock that is set by hand."""

    def __init__(self, at: int) -> None:
        self.at = at

    def now(self) -> int:
        return self.at


async def wrote(book: Book, at: int) -> None:
    """Write an entry whose id was made at a time."""
    entry = AuditEntry("main", at, "ada", "flow.pin", "flow/a.b", id=first_id(at)[:-1] + "z")
    await book.store.add(entry)


async def test_what_was_written_before_an_outage_is_sealed_after_it(book: Book) -> None:
    clock = Hand(book.clock.now())
    sealer = Sealer(book.database, clock)
    await sealer.seal()
    await wrote(book, clock.at)
    clock.at += 20 * LATE  # nobody could reach the database, or the machine slept
    assert await sealer.seal() == 1


async def test_what_stood_in_a_long_queue_is_sealed_in_minutes(book: Book) -> None:
    clock = Hand(book.clock.now())
    sealer = Sealer(book.database, clock)
    for _ in range(10):
        await sealer.seal()
        clock.at += SECOND
    await wrote(book, clock.at - 4 * RECENT)
    assert await sealer.seal() == 0  # looking that far back each second would take long
    clock.at += LATE // 2
    assert await sealer.seal() == 1


async def test_a_head_of_before_a_part_was_closed_is_not_gone_on_from(book: Book) -> None:
    clock = Hand(book.clock.now())
    sealer = Sealer(book.database, clock)  # of another node
    await book.write("main", 2, days_ago=40)
    await sealer.seal()
    await book.write("main", 2, days_ago=40)
    await book.ledger.anchor()
    assert len(await book.ledger.close_old()) == 1
    await book.ledger.seal()
    clock.at = book.clock.now() + LATE
    await book.write("main", 1)
    assert await sealer.seal() == 1
    (proof,) = await book.ledger.prove("main")
    assert (proof.holds, proof.closed, proof.entries) == (True, 4, 2)
