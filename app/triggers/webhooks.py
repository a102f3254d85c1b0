"""Webhooks of flows: a call with the right key starts the flow (reference §4.4).

The key is all there is of authentication. A wrong key and a flow that does not exist are answered
alike, and an address that guesses is soon refused altogether (security case 11).
"""

import hmac
import json
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.engine.preview import Preview
from app.errors import Conflict, Gone, HeadwaterError, NotFound, TooMany
from app.executions import Execution, execution_id
from app.flows.condition_rules import Context, holds_quietly, is_true
from app.flows.trigger_types import Webhook
from app.flows.values import is_template
from app.ports import Clock, LoadedFlow
from app.telemetry import METRICS, get_logger
from app.triggers.parts import TriggerParts
from app.triggers.reconciling import Reconciler
from app.triggers.starts import Fire, start

_LOG = get_logger(__name__)
_MINUTE = 60 * 1_000_000
_ANSWERING = ("wait", "return_outputs", "response_content_type", "response_code")
_ADDRESSES = 10_000
"""Addresses whose wrong keys are counted; the oldest are forgotten."""


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """A call, as it came."""

    tenant: str
    namespace: str
    flow_id: str
    key: str
    address: str
    """Where it came from."""
    body: bytes
    headers: Mapping[str, Sequence[str]]
    parameters: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class WebhookStart:
    """What a call has started (None: the conditions are false), and how to answer it."""

    execution: Execution | None
    trigger: Webhook


class Guesses:
    """Wrong keys by address, within the last minute."""

    def __init__(self, clock: Clock, most: int) -> None:
        """Refuse an address after `most` wrong keys."""
        self._clock = clock
        self._most = most
        self._times: OrderedDict[str, deque[int]] = OrderedDict()

    def check(self, address: str) -> None:
        """Refuse an address that has guessed too often; raises `TooMany`."""
        times = self._times.get(address)
        if times is None:
            return
        while times and times[0] <= self._clock.now() - _MINUTE:
            times.popleft()
        if len(times) >= self._most:
            METRICS.limits_reached.labels("webhook_keys").inc()
            seconds = 1 + (times[0] + _MINUTE - self._clock.now()) // 1_000_000
            message = "too many wrong keys from this address; try again later"
            raise TooMany(message, retry_after=seconds)

    def wrong(self, address: str) -> None:
        """Count a wrong key."""
        times = self._times.setdefault(address, deque(maxlen=self._most))
        times.append(self._clock.now())
        self._times.move_to_end(address)
        if len(self._times) > _ADDRESSES:
            self._times.popitem(last=False)


class Webhooks:
    """Takes calls of webhooks."""

    def __init__(self, parts: TriggerParts, reconciler: Reconciler, wrong_keys: int) -> None:
        """Work on these parts; an address may send so many wrong keys a minute."""
        self._parts = parts
        self._reconciler = reconciler
        self._guesses = Guesses(parts.clock, wrong_keys)

    def check(self, address: str) -> None:
        """Refuse an address that guesses keys, before anything is read; raises `TooMany`."""
        self._guesses.check(address)

    async def receive(self, call: WebhookCall) -> WebhookStart:
        """Start the flow of a call, if its conditions hold.

        Raises:
            NotFound: when there is no such flow, or no webhook with this key in it.
            Conflict: when the flow or its webhook is disabled.
            TooMany: when the address has sent too many wrong keys, or there is too much to do.
            Invalid: when the inputs that the trigger gives are wrong.
            Unavailable: when something around the flow cannot be read now.
        """
        self.check(call.address)
        loaded, trigger, preview = await self._found(call)
        await self._refuse_disabled(call, loaded, trigger)
        variables = _variables(call)
        if not await self._holds(loaded, trigger, preview, variables):
            return WebhookStart(None, trigger)
        rendered = await _answering(trigger, preview, variables)
        fire = Fire(
            loaded,
            trigger,
            execution_id(),  # each call is one of its own
            variables,
            trigger.inputs,
            lenient=trigger.inputs is None,
        )
        started = await start(self._parts, fire, preview)
        return WebhookStart(started.execution, rendered)

    async def _found(self, call: WebhookCall) -> tuple[LoadedFlow, Webhook, Preview]:
        try:
            found = await self._parts.flows.current(call.tenant, call.namespace, call.flow_id)
            loaded = found.complete()
        except (NotFound, Gone):
            hmac.compare_digest(call.key.encode(), call.key.encode())
            raise self._wrong(call) from None
        for trigger in loaded.flow.triggers:
            if isinstance(trigger, Webhook):
                preview = await self._reconciler.preview(loaded, trigger)
                if await _fits(trigger, preview, call.key):
                    return loaded, trigger, preview
        raise self._wrong(call)

    def _wrong(self, call: WebhookCall) -> NotFound:
        self._guesses.wrong(call.address)
        message = f"there is no webhook of {call.namespace}.{call.flow_id} with this key"
        return NotFound(message)

    async def _refuse_disabled(
        self, call: WebhookCall, loaded: LoadedFlow, trigger: Webhook
    ) -> None:
        if loaded.flow.disabled:
            message = f"flow {call.namespace}.{call.flow_id} is disabled"
            raise Conflict(message)
        key = (call.tenant, call.namespace, call.flow_id, trigger.id)
        state = await self._parts.store.get(key)
        if trigger.disabled or (state is not None and state.disabled):
            message = f"trigger {trigger.id} of {call.namespace}.{call.flow_id} is disabled"
            raise Conflict(message)

    async def _holds(
        self, loaded: LoadedFlow, trigger: Webhook, preview: Preview, variables: dict[str, Any]
    ) -> bool:
        async def render(template: str, **extra: Any) -> str:
            return await preview.public(template, **{"trigger": variables, **extra})

        def warn(reason: str) -> None:
            _LOG.warning("a condition failed", trigger=trigger.id, reason=reason)

        revision = loaded.revision
        context = Context(render, revision.namespace, revision.flow_id, warn=warn)
        if not await holds_quietly(trigger.conditions, context):
            return False
        return trigger.when is None or is_true(await render(trigger.when))


async def _fits(trigger: Webhook, preview: Preview, given: str) -> bool:
    try:
        key = (await preview.text(trigger.key)).strip()
    except HeadwaterError as error:
        _LOG.warning("the key of a webhook", trigger=trigger.id, reason=error.message)
        return False
    return bool(key) and hmac.compare_digest(key.encode(), given.encode("utf-8", "replace"))


def _variables(call: WebhookCall) -> dict[str, Any]:
    variables: dict[str, Any] = {
        "headers": {name: list(values) for name, values in call.headers.items()},
        "parameters": {name: list(values) for name, values in call.parameters.items()},
    }
    if call.body:
        variables["body"] = _document(call.body.decode("utf-8", "replace"))
    return variables


def _document(text: str) -> Any:
    """Return the object or the list that a text is the JSON of, else the text."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


async def _answering(trigger: Webhook, preview: Preview, variables: Mapping[str, Any]) -> Webhook:
    """Return the trigger with those properties rendered that say how to answer."""
    if not any(map(is_template, (getattr(trigger, name) for name in _ANSWERING))):
        return trigger
    rest = trigger.model_copy(update={"key": "", "inputs": None, "labels": [], "conditions": []})
    return await preview.renderer.once(rest, {**preview.variables, "trigger": variables})
