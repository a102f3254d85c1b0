"""Repositories are looked up by the rules of calls (security case 20)."""

from collections.abc import Sequence

import pytest

from app.config import SourceSettings
from app.errors import GitError, RemoteUnreachable
from app.git import location
from app.plugins.http import Egress, OwnPlaces, Policy
from app.sync.origin import Home, addresses_for
from app.sync.remote_addresses import RemoteAddresses

NAMES = {
    "public.test": ["203.0.114.7"],
    "inner.test": ["10.0.0.1"],
    "here.test": ["127.0.0.1"],
    "cloud.test": ["203.0.114.7", "169.254.169.254"],
}
SERVICE = Egress(Policy.named("private"), OwnPlaces([("127.0.0.1", 8080)]))


async def lookup(host: str, port: int) -> Sequence[str]:
    if host not in NAMES:
        raise OSError(host)
    return NAMES[host]


def found(egress: Egress, url: str) -> Sequence[str]:
    return RemoteAddresses(egress, lookup)(location.remote(url, allow_http=True))


@pytest.mark.parametrize(
    "url",
    [
        "https://cloud.test/x.git", "git@cloud.test:x.git", "https://169.254.169.254/x.git",
        "ssh://git@169.254.169.254/x", "https://here.test:8080/x", "https://127.0.0.1:8080/x",
        "http://127.0.0.1:8080/x",
    ],
)  # fmt: skip
def test_20_where_nobody_may_have_a_repository(url: str) -> None:
    for egress in (SERVICE, SERVICE.trusted(), SERVICE.public()):
        with pytest.raises(GitError, match="must not be called") as caught:
            found(egress, url)
        assert not isinstance(caught.value, RemoteUnreachable)


def test_20_only_an_administrator_names_inner_hosts() -> None:
    for url in ("https://inner.test/x", "git@inner.test:x", "https://here.test/x"):
        assert found(SERVICE.trusted(), url)
        with pytest.raises(GitError, match="must not be called"):
            found(SERVICE.public(), url)
    assert found(SERVICE.public(), "https://public.test/x") == ("203.0.114.7",)


def test_whose_rules_hold_for_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    configured = {"main": SourceSettings(repo="https://inner.test/a.git")}
    foreign = Home(configured={}, folder=None, is_foreign=True, egress=SERVICE)  # type: ignore[arg-type]
    borrowed = Home(configured=configured, folder=None, is_foreign=True, egress=SERVICE)  # type: ignore[arg-type]
    own = Home(configured=configured, folder=None, egress=SERVICE)  # type: ignore[arg-type]
    monkeypatch.setattr("app.sync.remote_addresses.RemoteAddresses.__init__", _by_names)
    spec = SourceSettings(repo="https://inner.test/b.git")
    where = location.remote("https://inner.test/b.git")
    assert addresses_for(spec, own)(where) == ("10.0.0.1",)
    assert addresses_for(spec, borrowed)(where) == ("10.0.0.1",)
    with pytest.raises(GitError, match="it is private"):
        addresses_for(spec, foreign)(where)


_made = RemoteAddresses.__init__


def _by_names(self: RemoteAddresses, egress: Egress) -> None:
    _made(self, egress, lookup)


def test_addresses_and_disks_are_not_looked_up() -> None:
    assert found(SERVICE.trusted(), "https://203.0.114.7/x") == ()
    assert RemoteAddresses(SERVICE, lookup)(location.own()) == ()


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(RemoteUnreachable, match=r"gone\.test cannot be resolved"):
        found(SERVICE, "https://gone.test/x")


def test_behind_a_proxy_names_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", "inner.test")
    assert found(SERVICE.trusted(), "https://gone.test/x") == ()
    assert found(SERVICE.trusted(), "https://inner.test/x") == ("10.0.0.1",)
    listed = Egress(Policy.named("allow-list", ["public.test"]))
    with pytest.raises(GitError, match="allow-list"):
        found(listed.public(), "https://gone.test/x")
