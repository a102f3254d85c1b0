"""Where settings are read from: the environment, files that hold secrets, one YAML file."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr
from pydantic_settings import BaseSettings, EnvSettingsSource

from app.config.sections import Section

PREFIX = "HEADWATER_"
SYSTEM_FILE = Path("/etc/headwater/config.yaml")


class SettingsError(ValueError):
    """The configuration is not valid; the message names each setting, its variable and the rule."""


class EnvironmentSource(EnvSettingsSource):
    """`HEADWATER_…` variables, without the `…_FILE` ones that name a secret's file."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        names = {secret_file_variable(path) for path in secret_paths(self.settings_cls)}
        variables = super()._load_env_vars()
        return {key: value for key, value in variables.items() if key.upper() not in names}


def variable(path: tuple[str, ...]) -> str:
    """Return the environment variable of a setting: `("git", "ref")` is `HEADWATER_GIT__REF`."""
    return PREFIX + "__".join(path).upper()


def secret_file_variable(path: tuple[str, ...]) -> str:
    """Return the variable that names the file holding a secret setting."""
    return f"{variable(path)}_FILE"


def secret_paths(settings: type[BaseSettings]) -> Iterator[tuple[str, str]]:
    """Yield section and name of every setting that holds one secret."""
    for name, field in settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            for key, inner in section.model_fields.items():
                if inner.annotation in (SecretStr, SecretStr | None):
                    yield name, key


def secrets_from_files(settings: type[BaseSettings]) -> dict[str, dict[str, str]]:
    """Read the secrets that `…_FILE` variables point to; one newline at the end is dropped.

    Raises:
        SettingsError: the file cannot be read, or the value is given twice.
    """
    values: dict[str, dict[str, str]] = {}
    for section, key in secret_paths(settings):
        name = secret_file_variable((section, key))
        if file := os.environ.get(name):
            if (plain := variable((section, key))) in os.environ:
                raise SettingsError(f"Configuration: {plain} and {name} are both set; keep one")
            values.setdefault(section, {})[key] = _read(Path(file), name).removesuffix("\n")
    return values


def usual_names() -> dict[str, dict[str, str]]:
    """Read variables that are set by custom: `DATABASE_URL`, `PORT`, `SOPS_AGE_KEY`, …."""
    values: dict[str, dict[str, str]] = {}
    if url := os.environ.get("DATABASE_URL"):
        values["database"] = {"url": url}
    if port := os.environ.get("PORT"):
        values["server"] = {"port": port}
    if key := os.environ.get(f"{PREFIX}ENCRYPTION_KEY"):
        values["encryption"] = {"key": key}
    if key := _age_key():
        values["secrets"] = {"age_key": key}
    return values


def _age_key() -> str | None:
    """Return the age identities that sops would take from the environment."""
    if key := os.environ.get("SOPS_AGE_KEY"):
        return key
    file = os.environ.get("SOPS_AGE_KEY_FILE")
    return _read(Path(file).expanduser(), "SOPS_AGE_KEY_FILE") if file else None


def settings_file() -> dict[str, Any]:
    """Read the YAML file of settings, if there is one.

    Raises:
        SettingsError: the named file is missing, unreadable or not a map.
    """
    named = os.environ.get(f"{PREFIX}CONFIG")
    if not named and not SYSTEM_FILE.is_file():
        return {}
    file = Path(named).expanduser() if named else SYSTEM_FILE
    try:
        content = yaml.safe_load(_read(file, f"{PREFIX}CONFIG")) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"Configuration: {file}: {error}") from None
    if not isinstance(content, dict):
        raise SettingsError(f"Configuration: {file}: a map of sections is expected")
    return content


def _read(file: Path, name: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"Configuration: {name}: cannot read {file}: {error}") from None


def refuse_unknown_sections(settings: type[BaseSettings]) -> None:
    """Refuse a variable like `HEADWATER_GTI__REPO`, which would silently do nothing.

    Raises:
        SettingsError: the variable names a section that does not exist.
    """
    known = {name.upper() for name in settings.model_fields}
    for name in os.environ:
        section, nested, _ = name.removeprefix(PREFIX).partition("__")
        if name.startswith(PREFIX) and nested and section not in known:
            choices = ", ".join(sorted(known))
            raise SettingsError(f"Configuration: {name}: no such section; there are {choices}")
