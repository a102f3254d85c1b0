"""Where a request comes from, behind proxies: what they say counts only where they are trusted."""

from pathlib import Path

import httpx2
import orjson
import pytest

from app.config import ServerSettings
from tests.api.conftest import HOOK_KEY, HOOK_SECRET
from tests.api.test_sources import signed
from tests.serving import service

BODY = orjson.dumps({"ref": "refs/heads/main"})


def statuses(folder: Path, proxies: str, *chains: str) -> list[int]:
    """Deliver once for each `X-Forwarded-For`; return how each was answered."""
    environment = {
        "HEADWATER_SERVER__TRUSTED_PROXIES": proxies,
        "HEADWATER_GIT__HOOK_KEY": HOOK_KEY,
        "HEADWATER_GIT__HOOK_SECRET": HOOK_SECRET,
        "HEADWATER_GIT__HOOK_ADDRESSES": '["192.0.2.0/24"]',
    }
    found = []
    with service(folder / "data", **environment) as (address, _):
        for chain in chains:
            sent = signed(BODY) | {"X-Forwarded-For": chain}
            url = f"{address}/api/v1/hooks/git/{HOOK_KEY}"
            found.append(httpx2.post(url, content=BODY, headers=sent).status_code)
    return found


def test_nobody_is_trusted_unless_named(tmp_path: Path) -> None:
    assert statuses(tmp_path, "[]", "192.0.2.1", "127.0.0.1") == [403, 403]


def test_a_trusted_proxy_tells_who_called_it(tmp_path: Path) -> None:
    """Of a chain the last counts that is no proxy of ours: the rest anybody may have written."""
    chains = ("192.0.2.1", "198.51.100.9", "192.0.2.1, 198.51.100.9", "192.0.2.1, 127.0.0.1", "")
    assert statuses(tmp_path, '["127.0.0.0/8"]', *chains) == [202, 403, 403, 202, 403]


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.0/33", "*", ""])
def test_proxies_are_networks(text: str) -> None:
    with pytest.raises(ValueError, match="trusted_proxies"):
        ServerSettings(trusted_proxies=(text,))
