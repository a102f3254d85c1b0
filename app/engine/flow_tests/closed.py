"""What tests reach of the outside: nothing, unless a type of task is allowed to."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from fnmatch import fnmatchcase
from typing import NamedTuple, NoReturn
from urllib.parse import urlsplit

from app.errors import Unavailable
from app.ports import HttpAnswer, HttpCall, HttpClient, Runner, Runners


class Outside(NamedTuple):
    """The outside, for tasks of the types that match one of the patterns (`*` for anything)."""

    http: HttpClient
    runners: Runners
    types: Sequence[str]

    def open_to(self, task_type: str) -> bool:
        """Whether a task of this type may reach it."""
        return any(fnmatchcase(task_type, each) for each in self.types)


class Refusals:
    """What the tasks and expressions of one case tried to reach."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.told: list[str] = []

    def refuse(self, what: str) -> Unavailable:
        """Note it; return what is raised instead."""
        message = f"{what}, which tests do not: give the task a fixture"
        if message not in self.told:
            self.told.append(message)
        return Unavailable(message)


class NoHttp:
    """The `HttpClient` port: no call leaves."""

    inline_bytes = 0

    def __init__(self, refusals: Refusals) -> None:
        """Note every call in `refusals`."""
        self._refusals = refusals

    def send(self, call: HttpCall) -> AbstractAsyncContextManager[HttpAnswer]:
        """Refuse.

        Raises:
            Unavailable: always.
        """
        try:
            place = urlsplit(call.url).hostname or "nowhere"
        except ValueError:
            place = "nowhere"
        self._raise(f"{call.method} calls {place}")

    def _raise(self, what: str) -> NoReturn:
        raise self._refusals.refuse(what)

    async def close(self) -> None:
        """Do nothing: nothing is open."""


class NoRunners:
    """The `Runners` port: no program runs."""

    def __init__(self, refusals: Refusals) -> None:
        """Note every choice in `refusals`."""
        self._refusals = refusals

    def choose(self, kind: str | None, tenant: str = "") -> Runner:  # noqa: ARG002 - the port's
        """Refuse.

        Raises:
            Unavailable: always.
        """
        raise self._refusals.refuse(f"a script runs programs ({kind or 'process'})")


class NoTriggers:
    """The `Triggers` port: there are none to change."""

    async def set_disabled(
        self, tenant: str, namespace: str, flow_id: str, trigger: str, *, disabled: bool
    ) -> None:
        """Do nothing: triggers of a case do not fire anyway."""
