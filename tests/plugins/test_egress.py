"""Policies of outgoing connections: open, private, allow-list, and what a tenant narrows."""

from collections.abc import Callable, Sequence

import pytest

from app.config import DatabaseSettings, EgressSettings, HttpSettings, ServerSettings, Settings
from app.config.egress import PolicyName, parse_destination
from app.plugins.http import AddressPolicy, CallRefused, Egress, OwnPlaces, Policy, egress_of
from app.plugins.http.own import is_here

NEVER = ("169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254", "100.100.100.200")


async def lookup(host: str, port: int) -> Sequence[str]:
    if host != "db.test":
        raise OSError(host)
    return ["10.0.0.5"]


async def passes(egress: Egress, host: str, port: int, *addresses: str, tenant: str = "") -> bool:
    try:
        await egress.check(host, port, addresses or (host,), tenant, lookup)
    except CallRefused:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "host", "port", "address", "expected"),
    [
        ("api.test", "api.test", 443, "8.8.8.8", True),
        ("API.test.", "api.TEST.", 443, "8.8.8.8", True),
        ("api.test", "api.test.evil", 443, "8.8.8.8", False),
        ("api.test", "xapi.test", 443, "8.8.8.8", False),
        ("*.test", "a.b.test", 1, "8.8.8.8", True),
        ("*.test", "test", 1, "8.8.8.8", False),
        ("*.test", "eviltest", 1, "8.8.8.8", False),
        ("api.test:443", "api.test", 80, "8.8.8.8", False),
        ("10.1.0.0/16", "any.test", 80, "10.1.2.3", True),
        ("10.1.0.0/16:80", "any.test", 81, "10.1.2.3", False),
        ("8.8.8.8", "8.8.8.8", 53, "8.8.8.8", True),
        ("::1", "::1", 80, "::1", True),
        ("[::1]:80", "::1", 80, "::1", True),
        ("[2001:db8::]", "x", 80, "2001:db8::1", False),
        ("[2001:db8::/32]:443", "x", 443, "2001:db8::1", True),
    ],
)
def test_destinations(text: str, host: str, port: int, address: str, expected: bool) -> None:
    policy = Policy.named("allow-list", [text])
    assert (policy.refusal(host, port, address) is None) is expected


@pytest.mark.parametrize(
    "text",
    ["", " ", "http://a.test", "a.test/x", "a.test:0", "a.test:99999", "*", "a.*.test", "a b",
     "a@b", "10.0.0.1/8", "300.1.1.1", "[::1", "[a.test]", "::/200", "*.", "-a.test", "a.test:",
     "ä.test"],
)  # fmt: skip
def test_no_destinations(text: str) -> None:
    with pytest.raises(ValueError, match="is no destination"):
        parse_destination(text)
    with pytest.raises(ValueError, match="is no destination"):
        EgressSettings(allow=(text,))


@pytest.mark.parametrize("name", ["open", "private", "allow-list"])
@pytest.mark.parametrize("address", NEVER)
async def test_metadata_is_never_called(name: str, address: str) -> None:
    allow = ["0.0.0.0/0", "::/0", "evil.test"]
    egress = Egress(Policy.named(name, allow))  # type: ignore[arg-type]
    assert not await passes(egress, "evil.test", 80, address)
    assert not await passes(egress.trusted(), "evil.test", 80, address)


async def test_what_each_policy_lets_pass() -> None:
    expected = {
        "open": {"127.0.0.1", "10.0.0.1", "8.8.8.8"},
        "private": {"10.0.0.1", "8.8.8.8"},
        "allow-list": {"8.8.8.8"},
    }
    for name, allowed in expected.items():
        egress = Egress(Policy.named(name, ["8.8.8.8"]))  # type: ignore[arg-type]
        for address in ("127.0.0.1", "10.0.0.1", "8.8.8.8", "100.64.0.1", "224.0.0.1"):
            assert await passes(egress, address, 80) is (address in allowed), (name, address)


async def test_an_entry_is_an_exception_of_the_other_policies() -> None:
    egress = Egress(Policy.named("private", ["100.64.0.0/10", "localhost:9000"]))
    assert await passes(egress, "100.64.0.1", 80)
    assert await passes(egress, "localhost", 9000, "127.0.0.1")
    assert not await passes(egress, "localhost", 9001, "127.0.0.1")
    assert not await passes(egress, "rebound.test", 9000, "127.0.0.1")


async def test_one_bad_address_of_several_refuses_the_host() -> None:
    egress = Egress(Policy.named("private"))
    assert not await passes(egress, "mixed.test", 80, "8.8.8.8", "127.0.0.1")


async def test_a_tenant_narrows_and_never_widens() -> None:
    policies = {
        "narrow": Policy.named("allow-list", ["api.test"], whose="tenant narrow"),
        "wide": Policy.named("open", ["127.0.0.1"], whose="tenant wide"),
    }

    def narrowing(tenant: str) -> Policy | None:
        return policies.get(tenant)

    egress = Egress(Policy.named("private"), narrowing=narrowing)
    assert await passes(egress, "other.test", 80, "8.8.8.8", tenant="free")
    assert await passes(egress, "api.test", 80, "8.8.8.8", tenant="narrow")
    assert not await passes(egress, "other.test", 80, "8.8.8.8", tenant="narrow")
    assert not await passes(egress, "127.0.0.1", 80, tenant="wide")
    assert await passes(egress, "other.test", 80, "8.8.8.8")  # the service itself
    with pytest.raises(CallRefused, match="the allow-list of tenant narrow does not name it"):
        await egress.check("other.test", 80, ["8.8.8.8"], "narrow", lookup)
    with pytest.raises(CallRefused, match="the allow-list of tenant narrow"):
        egress.check_name("other.test", 80, "narrow")
    egress.check_name("other.test", 80, "free")


