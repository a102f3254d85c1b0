"""One frozen `Settings`: what an operator can choose, where it is read from, and safe defaults.

Order: flags > environment > file > defaults. The environment speaks `HEADWATER_SECTION__KEY`;
a secret may come from a file (`HEADWATER_GIT__TOKEN_FILE=/run/secrets/token`); the usual names
`DATABASE_URL` and `PORT` are honoured below the `HEADWATER_…` ones. The file is YAML, named by
`HEADWATER_CONFIG`, else `/etc/headwater/config.yaml` where that exists. A `headwater.yaml` in the
working directory is *not* read: in a repository of flows that name belongs to the layout.
"""

from app.config.access import AccessSettings
from app.config.egress import EgressSettings
from app.config.git import GitSettings, OidcSettings, SourceSettings, WindowSettings
from app.config.secrets import SecretSettings, VariableSettings
from app.config.sections import (
    DatabaseSettings,
    EncryptionSettings,
    EngineSettings,
    ExpressionSettings,
    HttpSettings,
    LogSettings,
    RunnerSettings,
    Section,
    ServerSettings,
    TelemetrySettings,
    TriggerSettings,
    WebhookSettings,
)
from app.config.settings import Settings, load_settings
from app.config.sources import SettingsError, secret_file_variable, secret_paths, variable
from app.config.tenants import TenantQuota, TenantsSettings

__all__ = [
    "AccessSettings",
    "DatabaseSettings",
    "EgressSettings",
    "EncryptionSettings",
    "EngineSettings",
    "ExpressionSettings",
    "GitSettings",
    "HttpSettings",
    "LogSettings",
    "OidcSettings",
    "RunnerSettings",
    "SecretSettings",
    "Section",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "SourceSettings",
    "TelemetrySettings",
    "TenantQuota",
    "TenantsSettings",
    "TriggerSettings",
    "VariableSettings",
    "WebhookSettings",
    "WindowSettings",
    "load_settings",
    "secret_file_variable",
    "secret_paths",
    "variable",
]
