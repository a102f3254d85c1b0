"""The settings of the audit log."""

from pydantic import Field, SecretStr

from app.config.sections import Section, UserPath


class AuditSettings(Section):
    """Who did what: how long that is kept, and how it is proved."""

    key: SecretStr | None = Field(
        None,
        description="What signs anchors and closed segments; by default a key that is made once, "
        "in `audit.key` of the data directory.",
    )
    anchor_minutes: float = Field(
        5.0,
        gt=0,
        le=24 * 60,
        description="Minutes between anchors: the heads of the chains, written outside of the "
        "database.",
    )
    anchor_file: UserPath | None = Field(
        None,
        description="A further file that anchors are appended to: best on another machine's disk.",
    )
    keep_days: int | None = Field(
        None,
        gt=0,
        description="Days that entries are kept in the database; for ever by default.",
    )
    archive: bool = Field(
        True,
        description="Whether entries that are kept no longer are first written to a file, below "
        "`audit` of the data directory.",
    )
    denials_per_minute: int = Field(
        10,
        gt=0,
        le=10_000,
        description="Denials and refusals that are noted for each caller and route in a minute; "
        "of more only their number is.",
    )
