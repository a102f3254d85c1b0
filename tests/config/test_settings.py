"""Where settings come from, in which order, and how wrong ones are refused."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.config import Settings, SettingsError, load_settings, sources


@pytest.fixture(autouse=True)
def nothing_from_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(sources.os.environ):
        if name.startswith("HEADWATER_") or name in {"DATABASE_URL", "PORT"}:
            monkeypatch.delenv(name)
    monkeypatch.setattr(sources, "SYSTEM_FILE", tmp_path / "etc.yaml")


def test_the_defaults_are_safe_for_one_machine() -> None:
    settings = load_settings()
    assert settings.server.host == "127.0.0.1"
    assert settings.database.url is None
    assert settings.git.repo is None
    assert not settings.git.allow_file_protocol
    assert not settings.http.allow_loopback


def test_flags_win_over_environment_over_usual_names_over_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "etc.yaml"
    file.write_text("server: {port: 1, host: '::1'}\ngit: {ref: stable, root: flows}\n")
    assert load_settings().server.port == 1
    monkeypatch.setenv("PORT", "2")
    assert load_settings().server.port == 2
    monkeypatch.setenv("HEADWATER_SERVER__PORT", "3")
    assert load_settings().server.port == 3
    settings = load_settings(server={"port": 4}, git={"ref": "next"})
    assert settings.server.port == 4
    assert settings.server.host == "::1"
    assert (settings.git.ref, settings.git.root) == ("next", "flows")


def test_database_url_is_honoured_and_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:canary@h/d")
    settings = load_settings()
    assert settings.database.url is not None
    assert settings.database.url.get_secret_value() == "postgresql://u:canary@h/d"
    assert "canary" not in repr(settings) + settings.model_dump_json()


@pytest.mark.parametrize("url", ["mysql://u:canary@h/d", "canary", "sqlite:///", "sqlite://canary"])
@pytest.mark.parametrize("name", ["DATABASE_URL", "HEADWATER_DATABASE__URL"])
def test_another_database_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(SettingsError, match=r"database\.url: must be postgresql://") as refused:
        load_settings()
    assert name in str(refused.value)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["postgres://h/d", "postgresql://u@h/d", "postgresql+asyncpg://h/d", "sqlite:///x"]
)
def test_addresses_of_databases(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HEADWATER_DATABASE__URL", url)
    assert load_settings().database.url is not None


def test_the_database_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://h/d\n")
    monkeypatch.setenv("HEADWATER_DATABASE__URL_FILE", str(tmp_path / "url"))
    found = load_settings().database.url
    assert found is not None
    assert found.get_secret_value() == "postgresql://h/d"
    (tmp_path / "url").write_text("canary")
    with pytest.raises(SettingsError, match="must be postgresql://"):
        load_settings()


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    monkeypatch.setenv("HEADWATER_GIT__HOOK_SECRET_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("HEADWATER_GIT__HOOK_SECRETS", '["old"]')
    monkeypatch.setenv("HEADWATER_GIT__HOOK_KEY", "k")
    assert load_settings().git.accepted_secrets == ("s3cret", "old")


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_GIT__REPO", "")
    monkeypatch.setenv("HEADWATER_GIT__TOKEN_FILE", "")
    assert load_settings().git.repo is None


def test_a_home_folder_is_found() -> None:
    assert load_settings(data_dir="~/x").data_dir == Path.home() / "x"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"HEADWATER_SERVER__PORT": "http"}, r"server.port: .* \(set by HEADWATER_SERVER__PORT\)"),
        ({"HEADWATER_GIT__REPOS": "x"}, "git.repos: .* HEADWATER_GIT__REPOS"),
        ({"HEADWATER_GTI__REPO": "x"}, "HEADWATER_GTI__REPO: no such section; there are .*GIT"),
        ({"HEADWATER_GIT__HOOK_SECRETS": "x"}, "JSON"),
        ({"HEADWATER_GIT__HOOK_KEY": "x"}, "unsigned deliveries are never accepted"),
        ({"HEADWATER_GIT__HOOK_KEY": "../x"}, "git.hook_key"),
        ({"HEADWATER_CONFIG": "/nowhere.yaml"}, "cannot read /nowhere.yaml"),
        ({"HEADWATER_GIT__TOKEN_FILE": "/nowhere"}, "TOKEN_FILE: cannot read /nowhere"),
        (
            {"HEADWATER_GIT__TOKEN": "x", "HEADWATER_GIT__TOKEN_FILE": "/x"},
            "TOKEN and .*TOKEN_FILE are both set",
        ),
        ({"HEADWATER_SERVER__MODE": "dev", "HEADWATER_SERVER__HOST": "0.0.0.0"}, "no login"),
    ],
)
def test_wrong_settings_are_explained(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message):
        load_settings()


@pytest.mark.parametrize("content", ["- a list", "a: [", "server: {prot: 1}", "unknown: {a: 1}"])
def test_a_wrong_file_is_explained(tmp_path: Path, content: str) -> None:
    (tmp_path / "etc.yaml").write_text(content)
    with pytest.raises(SettingsError, match="Configuration: "):
        load_settings()


def test_a_wrong_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_GIT__HOOK_SECRETS", '[["canary"]]')
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "canary" not in str(refused.value)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        load_settings().server.port = 1  # type: ignore[misc]


def test_every_setting_is_described() -> None:
    for name, section in Settings.model_fields.items():
        fields = getattr(section.annotation, "model_fields", {"": section})
        assert all(field.description for field in fields.values()), name


def test_the_encryption_key_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().encryption.key is None
    key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    monkeypatch.setenv("HEADWATER_ENCRYPTION_KEY", key)
    found = load_settings().encryption.key
    assert found is not None
    assert found.get_secret_value() == key
    monkeypatch.setenv("HEADWATER_ENCRYPTION__KEY", "too short")
    with pytest.raises(SettingsError, match="32 bytes"):
        load_settings()
