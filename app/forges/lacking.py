"""What some forges have not: parts of `ports.Forge` that they refuse, or answer with nothing."""

# ruff: noqa: ARG002 - what is refused is refused whatever is asked

from app.errors import Unsupported
from app.ports import Hook, HookDelivery
from app.ports.forges import DeploymentState


class NoDeliveryLog:
    """The API does not show what webhooks delivered."""

    kind: str

    async def failed_deliveries(self, hook: Hook, since: str) -> list[HookDelivery]:
        """Refuse."""
        raise Unsupported(f"the API of {self.kind} does not show deliveries")

    async def redeliver(self, hook: Hook, delivery: HookDelivery) -> None:
        """Refuse."""
        raise Unsupported(f"the API of {self.kind} does not repeat deliveries")


class NoNetworks:
    """The API does not tell where webhooks come from."""

    kind: str

    async def hook_networks(self) -> list[str]:
        """Refuse."""
        message = (
            f"the API of {self.kind} does not tell where it delivers from: set hook_addresses to"
            " networks"
        )
        raise Unsupported(message)


class NoDeployments:
    """Deployments cannot be told from outside."""

    kind: str

    async def deploy(
        self, sha: str, environment: str, state: DeploymentState, description: str, url: str = ""
    ) -> None:
        """Refuse."""
        raise Unsupported(f"{self.kind} takes no deployments")


class NoTokens:
    """Tokens are set; none are given for a while."""

    async def read_token(self) -> tuple[str, str] | None:
        """Return None."""
        return None
