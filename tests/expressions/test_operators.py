"""What operators do with every kind of value, null and missing ones too."""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from app.errors import MissingVariable
from app.expressions import compile_template
from tests.expressions.evaluate import DEFAULT, fails, text, value


class Colour(Enum):
    """An enum whose value differs from its name."""

    RED = "#f00"


EARLY = datetime(2024, 1, 1, tzinfo=UTC)
CONTEXT: dict[str, Any] = {
    "nothing": None,
    "zero": 0,
    "empty": "",
    "word": "hello",
    "list": [1, 2, 3],
    "map": {"a": 1, "b": None},
    "red": Colour.RED,
    "early": EARLY,
    "late": EARLY + timedelta(days=1),
    "day": date(2024, 1, 1),
    "big": Decimal("1.10"),
    "inf": math.inf,
}

VALUES = [
    ("nothing ?? 'd'", "d"),
    ("map.b ?? 'd'", "d"),
    ("map.c ?? 'd'", "d"),
    ("a.b.c.d ?? 'd'", "d"),
    ("map['x']['y'].z ?? 'd'", "d"),
    ("list[9] ?? 'd'", "d"),
    ("word.nope ?? 'd'", "d"),
    ("nothing.x ?? 'd'", "d"),
    ("(missing | upper) ?? 'd'", "d"),
    ("missing ?? gone ?? 'd'", "d"),
    ("empty ?? 'd'", ""),
    ("zero ?? 'd'", 0),
    ("false ?? 'd'", False),
    ("{} ?? 'd'", {}),
    ("missing ??? 'd'", "d"),
    ("nothing ??? 'd'", None),
    ("map.b ??? 'd'", None),
    ("1 == 1.0", True),
    ("1 == '1'", False),
    ("true == 1", False),
    ("true == 'true'", False),
    ("null == null", True),
    ("nothing == empty", False),
    ("[1, [2]] == [1.0, [2]]", True),
    ("[1] == [true]", False),
    ("{'a': 1} == {'a': 1.0}", True),
    ("{'a': 1} == {'b': 1}", False),
    ("[1] == [1, 2]", False),
    ("red == 'RED'", True),
    ("'RED' == red", True),
    ("red == '#f00'", False),
    ("red != 'RED'", False),
    ("'a' != 'b'", True),
    ("big == 1.1", True),
    ("early == early", True),
    ("early == late", False),
    ("1 < 2", True),
    ("1 < 1.5", True),
    ("nothing < 1", False),
    ("1 >= nothing", False),
    ("nothing <= nothing", False),
    ("'a' < 'b'", True),
    ("'b' <= 'a'", False),
    ("early < late", True),
    ("day >= day", True),
    ("big > 1", True),
    ("'a' + 'b'", "ab"),
    ("'a' + 1", "a1"),
    ("1 + 'a'", "1a"),
    ("'a' + null", "anull"),
    ("'a' + [1, 'x']", "a[1, x]"),
    ("'a' + red", "aRED"),
    ("list + 4", [1, 2, 3, 4]),
    ("list + [4, 5]", [1, 2, 3, 4, 5]),
    ("list - 2", [1, 3]),
    ("list - [1, 3]", [2]),
    ("1 + 2", 3),
    ("1 + 2.5", 3.5),
    ("7 / 2", 3),
    ("-7 / 2", -3),
    ("7 / -2", -3),
    ("7.0 / 2", 3.5),
    ("-7 % 3", -1),
    ("7 % -3", 1),
    ("7.5 % 2", 1.5),
    ("1 / 0.0", math.inf),
    ("-1 / 0.0", -math.inf),
    ("big + 1", Decimal("2.10")),
    ("+word.length", 5),
    ("-(3)", -3),
    ("'a' ~ null ~ 1", "a1"),
    ("map ~ ''", "{a=1, b=null}"),
    ("list ~ true ~ 1.0", "[1, 2, 3]true1.0"),
    ("list contains 2", True),
    ("list contains [1, 3]", True),
    ("list contains [1, 9]", False),
    ("map contains 'a'", True),
    ("map contains 'z'", False),
    ("word contains 'ell'", True),
    ("'a1' contains 1", True),
    ("nothing contains 'a'", False),
    ("'SUCCESS' isIn ['SUCCESS', 'WARNING']", True),
    ("1 isIn ['1']", True),
    ("'x' isNotIn ['SUCCESS']", True),
    ("nothing isIn ['a']", False),
    ("true and 1", True),
    ("1 and 'x'", True),
    ("0 or ''", False),
    ("'false' and true", True),
    ("not 0", True),
    ("not ''", True),
    ("not 'x'", False),
    ("false and missing", False),
    ("true or missing", True),
    ("1..3", [1, 2, 3]),
    ("3..1", []),
    ("'a'..'c'", ["a", "b", "c"]),
    ("range(5, 1, -2)", [5, 3, 1]),
    ("word is defined", True),
    ("nothing is defined", False),
    ("missing is defined", False),
    ("a.b.c is not defined", True),
    ("nothing is empty", True),
    ("' ' is empty", True),
    ("[] is empty", True),
    ("{} is not empty", False),
    ("0 is empty", False),
    ("false is empty", False),
    ("nothing is null", True),
    ("word is not null", True),
    ("2 is even", True),
    ("3 is odd", True),
    ("list is iterable", True),
    ("map is iterable", False),
    ("word is iterable", False),
    ("map is map", True),
    ("list is map", False),
    ("'{\"a\": 1}' is json", True),
    ("'{a}' is json", False),
]


@pytest.mark.parametrize(("expression", "expected"), VALUES)
def test_value(expression: str, expected: object) -> None:
    result = value(f"{{{{ {expression} }}}}", CONTEXT)
    assert result == expected
    assert type(result) is type(expected)


ERRORS = [
    "missing",
    "map.c",
    "nothing.x",
    "missing ~ 'a'",
    "missing is empty",
    "missing is null",
    "1 + true",
    "1 - 'a'",
    "1 + null",
    "1 / 0",
    "1 % 0",
    "1 < 'a'",
    "'1' < 1",
    "true < 1",
    "early < day",
    "list < 1",
    "5 contains 1",
    "nothing and true",
    "not nothing",
    "not list",
    "list ? 1 : 2",
    "'ab'..'c'",
    "1..'c'",
    "range(1, 2, 0)",
    "nothing is even",
    "'a' is odd",
    "word is unknown",
    "-word",
]


@pytest.mark.parametrize("expression", ERRORS)
def test_error(expression: str) -> None:
    assert fails(f"{{{{ {expression} }}}}", CONTEXT).line == 1


def test_lists_of_the_context_never_change() -> None:
    text("{% set l = list + 4 %}{% set m = list - 1 %}{{ list | reverse | sort }}", CONTEXT)
    assert CONTEXT["list"] == [1, 2, 3]


def test_missing_error_names_what_is_missing() -> None:
    with pytest.raises(MissingVariable) as caught:
        text("one\n{{ map.nope | upper }}", CONTEXT)
    assert "Unable to find `nope` used in the expression `{{ map.nope | upper }}` at line 2" in str(
        caught.value
    )


def test_naming_a_missing_variable() -> None:
    assert "Unable to find `gone`" in str(fails("{{ gone.a.b }}"))


def test_equal_template_gives_equal_values() -> None:
    template = compile_template("{{ list + map.a }}")
    assert template.value(CONTEXT, DEFAULT) == template.value(CONTEXT, DEFAULT)
