"""Executions that executions start: subflows, and the next attempts of retried ones.

Implements `Subflows`, the seam of the walker.
"""

from collections import Counter
from dataclasses import replace
from typing import Any, Final

from app.engine.calls import child_id
from app.engine.cascades import Cascades
from app.engine.creation import CORRELATION, Creation, NewExecution
from app.engine.executor import Executor
from app.engine.limits import Limits
from app.engine.live import Live
from app.engine.places import Place
from app.engine.renewal import renewed_id
from app.engine.replay import Restarts
from app.errors import HeadwaterError, Invalid, NotFound
from app.executions import Execution, State
from app.flows.model import Task
from app.plugins.api import SubflowCall
from app.ports import RevisionPolicy, Use
from app.telemetry import METRICS

_ROOTS = 10_000
"""Roots whose descendants are counted; the oldest are forgotten."""
_ASKED: Final[tuple[Use, ...]] = ("secrets", "kv", "files")
"""What functions of expressions bring."""


class SubflowCalls:
    """Starts and finds the executions of subflows."""

    def __init__(
        self,
        executor: Executor,
        creation: Creation,
        restarts: Restarts,
        limits: Limits,
        cascades: Cascades,
        policy: RevisionPolicy,
    ) -> None:
        """Create, restart and kill through these, within `limits`; `policy` chooses revisions."""
        self._executor = executor
        self._creation = creation
        self._restarts = restarts
        self._limits = limits
        self._cascades = cascades
        self._policy = policy
        self._descendants: Counter[str] = Counter()

    async def start(self, parent: Place, call: SubflowCall) -> str:
        """Start a subflow once for a task run; its id follows from the task run."""
        execution = parent.live.execution
        if execution.depth + 1 > self._limits.subflow_depth:
            message = f"subflows are nested more than {self._limits.subflow_depth} deep"
            METRICS.limits_reached.labels("subflow_depth").inc()
            raise Invalid(message)
        child = child_id(parent, call.part, restart=call.restart)
        if await self._executor.exists(child):
            return child
        await self.ask(execution, call.namespace)
        self._count(execution)
        new = replace(
            self._child(parent.task, execution, call, child),
            commit=await self._commit(execution, call),
            secrets=frozenset(parent.live.secrets.whole),
            starter=parent.live,
        )
        try:
            await self._creation.create(new)
        except HeadwaterError:
            self._count(execution, -1)
            raise
        return child

    async def ask(self, parent: Execution, namespace: str) -> None:
        """Ask a namespace whether an execution may start its flows; raises `Forbidden`."""
        await self._executor.identity(parent).ask(namespace, "execute")

    async def _commit(self, parent: Execution, call: SubflowCall) -> str | None:
        """Return the commit that a subflow runs at; None: its own revision, or the active one."""
        if call.revision is not None:
            return None
        target = (parent.tenant, call.namespace, call.flow_id)
        return await self._policy.subflow_commit(parent.flow_key, parent.commit, target)

    def _count(self, parent: Execution, more: int = 1) -> None:
        """Count one more execution below the root of `parent`, or one that came to nothing."""
        root = dict(parent.labels).get(CORRELATION, parent.id)
        if self._descendants[root] + more > self._limits.descendants:
            message = f"{self._limits.descendants} executions were started below {root} already"
            METRICS.limits_reached.labels("descendants").inc()
            raise Invalid(message)
        self._descendants[root] += more
        if len(self._descendants) > _ROOTS:
            del self._descendants[next(iter(self._descendants))]

    def _child(self, task: Task, parent: Execution, call: SubflowCall, child: str) -> NewExecution:
        labels = [
            label for label in parent.labels if call.inherit_labels or label.key == CORRELATION
        ]
        variables = {
            "executionId": parent.id,
            "namespace": parent.namespace,
            "flowId": parent.flow_id,
            "flowRevision": parent.revision,
        }
        return NewExecution(
            tenant=parent.tenant,
            namespace=call.namespace,
            flow_id=call.flow_id,
            revision=call.revision,
            inputs=call.inputs,
            labels=[*labels, *call.labels.items()],
            trigger={"id": task.id, "type": task.type, "variables": variables},
            schedule_date=call.schedule_date,
            id=child,
            parent=parent,
        )

    async def ended(self, wanted: str) -> Execution | None:
        """Return the execution if it has ended, as committed; of a RETRIED one the last."""
        execution = await self._executor.get(wanted)
        while execution.state is State.RETRIED and execution.anew is not None:
            try:
                execution = await self._executor.get(renewed_id(execution))
            except NotFound:
                return execution if execution.over else None
        return execution if execution.state.terminal else None

    async def renew(self, execution: Execution) -> None:
        """Create the execution that takes the place of a RETRIED one, once."""
        made_id = renewed_id(execution)
        if await self._executor.exists(made_id):
            return
        await self._creation.create(
            NewExecution(
                execution.tenant,
                execution.namespace,
                execution.flow_id,
                revision=execution.revision,
                inputs=execution.inputs,
                labels=execution.labels,
                trigger=execution.trigger,
                id=made_id,
                variables=execution.variables,
                chain=execution.chain,
                copy_of=execution,
                keeps_commit=True,
                renews=True,
            )
        )

    async def kill(self, execution: Execution) -> None:
        """Kill what an execution has started, and what that has started."""
        await self._cascades.reach(execution)

    async def render(self, parent: Live, wanted: str, value: Any) -> Any:
        """Render a structure as an execution that has ended sees it, for the one that started it.

        Its functions answer as there only where `parent` might ask the same from afar.
        """
        execution = await self._executor.get(wanted)
        who = self._executor.identity(parent.execution)
        as_there = [await who.may(execution.namespace, use) for use in _ASKED]
        return await self._executor.render(execution, value, parent, as_there=all(as_there))

    async def restart(self, parent: Live, wanted: str) -> Execution:
        """Let an execution that failed go on, if it may still be started."""
        execution = parent.execution
        await self.ask(execution, (await self._executor.get(wanted)).namespace)
        await parent.durable()  # a parent that is refused restarts nothing
        return await self._restarts.restart(execution.tenant, wanted, "original", starter=parent)
