"""`checks` of a flow: conditions on what an execution is about to start with (reference §1.8)."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from app.engine.rendering import Renderer, reason
from app.errors import HeadwaterError, Invalid
from app.expressions import truthy
from app.flows.policies import Check

BLOCK = "BLOCK_EXECUTION"
FAIL = "FAIL_EXECUTION"


class FailedCheck(NamedTuple):
    """A check whose condition is false: what the user is told, and what becomes of it."""

    message: str
    style: str
    behavior: str


async def failed_checks(
    checks: Sequence[Check], variables: Mapping[str, Any], renderer: Renderer
) -> list[FailedCheck]:
    """Return the checks that do not hold. One that cannot be evaluated blocks the execution."""
    failed = []
    for check in checks:
        try:
            held = truthy(await renderer.text(check.condition, variables))
        except HeadwaterError as error:
            message = f"Failed to evaluate check condition: {reason(error)}"
            failed.append(FailedCheck(message, "ERROR", BLOCK))
            continue
        if not held:
            message = await _message(check, variables, renderer)
            failed.append(FailedCheck(message, check.style, check.behavior))
    return failed


async def _message(check: Check, variables: Mapping[str, Any], renderer: Renderer) -> str:
    try:
        return await renderer.text(check.message, variables)
    except HeadwaterError:
        return check.message


def verdict(failed: Sequence[FailedCheck]) -> str | None:
    """Return why an execution is to be created as FAILED; None when it may run.

    Raises:
        Invalid: when it is not to be created at all; with the message of every check that says so.
    """
    blocking = [check.message for check in failed if check.behavior == BLOCK]
    if blocking:
        raise Invalid("\n".join(blocking))
    failing = [check.message for check in failed if check.behavior == FAIL]
    return "\n".join(failing) if failing else None
