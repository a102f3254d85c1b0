"""Laws of permissions, roles, scopes and callers, for all of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access import (
    ANONYMOUS,
    INSTANCE,
    OF_INSTANCE,
    OWNER,
    ROLES,
    Caller,
    Grant,
    Permission,
    Reach,
    Scope,
)
from app.access.scopes import is_within

TENANTS = ("one", "two")
NAMES = ("a", "a.b", "a.b.c", "a.bc", "ab", "b")
namespaces = st.sampled_from(NAMES)
scopes = st.one_of(
    st.just(INSTANCE),
    st.builds(Scope, st.sampled_from(TENANTS), st.one_of(st.none(), namespaces)),
)
permissions = st.sampled_from(sorted(Permission))
grants = st.lists(st.builds(Grant, st.frozensets(permissions, max_size=4), scopes), max_size=5).map(
    tuple
)
callers = st.builds(
    Caller,
    st.just("user"),
    st.just("id"),
    st.just("name"),
    grants=grants,
    limit=st.one_of(st.none(), grants),
)


@given(callers, permissions, st.sampled_from(TENANTS), st.one_of(st.none(), namespaces))
def test_a_right_is_a_grant_that_covers_the_place(
    caller: Caller, permission: Permission, tenant: str, namespace: str | None
) -> None:
    def covered(layer: tuple[Grant, ...]) -> bool:
        return any(
            permission in each.permissions and each.scope.covers(tenant, namespace)
            for each in layer
        )

    wanted = covered(caller.grants) and (caller.limit is None or covered(caller.limit))
    assert caller.may(permission, tenant, namespace) is wanted
    if wanted:
        assert caller.is_of(tenant)
        assert caller.has(permission)
        assert caller.reach(permission, tenant)


@given(callers, permissions, st.sampled_from(TENANTS))
def test_a_reach_says_the_same_as_each_question(
    caller: Caller, permission: Permission, tenant: str
) -> None:
    reach = caller.reach(permission, tenant)
    for each in NAMES:
        assert reach.holds(each) is caller.may(permission, tenant, each)
        below = [name for name in NAMES if is_within(name, each)]
        if any(reach.holds(name) for name in below):
            assert reach.seen(each)


@given(st.lists(scopes, max_size=4), st.lists(scopes, max_size=4))
def test_both_is_where_each_is(one: list[Scope], other: list[Scope]) -> None:
    left, right = (Reach.of(s for s in each if s.tenant != "two") for each in (one, other))
    both = left & right
    assert both == right & left
    for name in (None, *NAMES):
        assert both.holds(name) is (left.holds(name) and right.holds(name))


@given(callers, permissions, scopes)
def test_a_limit_never_adds(caller: Caller, permission: Permission, scope: Scope) -> None:
    free = replace(caller, limit=None)
    if caller.may(permission, scope.tenant, scope.namespace):
        assert free.may(permission, scope.tenant, scope.namespace)


@given(permissions, scopes)
def test_nobody_may_nothing_and_the_owner_everything(permission: Permission, scope: Scope) -> None:
    assert not ANONYMOUS.may(permission, scope.tenant, scope.namespace)
    assert not ANONYMOUS.known
    assert OWNER.may(permission, scope.tenant, scope.namespace)


@given(callers.filter(lambda each: all(g.scope != INSTANCE for g in each.grants)))
def test_no_grant_of_a_tenant_reaches_the_instance(caller: Caller) -> None:
    assert not any(caller.may(each) for each in Permission)


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ("viewer", "operator"),
        ("operator", "editor"),
        ("editor", "admin"),
        ("admin", "instance-admin"),
        ("viewer", "auditor"),
    ],
)
def test_roles_build_on_each_other(less: str, more: str) -> None:
    assert ROLES[less].permissions < ROLES[more].permissions


def test_what_roles_do_not_have() -> None:
    changing = {each for each in Permission if each.endswith((":write", ":manage", ":delete"))}
    assert not changing & ROLES["viewer"].permissions
    assert not changing & ROLES["auditor"].permissions
    assert Permission.OUTPUT_READ not in ROLES["viewer"].permissions
    for name, role in ROLES.items():
        assert name == "instance-admin" or not role.permissions & OF_INSTANCE
    assert not any(each.startswith("secret:read") for each in Permission)
