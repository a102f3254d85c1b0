"""What a source is confined to by its settings."""

from typing import Any

import pytest

from app.access import INSTANCE, Caller, Grant, Permission, Scope
from app.api.source_rights import bounds_of, may_all, permit_settings
from app.errors import Forbidden

KESTRA = {"layout": "kestra", "tenant": "t"}


@pytest.mark.parametrize(
    ("spec", "bounds"),
    [
        ({}, {INSTANCE}),
        ({"tenant": "t"}, {INSTANCE}),
        (KESTRA, {Scope("t")}),
        ({"layout": "kestra"}, {Scope("main")}),
        ({"namespaces": ["shop"]}, {INSTANCE}),
        ({"namespaces": ["t/shop"]}, {Scope("t", "shop")}),
        ({"namespaces": ["t/shop.*"]}, {Scope("t", "shop")}),
        ({"namespaces": ["t/shop*"]}, {Scope("t")}),
        ({"namespaces": ["t/*"]}, {Scope("t")}),
        ({"namespaces": ["*/shop"]}, {INSTANCE}),
        ({"namespaces": ["t/a", "u/b"]}, {Scope("t", "a"), Scope("u", "b")}),
        ({**KESTRA, "namespaces": ["shop", "lab.[ab]"]}, {Scope("t", "shop"), Scope("t", "lab")}),
    ],
)
def test_bounds(spec: dict[str, Any], bounds: set[Scope]) -> None:
    assert bounds_of(spec) == bounds


def test_all_places_count() -> None:
    manage = frozenset({Permission.REPO_MANAGE})
    by = Caller("user", "u", "u", grants=(Grant(manage, Scope("t")),))
    assert may_all(by, Permission.REPO_MANAGE, [Scope("t"), Scope("t", "shop")])
    assert not may_all(by, Permission.REPO_MANAGE, [Scope("t"), Scope("u")])
    assert not may_all(by, Permission.REPO_MANAGE, [INSTANCE])
    permit_settings(by, Permission.REPO_MANAGE, [KESTRA])
    with pytest.raises(Forbidden):
        permit_settings(by, Permission.REPO_MANAGE, [KESTRA, {"namespaces": ["t/a", "u/b"]}])
