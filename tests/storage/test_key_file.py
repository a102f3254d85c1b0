"""The key that a data directory makes for itself."""

import base64
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.config import load_settings
from app.errors import Unavailable
from app.storage.key_file import cipher_of, key_of


def test_a_key_is_made_once_for_us_alone(tmp_path: Path) -> None:
    file = tmp_path / "encryption.key"
    key = key_of(file)
    assert len(base64.b64decode(key, validate=True)) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert key_of(file) == key
    assert [each.name for each in tmp_path.iterdir()] == ["encryption.key"]
    assert key_of(tmp_path / "other.key") != key


def test_all_who_start_at_once_have_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(key_of, [tmp_path / "encryption.key"] * 8))
    assert len(keys) == 1


def test_a_file_system_without_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    assert key_of(tmp_path / "key") == key_of(tmp_path / "key")
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


def test_a_key_that_everybody_can_read_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "encryption.key"
    key = key_of(file)
    file.chmod(0o644)
    assert key_of(file) == key
    assert "chmod 600" in caplog.text
    assert key not in caplog.text


@pytest.mark.parametrize("content", [b"", b"AAAA", b"no base64!", b"\xff\xfe"])
def test_a_wrong_file_is_no_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "encryption.key").write_bytes(content)
    with pytest.raises(Unavailable, match=r"encryption\.key"):
        cipher_of(load_settings(data_dir=tmp_path))


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "encryption.key").mkdir()
    with pytest.raises(Unavailable, match="cannot be used"):
        key_of(tmp_path / "encryption.key")


def test_a_key_that_is_set_wins(tmp_path: Path) -> None:
    own = cipher_of(load_settings(data_dir=tmp_path)).encrypt("a")
    assert cipher_of(load_settings(data_dir=tmp_path)).decrypt(own) == "a"
    key = base64.b64encode(b"k" * 32).decode()
    (tmp_path / "encryption.key").unlink()
    cipher = cipher_of(load_settings(data_dir=tmp_path, encryption={"key": key}))
    assert cipher.decrypt(cipher.encrypt("b")) == "b"
    assert [each.name for each in tmp_path.iterdir()] == []
