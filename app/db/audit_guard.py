"""The audit log as append-only tables: triggers that refuse every change.

A second line: whoever owns the tables can drop the triggers, and the chain tells that. What they
stop is a bug or an injected statement of the service's own role.
"""

_TABLES = ("audit", "audit_seal", "audit_anchor", "audit_segment")
_WORD = "the audit log is append-only"

# Deleted is only what a closed segment covers.
_CLOSED_ENTRY = (
    "EXISTS (SELECT 1 FROM audit_seal AS s JOIN audit_segment AS g ON g.tenant = s.tenant"
    " AND g.last_seq >= s.seq WHERE s.entry_id = OLD.id)"
)
_CLOSED_SEAL = (
    "EXISTS (SELECT 1 FROM audit_segment AS g WHERE g.tenant = OLD.tenant"
    " AND g.last_seq >= OLD.seq)"
)
_ALLOWED = {"audit": _CLOSED_ENTRY, "audit_seal": _CLOSED_SEAL}


def guard(dialect: str) -> list[str]:
    """Return the statements that protect the tables on a dialect (`sqlite` or `postgresql`)."""
    return _postgres() if dialect == "postgresql" else _sqlite()


def _sqlite() -> list[str]:
    found = []
    for table in _TABLES:
        refuse = f"BEGIN SELECT RAISE(ABORT, '{_WORD}'); END"
        found.append(f"CREATE TRIGGER {table}_kept BEFORE UPDATE ON {table} {refuse}")
        allowed = f" WHEN NOT {_ALLOWED[table]}" if table in _ALLOWED else ""
        found.append(f"CREATE TRIGGER {table}_stays BEFORE DELETE ON {table}{allowed} {refuse}")
    return found


def _postgres() -> list[str]:
    refuse = f"BEGIN RAISE EXCEPTION '{_WORD}'; END"
    checks = "".join(
        f" IF TG_OP = 'DELETE' AND TG_TABLE_NAME = '{table}' THEN"
        f" IF {condition} THEN RETURN OLD; END IF; END IF;"
        for table, condition in _ALLOWED.items()
    )
    head = "RETURNS trigger LANGUAGE plpgsql AS"
    decide = f"BEGIN{checks} RAISE EXCEPTION '{_WORD}'; END"
    found = [
        f"CREATE OR REPLACE FUNCTION audit_refuses() {head} $${refuse}$$",
        f"CREATE OR REPLACE FUNCTION audit_decides() {head} $${decide}$$",
    ]
    for table in _TABLES:
        found.append(
            f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION audit_decides()"
        )
        found.append(
            f"CREATE TRIGGER {table}_stays BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses()"
        )
    return found
