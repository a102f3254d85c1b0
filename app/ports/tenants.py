"""What is said of tenants, as far as executions have to know it."""

from typing import Final, Literal, NamedTuple, Protocol

Use = Literal["execute", "trigger", "executions", "kv", "files", "secrets"]
"""What a namespace may do with another one: start its flows; hear of the ends of its executions;
see, stop and change these; read and write its keys, its files; read its secrets."""

UNBOUNDED: Final = 2**31 - 1


class Share(NamedTuple):
    """How much of a node a tenant may take."""

    executions: int = UNBOUNDED
    """Executions in motion at once."""
    task_runs: int = UNBOUNDED
    """Task runs at work at once."""
    weight: float = 1.0
    """Its share of a busy node, against those of the other tenants."""


class TenantRules(Protocol):
    """What tenants may take, and what namespaces may do with each other."""

    def share(self, tenant: str, /) -> Share:
        """Return how much a tenant may take now."""
        ...

    async def refusal(self, tenant: str, who: str, whose: str, use: Use, /) -> str | None:
        """Return why a namespace may not use another one of its tenant; None: it may.

        The answer is that of now, whatever commit an execution runs at (security case 81).
        """
        ...


class NoRules:
    """No limits, and nothing refused: a service of one team, a test of a flow."""

    def share(self, _tenant: str) -> Share:
        """Return a share without bounds."""
        return Share()

    async def refusal(self, _tenant: str, _who: str, _whose: str, _use: Use) -> str | None:
        """Refuse nothing."""
        return None
