"""Commands of pull requests: who may give them, and what becomes of them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from app.db.audit import AuditEntry
from app.db.pull_records import Pull
from app.db.records import FlowKey, Pin
from app.errors import BadRequest, HeadwaterError, Unavailable, Unsupported
from app.git.names import is_oid_prefix
from app.ports import Forge
from app.sync.model import Actor
from app.sync.planning.markdown import code
from app.sync.review.bench import Bench, forge_of
from app.sync.review.commands import HELP, Command, flow_named, read_commands
from app.sync.worker import SourceWorker

MAY = frozenset({"write", "admin"})
_DIGITS = 12
"""Of a commit id: so many nobody makes a second commit with in time."""


class PinVerbs(Protocol):
    """The verbs about pins that a pull request may ask for (implemented by `SyncService`)."""

    async def pin(
        self,
        tenant: str,
        namespace: str,
        flow_id: str,
        *,
        revision: int | None = None,
        commit: str | None = None,
        reason: str,
        actor: Actor,
    ) -> Pin:
        """Hold a flow at a revision."""
        ...

    async def unpin(self, tenant: str, namespace: str, flow_id: str, actor: Actor) -> None:
        """End that."""
        ...

    async def rollback(
        self,
        tenant: str,
        namespace: str,
        flow_id: str,
        *,
        to: str | int | None = None,
        reason: str,
        actor: Actor,
    ) -> Pin:
        """Pin a flow to an earlier revision."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """A command with what it is about."""

    worker: SourceWorker
    pull: Pull
    command: Command
    by: str
    """The login of who wants it; the forge was asked whether they may."""


Handler = Callable[[Order], Awaitable[str]]
"""Does what a command says; returns what is answered, "" when checks tell."""

Again = Callable[[SourceWorker, int, str], Awaitable[None]]
"""Reviews a pull request anew, for a cause."""


class Orders:
    """Obeys commands. `handlers` may be added to: previews are at home elsewhere."""

    def __init__(self, bench: Bench, pins: PinVerbs, again: Again) -> None:
        """`again` makes a new review."""
        self._bench = bench
        self._pins = pins
        self._again = again
        self.handlers: dict[str, Handler] = {
            "plan": self._review,
            "test": self._review,
            "ok-to-test": self._let_test,
            "pin": self._pin,
            "unpin": self._unpin,
            "rollback": self._rollback,
        }
        self._untold: dict[tuple[str, str], list[str]] = {}
        """Answers that the forge did not take yet, by source and comment."""

    async def obey(self, worker: SourceWorker, pull: Pull, comment_id: str) -> None:
        """Do what a comment says, as the forge has it; nobody else is believed what it says.

        Raises:
            Unavailable: when the forge does not answer.
        """
        forge = forge_of(worker)
        found = [each for each in await forge.comments(pull.number) if each.id == comment_id]
        commands = read_commands(found[0].body) if found else []
        if not commands:
            return
        await _acknowledge(forge, pull.number, comment_id)
        answers = self._untold.pop((worker.id, comment_id), [])
        try:
            for place, each in enumerate(commands):
                order = Order(worker, pull, each, found[0].author)
                answers.append(await self._answer_once(forge, order, (comment_id, place)))
        finally:  # what was done is told, even if the next one has to wait
            if told := "\n\n".join(filter(None, answers)):
                self._untold[worker.id, comment_id] = [told]
                await forge.comment(pull.number, told)
                del self._untold[worker.id, comment_id]

    async def press(self, worker: SourceWorker, pull: Pull, button: str, by: str, sha: str) -> None:
        """Do what a button of a check stands for; it holds for the commit that the check is of."""
        order, forge = Order(worker, pull, Command(button, (sha,)), by), forge_of(worker)
        if answer := await self._answer(order, may=await self._may(forge, order)):
            await forge.comment(pull.number, answer)

    async def _answer_once(self, forge: Forge, order: Order, which: tuple[str, int]) -> str:
        """Do a command unless that was begun before: `which` is its comment and its place there.

        A delivery may be heard twice, by two nodes, or after a crash; a second rollback would go
        one revision further back. What cannot be done yet counts as not begun: so does what nobody
        knows yet whether they may, for a forge may take long to say, and we may stop meanwhile.
        """
        store, source_id = self._bench.store, order.worker.id
        may = await self._may(forge, order)
        if not await store.begin_command(source_id, *which, self._bench.clock.now()):
            return ""
        try:
            return await self._answer(order, may=may)
        except HeadwaterError:
            await store.release_command(source_id, *which)
            raise

    async def _may(self, forge: Forge, order: Order) -> bool:
        """Whether the forge lets somebody command that; what is no command harms nobody."""
        is_known = order.command.name in self.handlers
        return not is_known or await forge.permission(order.by) in MAY

    async def _answer(self, order: Order, *, may: bool) -> str:
        name = order.command.name
        if name == "help":
            return HELP
        handler = self.handlers.get(name)
        if handler is None:
            return f"There is no command {code(name)}.\n\n{HELP}"
        if not may:
            return f"{code(f'/headwater {name}')} needs write permission for this repository."
        try:
            return await handler(order)
        except Unavailable:
            raise
        except HeadwaterError as error:
            return f"{code(f'/headwater {name}')}: {code(error.message)}"

    # -- what there is to do ---------------------------------------------------------------------

    async def _review(self, order: Order) -> str:
        pull = order.pull
        await self._again(order.worker, pull.number, "command")
        return ""

    async def _let_test(self, order: Order) -> str:
        sha = order.command.word(0, "the commit that may be tested").lower()
        # With fewer the author could make another commit, between the look and the word.
        if len(sha) < _DIGITS or not is_oid_prefix(sha):
            message = f"name the commit by at least {_DIGITS} of its digits"
            raise BadRequest(message)
        head = order.pull.head_sha
        if not head.startswith(sha):
            message = f"the head is {head[:12]} by now, not {sha[:12]}; look at it and say so again"
            raise BadRequest(message)
        await self._bench.store.approve(order.pull, head)
        await self._note(order, "pull.ok-to-test", {"sha": head})
        await self._again(order.worker, order.pull.number, "approved")
        return ""

    async def _pin(self, order: Order) -> str:
        key = await self._flow(order)
        wanted = order.command.word(1, "a revision or commit")
        number = int(wanted) if wanted.isdecimal() and len(wanted) < 7 else None
        pin = await self._pins.pin(
            *key,
            revision=number,
            commit=None if number is not None else wanted,
            reason=order.command.rest(2) or _reason(order),
            actor=_actor(order),
        )
        return f"{code('.'.join(key[1:]))} is pinned to revision {pin.revision}."

    async def _unpin(self, order: Order) -> str:
        key = await self._flow(order)
        await self._pins.unpin(*key, _actor(order))
        return f"{code('.'.join(key[1:]))} is not pinned any more."

    async def _rollback(self, order: Order) -> str:
        key = await self._flow(order)
        words = order.command.words
        pin = await self._pins.rollback(
            *key,
            to=words[1] if len(words) > 1 else None,
            reason=order.command.rest(2) or _reason(order),
            actor=_actor(order),
        )
        return f"{code('.'.join(key[1:]))} is rolled back to revision {pin.revision}."

    async def _flow(self, order: Order) -> FlowKey:
        """Return the flow that is meant; one of another repository is not theirs to command.

        Raises:
            BadRequest: when none is named, or that one does not come from here.
        """
        text = order.command.word(0, "a flow")
        key = flow_named(text, order.worker.spec.tenant)
        if await self._bench.workers.owner(*key[:2]) is not order.worker:
            message = f"namespace {key[1]} does not come from this repository"
            raise BadRequest(message)
        return key

    async def _note(self, order: Order, action: str, detail: Mapping[str, str]) -> None:
        entry = AuditEntry(
            tenant=order.worker.spec.tenant,
            at=self._bench.clock.now(),
            actor=order.by,
            action=action,
            target=f"pull/{order.worker.id}/{order.pull.number}",
            reason=_reason(order),
            detail=dict(detail),
        )
        await self._bench.audit.add(entry)


async def _acknowledge(forge: Forge, number: int, comment_id: str) -> None:
    try:
        await forge.acknowledge(number, comment_id)
    except Unavailable:
        raise
    except (Unsupported, HeadwaterError):
        return  # a courtesy


def _actor(order: Order) -> Actor:
    return Actor(order.by)


def _reason(order: Order) -> str:
    return f"pull request {order.pull.number}"
