"""Settings of secrets in Git and of what expressions see of the service."""

from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr

from app.config.sections import Section, UserPath

IdentityPlace = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9._-]*)?$", max_length=400)
]


class SecretSettings(Section):
    """The age identities that files of secrets are decrypted with."""

    age_key: SecretStr | None = Field(
        None,
        description="The age identities of all tenants, one a line (`AGE-SECRET-KEY-1…`). Also "
        "`SOPS_AGE_KEY`, and `SOPS_AGE_KEY_FILE` for the file that holds them.",
    )
    identities: dict[IdentityPlace, UserPath] = Field(
        {},
        description="Files of age identities by whose they are: `tenant`, or `tenant/namespace` "
        "(which counts below that namespace, too). They are read when they are needed, so that a "
        "new one needs no new start.",
    )
    cache_seconds: float = Field(
        60.0,
        ge=0,
        le=60,
        description="How long an execution keeps secrets in memory that it has asked for; at its "
        "end they are dropped in any case.",
    )
    environment: tuple[str, ...] = Field(
        (),
        description="Tenants whose flows may read the `SECRET_…` variables of the service, which "
        "know no tenant. None is named: the only tenant may; none of them where there are several.",
    )
    scope: Literal["auto", "required", "optional"] = Field(
        "auto",
        description="Whether a file of secrets must say where it belongs (`_scope`). `auto`: where "
        "there are several tenants, and the file was decrypted by an identity of all of them.",
    )


class VariableSettings(Section):
    """What expressions see of the service."""

    globals: dict[str, Any] = Field(
        {}, description="`globals` in expressions, as `kestra.variables.globals` of Kestra."
    )
    environment: str = Field(
        "", description="`kestra.environment` in expressions: the name of this environment."
    )