@pytest.mark.parametrize("make", [lambda egress: egress, Egress.trusted, Egress.public])
async def test_our_own_ports_are_never_called(make: Callable[[Egress], Egress]) -> None:
    own = OwnPlaces([("127.0.0.1", 8080), ("db.test", 5432), ("gone.test", 4222)])
    egress = make(Egress(Policy.named("open", ["127.0.0.1", "::1", "10.0.0.5", "8.8.8.8"]), own))
    for host, port, address in (
        ("127.0.0.1", 8080, "127.0.0.1"),
        ("localhost", 8080, "::1"),
        ("rebound.test", 8080, "127.8.9.10"),
        ("::ffff:127.0.0.1", 8080, "::ffff:127.0.0.1"),
        ("db.test", 5432, "10.0.0.5"),
        ("alias.test", 5432, "10.0.0.5"),
        ("DB.test.", 5432, "8.8.8.8"),
        ("127.0.0.1", 4222, "127.0.0.1"),
    ):
        assert not await passes(egress, host, port, address), (host, port)
    assert await passes(egress, "127.0.0.1", 8081)
    assert await passes(egress, "8.8.8.8", 8080)
    assert await passes(egress, "8.8.8.8", 5432)


async def test_the_settings_say_what_is_ours() -> None:
    settings = Settings(
        server=ServerSettings(host="0.0.0.0", port=8123),
        database=DatabaseSettings(url="postgresql+asyncpg://u:p@127.0.0.1/headwater"),  # type: ignore[arg-type]
        egress=EgressSettings(policy="open"),
    )
    egress = egress_of(settings)
    assert not await passes(egress, "127.0.0.1", 8123)
    assert not await passes(egress, "127.0.0.1", 5432)
    assert await passes(egress, "127.0.0.1", 5433)


@pytest.mark.parametrize(
    ("http", "egress", "loopback", "private"),
    [
        ({}, {}, False, True),
        ({"allow_loopback": True}, {}, True, True),
        ({"allow_private": False}, {}, False, False),
        ({}, {"policy": "open"}, True, True),
        ({}, {"policy": "allow-list"}, False, False),
        ({"allow_loopback": True}, {"policy": "allow-list"}, False, False),
        ({"allow_loopback": True}, {"policy": "private"}, True, True),
        ({"allow_private": False}, {"policy": "open"}, True, False),
    ],
)
async def test_policies_of_settings(
    http: dict[str, bool], egress: dict[str, str], loopback: bool, private: bool
) -> None:
    rules = egress_of(Settings(http=HttpSettings(**http), egress=EgressSettings(**egress)))  # type: ignore[arg-type]
    assert await passes(rules, "127.0.0.1", 81) is loopback
    assert await passes(rules, "10.0.0.1", 81) is private


async def test_sources_that_others_name_are_public() -> None:
    egress = Egress(Policy.named("private", ["git.corp"])).public()
    assert await passes(egress, "example.test", 443, "8.8.8.8")
    assert not await passes(egress, "example.test", 443, "10.0.0.1")
    assert await passes(egress, "git.corp", 443, "10.0.0.1")


def test_addresses_of_this_machine() -> None:
    import ipaddress

    assert is_here(ipaddress.ip_address("127.0.0.1"))
    assert not is_here(ipaddress.ip_address("203.0.113.7"))
    assert not Policy(AddressPolicy()).is_list


@pytest.mark.parametrize(
    ("url", "places"),
    [
        ("postgresql://u:p@db.test/x", [("db.test", 5432)]),
        ("postgresql+asyncpg://u:p@DB.test:6000/x?ssl=on", [("db.test", 6000)]),
        ("postgresql://u:p@one.test,two.test:5433/x", [("one.test", 5432), ("two.test", 5433)]),
        ("postgresql://u:p@[fd00::1]:5433/x", [("fd00::1", 5433)]),
        ("postgresql:///x?host=db.test&port=5433", [("db.test", 5433), ("db.test", 5432)]),
        ("postgresql://u:p[@db.test/x", [("db.test", 5432)]),
        ("postgresql:///x?host=/run/postgresql", []),
        ("sqlite:////data/x.sqlite", []),
        ("no address at all", []),
    ],
)
async def test_servers_that_an_address_names(url: str, places: list[tuple[str, int]]) -> None:
    own = OwnPlaces()
    own.add_url(url)
    for host, port in places:
        assert await own.refusal(host, port, ["203.0.114.7"], lookup), (host, port)
        assert not await own.refusal("other.test", port, ["203.0.114.9"], lookup)
    assert own.guards(5432) is any(port == 5432 for _, port in places) or "host" in url


@pytest.mark.parametrize("name", ["private", "allow-list"])
async def test_a_name_of_a_list_never_comes_to_mean_this_machine(name: PolicyName) -> None:
    egress = Egress(Policy.named(name, ["*.partner.test", "api.test", "localhost:9000"]))
    for host in ("a.partner.test", "api.test"):
        assert await passes(egress, host, 443, "203.0.114.7")
        assert await passes(egress, host, 443, "10.0.0.1")
        for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0"):
            assert not await passes(egress, host, 443, address), address
    assert await passes(egress, "localhost", 9000, "127.0.0.1")
