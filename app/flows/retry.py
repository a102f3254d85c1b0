"""Retry policies: how often and how far apart a failed task run is tried again."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, model_validator

from app.flows.durations import format_duration
from app.flows.typed import Model, refuse
from app.flows.values import Duration


class RetryPolicy(Model):
    """What all retry policies have in common."""

    max_attempts: int | None = Field(
        None,
        ge=1,
        validation_alias=AliasChoices("maxAttempts", "maxAttempt"),
        description="Attempts in total, the first one included.",
    )
    max_duration: Duration | None = Field(
        None, description="No attempt starts later than this after the first one."
    )
    warning_on_retry: bool = Field(
        default=False, description="A success after a retry ends as WARNING."
    )
    behavior: Literal["RETRY_FAILED_TASK", "CREATE_NEW_EXECUTION"] = Field(
        "RETRY_FAILED_TASK", description="Retry the task run, or the whole flow anew."
    )
    idempotency: Literal["attempt", "taskrun"] = Field(
        "attempt",
        description="Whether each attempt has an idempotency key of its own, or all share one.",
    )

    def _less(self, name: str, limit: str) -> dict[str, str]:
        """Return the violation if the duration `name` is not below the duration `limit`."""
        value, bound = getattr(self, name), getattr(self, limit)
        if value is None or bound is None or value < bound:
            return {}
        own, other = (type(self).model_fields[field].alias for field in (name, limit))
        text = format_duration(value)
        return {name: f"'{own}' must be less than '{other}' but is {text}"}


class Constant(RetryPolicy):
    """The same time between attempts."""

    type: Literal["constant"] = Field("constant", description="The kind of policy.")
    interval: Duration = Field(description="The time between two attempts.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse(self, self._less("interval", "max_duration"))
        return self


class Exponential(RetryPolicy):
    """A growing time between attempts, up to a maximum: `interval × delayFactor^(attempts−1)`."""

    type: Literal["exponential"] = Field(description="The kind of policy.")
    interval: Duration = Field(description="The time before the second attempt.")
    max_interval: Duration = Field(description="The longest time between two attempts.")
    delay_factor: float = Field(2.0, gt=0, description="What each interval is multiplied by.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse(
            self,
            self._less("interval", "max_interval") or self._less("interval", "max_duration"),
        )
        return self


class Random(RetryPolicy):
    """A random time between attempts, drawn evenly between two bounds."""

    type: Literal["random"] = Field(description="The kind of policy.")
    min_interval: Duration = Field(description="The shortest time between two attempts.")
    max_interval: Duration = Field(description="The longest time between two attempts.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse(
            self,
            self._less("min_interval", "max_interval")
            or self._less("min_interval", "max_duration")
            or self._less("max_interval", "max_duration"),
        )
        return self


Retry = Annotated[Constant | Exponential | Random, Field(discriminator="type")]
"""Any retry policy."""


def delay(policy: RetryPolicy, attempts: int, chance: float) -> timedelta:
    """Return the time to wait after `attempts` attempts; `chance` in [0, 1) is the random draw.

    Exponential is `interval × factor^(attempts−1)` capped at `maxInterval`, as Kestra documents it
    (its code grows linearly, starting at nothing).
    """
    match policy:
        case Exponential():
            factor = min(policy.delay_factor ** min(attempts - 1, 64), 1e9)
            seconds = policy.interval.total_seconds() * factor
            return timedelta(seconds=min(seconds, policy.max_interval.total_seconds()))
        case Random():
            return policy.min_interval + chance * (policy.max_interval - policy.min_interval)
        case Constant():
            return policy.interval
        case _:
            raise TypeError(f"no such retry policy: {type(policy).__name__}")
