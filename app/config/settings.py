"""The one frozen `Settings`, and how it is loaded."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableValue

from app.config.access import AccessSettings
from app.config.audit import AuditSettings
from app.config.egress import EgressSettings
from app.config.git import GitSettings, SourceSettings
from app.config.oidc import LoginProviderSettings
from app.config.secrets import SecretSettings, VariableSettings
from app.config.sections import (
    DatabaseSettings,
    EncryptionSettings,
    EngineSettings,
    ExpressionSettings,
    HttpSettings,
    LogSettings,
    RunnerSettings,
    ServerSettings,
    TelemetrySettings,
    TriggerSettings,
    UserPath,
    WebhookSettings,
)
from app.config.sources import (
    PREFIX,
    EnvironmentSource,
    SettingsError,
    refuse_unknown_sections,
    secrets_from_files,
    settings_file,
    usual_names,
    variable,
)
from app.config.tenants import TenantsSettings


def _not_main(name: str) -> str:
    if name == "main":
        raise ValueError("the source `main` is the section `git`")
    return name


SourceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$"), AfterValidator(_not_main)]

ProviderName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Settings(BaseSettings):
    """Everything an operator can choose. Frozen: a change needs a new start."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        validate_default=True,
    )

    data_dir: UserPath = Field(
        Path("~/.local/share/headwater"),
        description="Folder of the database, the repository mirrors and the internal storage.",
    )
    server: ServerSettings = ServerSettings()
    access: AccessSettings = AccessSettings()
    database: DatabaseSettings = DatabaseSettings()
    git: GitSettings = GitSettings()
    sources: dict[SourceName, SourceSettings] = Field(
        {},
        description="Further sources by their id; each has the settings of `git`, such as "
        "`HEADWATER_SOURCES__TEAM__REPO`.",
    )
    engine: EngineSettings = EngineSettings()
    tenants: TenantsSettings = TenantsSettings()
    http: HttpSettings = HttpSettings()
    egress: EgressSettings = EgressSettings()
    expressions: ExpressionSettings = ExpressionSettings()
    logs: LogSettings = LogSettings()
    runners: RunnerSettings = RunnerSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    oidc: dict[ProviderName, LoginProviderSettings] = Field(
        {},
        description="OpenID Connect providers that people log in with, by an id of your choice, "
        "such as `HEADWATER_OIDC__COMPANY__ISSUER`.",
    )
    triggers: TriggerSettings = TriggerSettings()
    audit: AuditSettings = AuditSettings()
    webhooks: WebhookSettings = WebhookSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    secrets: SecretSettings = SecretSettings()
    variables: VariableSettings = VariableSettings()

    @model_validator(mode="after")
    def _access_is_said_by_a_source(self) -> Self:
        chosen = self.access.source
        if chosen is not None and chosen not in {"main", *self.sources}:
            raise ValueError(f"access.source: there is no source {chosen} in this configuration")
        return self

    @property
    def asks_for_login(self) -> bool:
        """Whether callers have to say who they are."""
        chosen = self.access.login
        return chosen == "required" or (chosen == "auto" and self.server.mode != "dev")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: flags, `HEADWATER_…`, `…_FILE`, the usual names, the file."""
        del env_settings, dotenv_settings, file_secret_settings  # ours, below, stand for them
        environment = EnvironmentSource(settings_cls)
        further = (secrets_from_files(settings_cls), usual_names(), settings_file())
        return (
            init_settings,
            environment,
            *(InitSettingsSource(settings_cls, values) for values in further),
        )


def load_settings(**flags: Any) -> Settings:
    """Read the settings; `flags` are nested values from the command line and win.

    Raises:
        SettingsError: a value is wrong, a name unknown or the file unreadable.
    """
    refuse_unknown_sections(Settings)
    try:
        return Settings(**flags)
    except UnreadableValue as error:
        raise SettingsError(f"Configuration: {error}: JSON is expected there") from None
    except ValidationError as error:
        lines = [_explain(problem) for problem in error.errors()]
        raise SettingsError("Configuration: " + "; ".join(lines)) from None


def _explain(problem: Any) -> str:
    path = tuple(str(part) for part in problem["loc"])
    rule = problem["msg"].removeprefix("Value error, ")
    return f"{'.'.join(path)}: {rule} (set by {variable(path[:2])})"
