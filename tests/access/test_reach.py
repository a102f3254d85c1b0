"""What a caller may do in one place is what its reach says of all places."""

import itertools

import pytest

from app.access import Caller, Grant, Permission, Scope

_SCOPES = [Scope(), Scope("t"), Scope("t", "a"), Scope("t", "a.b"), Scope("u"), Scope("u", "a")]
_SETS = [
    frozenset({Permission.FLOW_READ}),
    frozenset({Permission.FLOW_READ, Permission.KV_READ}),
]
_GRANTS = [Grant(permissions, scope) for permissions in _SETS for scope in _SCOPES]
_PLACES = list(itertools.product(("t", "u", "x"), (None, "a", "a.b", "a.b.c", "ab", "b")))


@pytest.mark.parametrize("limit", [None, *((each,) for each in _GRANTS)])
def test_both_ways_to_ask_agree(limit: tuple[Grant, ...] | None) -> None:
    for grants in itertools.combinations(_GRANTS, 2):
        caller = Caller("user", "u", "u", grants=grants, limit=limit)
        for permission in (Permission.FLOW_READ, Permission.KV_READ, Permission.KV_WRITE):
            for tenant, namespace in _PLACES:
                reach = caller.reach(permission, tenant)
                assert caller.may(permission, tenant, namespace) is reach.holds(namespace)
