"""Which addresses may be called (security cases 13-18)."""

import asyncio
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.plugins.http import AddressPolicy, CallRefused, HttpFailure, Resolver

ALWAYS_REFUSED = [
    "169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fd20:ce::254",
    "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "::a9fe:a9fe",
    "100.100.100.200", "168.63.129.16", "192.0.0.192", "0.0.0.0", "::", "100.64.0.1", "224.0.0.1",
    "ff02::1", "240.0.0.1", "255.255.255.255", "::ffff:0.0.0.0", "192.0.2.1", "198.18.0.1",
    "2001:db8::1", "fec0::1", "64:ff9b:1::1", "4000::1", "2001:0:a9fe:a9fe::5601:5601",
]  # fmt: skip
LOOPBACK = [
    "127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1",
    "::127.0.0.1",
]  # fmt: skip
PRIVATE = ["10.1.2.3", "172.16.0.1", "192.168.1.1", "fd12::1", "::ffff:10.0.0.1"]
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", ALWAYS_REFUSED)
def test_refused_whatever_the_settings(address: str) -> None:
    assert AddressPolicy(allow_loopback=True, allow_private=True).refusal(address)


@pytest.mark.parametrize("address", LOOPBACK)
def test_loopback_only_if_allowed(address: str) -> None:
    assert AddressPolicy().refusal(address)
    assert AddressPolicy(allow_loopback=True).refusal(address) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_private_unless_forbidden(address: str) -> None:
    assert AddressPolicy().refusal(address) is None
    assert AddressPolicy(allow_private=False).refusal(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert AddressPolicy(allow_private=False).refusal(address) is None


def test_networks_allowed_by_name_but_never_metadata() -> None:
    policy = AddressPolicy(networks=[ipaddress.ip_network("100.64.0.0/10")])
    assert policy.refusal("100.64.0.1") is None
    assert policy.refusal("::ffff:100.64.0.1") is None
    assert policy.refusal("100.100.100.200")


@given(st.ip_addresses(v=4))
def test_a_wrapped_address_is_judged_as_itself(address: ipaddress.IPv4Address) -> None:
    policy = AddressPolicy()
    expected = policy.refusal(str(address))
    number = int(address)
    for wrapped in (0xFFFF << 32 | number, 0x2002 << 112 | number << 80, 0x64FF9B << 96 | number):
        assert policy.refusal(str(ipaddress.IPv6Address(wrapped))) == expected


async def test_one_bad_answer_refuses_the_name() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return ["8.8.8.8", "169.254.169.254"]

    with pytest.raises(CallRefused, match=r"169\.254\.169\.254 of mixed\.test must not be called"):
        await Resolver(AddressPolicy(), lookup).addresses("mixed.test", 80, 1)


async def test_answers_are_remembered_and_failures_are_not() -> None:
    asked = 0

    async def lookup(host: str, port: int) -> list[str]:
        nonlocal asked
        asked += 1
        return [] if asked == 1 else ["8.8.8.8", "8.8.8.8", "8.8.4.4"]

    resolver = Resolver(AddressPolicy(), lookup)
    with pytest.raises(HttpFailure, match="it has no address"):
        await resolver.addresses("a.test", 80, 1)
    for _ in range(3):
        assert await resolver.addresses("a.test", 80, 1) == ("8.8.8.8", "8.8.4.4")
    assert asked == 2


async def test_a_silent_name_service_does_not_hold_us() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(HttpFailure, match=r"not answered within 0\.05 s") as caught:
        await Resolver(AddressPolicy(), lookup).addresses("a.test", 80, 0.05)
    assert not caught.value.sent
