"""Who owns a namespace: pure rules, and what several sources make of them."""

import pytest

from app.config import SourceSettings
from app.sync.ownership import Claims, Ownership, Refusal, Standing


def claims(**sources: tuple[str, ...]) -> Claims:
    made = Claims()
    for name, patterns in sources.items():
        made.add(name, Ownership(patterns))
    return made


@pytest.mark.parametrize(
    ("pattern", "tenant", "namespace", "is_named"),
    [
        ("shop", "main", "shop", True),
        ("shop", "main", "shop.web", False),
        ("shop*", "main", "shop.web", True),
        ("*.web", "main", "shop.web", True),
        ("acme/*", "acme", "shop", True),
        ("acme/*", "main", "shop", False),
        ("*/shop", "acme", "shop", True),
        ("SHOP", "main", "shop", False),
    ],
)
def test_patterns(pattern: str, tenant: str, namespace: str, is_named: bool) -> None:
    assert Ownership((pattern,)).names(tenant, namespace) is is_named


def test_no_patterns_own_anything_and_name_nothing() -> None:
    ownership = Ownership(())
    assert ownership.owns("main", "shop")
    assert not ownership.names("main", "shop")


def test_one_source_is_asked_about_its_patterns_alone() -> None:
    alone = claims(main=("shop",))
    assert alone.refusal("main", "main", "shop") is None
    assert alone.refusal("main", "main", "other") == Refusal("NOT_OWNED")
    assert alone.owner("main", "other") is None


def test_who_names_a_namespace_goes_before_who_takes_any() -> None:
    two = claims(main=(), team=("team",))
    assert two.refusal("main", "main", "team") == Refusal("NOT_OWNED", "team")
    assert two.refusal("team", "main", "team") is None
    assert two.owner("main", "team") == "team"
    assert two.owner("main", "else") == "main"


def test_the_first_of_two_that_name_it_has_it() -> None:
    two = claims(one=("shop*",), two=("*web",))
    assert two.refusal("one", "main", "shop.web") is None
    assert two.refusal("two", "main", "shop.web") == Refusal("OVERLAP", "one")


def test_who_holds_a_namespace_keeps_it() -> None:
    two = claims(main=(), team=("team",))
    two.hold("main", [("main", "team")])
    assert two.refusal("main", "main", "team") is None
    assert two.refusal("team", "main", "team") == Refusal("OVERLAP", "main")
    two.hold("team", [("main", "team")])
    assert two.owner("main", "team") == "main"
    two.release("main", [("main", "team")])
    assert two.refusal("team", "main", "team") is None


def test_of_two_that_take_any_the_first_that_has_it() -> None:
    two = claims(one=(), two=())
    assert two.refusal("two", "main", "shop") is None
    two.hold("two", [("main", "shop")])
    assert two.refusal("one", "main", "shop") == Refusal("OVERLAP", "two")


def test_what_a_source_does_not_own_any_more_it_does_not_hold() -> None:
    two = claims(one=("shop",), two=("team",))
    two.hold("one", [("main", "team")])
    assert two.owner("main", "team") == "two"


def test_letting_go_is_told_once_and_only_by_the_holder() -> None:
    two, told = claims(one=(), two=()), list[str]()
    two.released = told.append
    two.hold("one", [("main", "shop"), ("main", "other")])
    two.release("two", [("main", "shop")])
    assert told == []
    two.release("one", [("main", "shop"), ("main", "never")])
    assert told == ["one"]
    two.remove("one")
    assert told == ["one", "one"]
    assert two.held_by("one") == set()


def test_a_child_owns_nothing_that_its_parent_does_not() -> None:
    parent = Ownership(("team.*",))
    child = Ownership(("*",), within=parent)
    assert child.owns("main", "team.web")
    assert not child.owns("main", "shop")


def test_a_child_goes_before_its_parent() -> None:
    both = claims(main=("team.*",))
    both.add("child", Ownership(("team.web",), both_within := Ownership(("team.*",))), "main")
    assert both_within.owns("main", "team.web")
    assert both.refusal("main", "main", "team.web") == Refusal("NOT_OWNED", "child")
    assert both.refusal("child", "main", "team.web") is None
    assert both.refusal("main", "main", "team.api") is None


def test_a_run_is_always_answered_the_same() -> None:
    two = claims(one=(), two=())
    standing = Standing(two, "one")
    assert standing("main", "shop") is None
    two.hold("two", [("main", "shop")])
    assert standing("main", "shop") is None
    assert Standing(two, "one")("main", "shop") is not None


@pytest.mark.parametrize("patterns", [(), ("*",), ("*/shop",), ("main/shop", "shop")])
def test_a_source_of_one_tenant_owns_nothing_of_others(patterns: tuple[str, ...]) -> None:
    spec = SourceSettings(repo="x", layout="kestra", tenant="team", namespaces=patterns)
    ownership = Ownership.of(spec)
    assert not ownership.owns("main", "shop")
    assert not ownership.names("main", "shop")
    assert ownership.owns("team", "shop")
    made = Claims()
    made.add("theirs", ownership)
    assert made.owner("main", "shop") is None
    made.add("ours", Ownership(()))
    assert made.owner("main", "shop") == "ours"
    assert made.refusal("ours", "main", "shop") is None
