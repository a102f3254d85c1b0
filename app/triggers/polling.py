"""Polling: a service is called again and again, and its answer may start the flow."""

import codecs
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from email.message import Message
from typing import Any, cast

from app.db.trigger_records import TriggerState
from app.engine.preview import Preview
from app.errors import HeadwaterError
from app.expressions import truthy
from app.flows.condition_rules import Context, all_hold, is_true
from app.flows.encryption import sealing
from app.flows.schedule_dates import moment
from app.flows.trigger_types import HttpTrigger
from app.flows.zoned import zoned_text
from app.plugins.api import RunContext, TaskFailed
from app.plugins.core.http_answer import first_outputs
from app.plugins.core.http_call import build_call
from app.plugins.http import HttpFailure
from app.ports import HttpAnswer, LoadedFlow
from app.telemetry import METRICS, get_logger
from app.triggers.dates import LEAST_POLL, seeing
from app.triggers.parts import TriggerParts
from app.triggers.starts import Fire, Started, start_or_tell, tell

_LOG = get_logger(__name__)
_MICROSECOND = timedelta(microseconds=1)
MAX_BODY = 1024 * 1024
"""The longest answer (bytes) of a polled service."""


class _Caller:
    """What the building of a call asks of whoever makes it."""

    headers: Mapping[str, str] = {}

    def __init__(self, tenant: str) -> None:
        """Call for a tenant."""
        self.tenant = tenant

    def get_file(self, uri: str) -> AsyncIterator[bytes]:
        """Refuse: a trigger has no files."""
        raise TaskFailed(f"a trigger cannot read the file {uri}")


class Polls:
    """Evaluates polling triggers that are due."""

    def __init__(self, parts: TriggerParts) -> None:
        """Work on these parts."""
        self._parts = parts

    async def evaluate(
        self, state: TriggerState, loaded: LoadedFlow, trigger: HttpTrigger, preview: Preview
    ) -> tuple[TriggerState, Started | None]:
        """Call the service, and start the flow if its answer says so.

        Returns: the state with the time of the next call, and what was started.

        Raises:
            TooMany, Unavailable: when it has to be tried again later.
            NotFound, Gone, Conflict: when the flow is not there any more, or disabled.
        """
        planned = state.next_at or self._parts.clock.now()
        fire = Fire(loaded, trigger, zoned_text(moment(planned)), {}, lenient=True)
        started = await self._poll(fire, trigger, preview)
        interval = max(trigger.interval, LEAST_POLL) // _MICROSECOND
        return replace(state, date=planned, next_at=self._parts.clock.now() + interval), started

    async def _poll(self, fire: Fire, trigger: HttpTrigger, preview: Preview) -> Started | None:
        try:
            context = seeing(preview, trigger, {})
            if not await _wanted(trigger, context):
                return None
            answer = await self._answer(trigger, preview, fire.loaded.revision.tenant)
            if answer is None or not await self._accepted(trigger, preview, answer):
                return None
        except HeadwaterError as error:
            return await tell(self._parts, fire, error.message)
        return await start_or_tell(
            self._parts, replace(fire, variables=self._kept(trigger, answer)), preview
        )

    async def _answer(
        self, trigger: HttpTrigger, preview: Preview, tenant: str
    ) -> dict[str, Any] | None:
        """Return what the service answers; None when it cannot be called, which is no failure."""
        try:
            call_only = trigger.model_copy(update={"response_condition": ""})
            rendered = await preview.renderer.once(call_only, preview.variables)
            # All that it asks of its context are headers and files.
            call = await build_call(rendered, cast("RunContext", _Caller(tenant)))
            async with self._parts.http.send(call) as answer:
                METRICS.http_calls.labels("answered").inc()
                return await _outputs(answer, call.url)
        except (HttpFailure, TaskFailed) as failure:
            METRICS.http_calls.labels("failed").inc()
            _LOG.warning("a polled service did not answer", trigger=trigger.id, reason=str(failure))
            return None

    async def _accepted(
        self, trigger: HttpTrigger, preview: Preview, answer: Mapping[str, Any]
    ) -> bool:
        response = {
            "statusCode": answer["code"],
            "body": answer["body"],
            "headers": answer["headers"],
        }
        return truthy(await preview.public(trigger.response_condition, response=response))

    def _kept(self, trigger: HttpTrigger, answer: dict[str, Any]) -> dict[str, Any]:
        if not trigger.encrypt_body:
            return answer
        return {**answer, "body": sealing(self._parts.cipher)(answer["body"])}


async def _wanted(trigger: HttpTrigger, context: Context) -> bool:
    if not await all_hold(trigger.conditions, context):
        return False
    return trigger.when is None or is_true(await context.render(trigger.when))


async def _outputs(answer: HttpAnswer, uri: str) -> dict[str, Any]:
    outputs = first_outputs(answer, uri)
    types = outputs["headers"].get("content-type", [""])
    data = await answer.read(MAX_BODY + 1)
    if len(data) > MAX_BODY:
        raise TaskFailed(f"the answer of {uri} is longer than {MAX_BODY} bytes")
    return {**outputs, "body": data.decode(_charset(types[0]), "replace")}


def _charset(content_type: str) -> str:
    header = Message()
    header["content-type"] = content_type or "text/plain"
    name = header.get_content_charset("utf-8")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "utf-8"
