"""Uses of secrets in the audit log: which flow, which execution, which name; never a value."""

from app.db.audit import AuditEntry, flow_write
from app.db.database import Database
from app.ports import Clock, SecretUse


class SecretUses:
    """Notes that flows use secrets."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Write to `database`."""
        self._database = database
        self._clock = clock

    def note(self, use: SecretUse) -> None:
        """Note a use; it is durable no later than what the flow does next."""
        flow = f"{use.namespace}.{use.flow_id}"
        detail = {"flow": flow}
        if use.execution_id:
            detail["execution"] = use.execution_id
        entry = AuditEntry(
            tenant=use.tenant,
            at=self._clock.now(),
            actor=f"flow/{flow}",
            action="secret.use",
            target=f"secret/{use.key}",
            detail=detail,
            namespace=use.namespace,
            actor_kind="flow",
        )
        self._database.submit([flow_write(entry)])
