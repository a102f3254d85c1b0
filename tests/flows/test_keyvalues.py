"""Values of key-value pairs: their types, and what is kept of them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.flows.keyvalues import KINDS, is_key, kind_of, lineage, stored_value

NATIVE = [
    ("text", "STRING", "text"),
    (5, "NUMBER", 5),
    (Decimal("1.5"), "NUMBER", 1.5),
    (True, "BOOLEAN", True),
    (datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), "DATETIME", "2024-01-02T03:04:05Z"),
    (datetime(2024, 1, 2, 3, 4, 5), "DATETIME", "2024-01-02T03:04:05Z"),  # noqa: DTZ001 - no zone is meant
    (date(2024, 1, 2), "DATE", "2024-01-02"),
    (timedelta(minutes=90), "DURATION", "PT1H30M"),
    ({"a": [1]}, "JSON", {"a": [1]}),
    (None, "JSON", None),
]


@pytest.mark.parametrize(("value", "kind", "kept"), NATIVE)
def test_native_values_have_a_type(value: Any, kind: str, kept: Any) -> None:
    assert kind_of(value) == kind
    assert stored_value(value, None) == stored_value(value, kind) == kept


@pytest.mark.parametrize(
    ("value", "kind", "kept"),
    [
        (5, "STRING", "5"),
        (True, "STRING", "true"),
        ({"a": 1}, "STRING", '{"a":1}'),
        (5, "DURATION", "PT5S"),
        (timedelta(seconds=5), "STRING", "PT5S"),
        (datetime(2024, 1, 2, 3, tzinfo=UTC), "STRING", "2024-01-02T03:00:00Z"),
        (5, "JSON", 5),
        ("TRUE", "BOOLEAN", True),
        ("1e3", "NUMBER", 1000.0),
    ],
)
def test_values_of_another_type_are_converted(value: Any, kind: str, kept: Any) -> None:
    assert stored_value(value, kind) == kept


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "NUMBER"), ({"a": 1}, "NUMBER"), (2, "BOOLEAN"), ("inf", "NUMBER"), (5, "DATE"),
        ("2024-13-01", "DATE"), ("today", "DATETIME"), ("5 minutes", "DURATION"), ("{", "JSON"),
    ],
)  # fmt: skip
def test_values_that_are_none_of_their_type(value: Any, kind: str) -> None:
    with pytest.raises(ValueError, match=f"is no {kind}"):
        stored_value(value, kind)


@given(value=st.text() | st.integers() | st.floats() | st.booleans(), kind=st.sampled_from(KINDS))
def test_any_value_is_kept_as_json_or_refused(value: Any, kind: str) -> None:
    try:
        kept = stored_value(value, kind)
    except ValueError:
        return
    if isinstance(kept, str):
        assert kind in {"STRING", "DATETIME", "DATE", "DURATION", "JSON"}
    elif not isinstance(kept, int):
        orjson.dumps(kept)


def test_keys() -> None:
    assert all(map(is_key, ["a", "A1", "a.b-c_d", "0", "x" * 255]))
    assert not any(map(is_key, ["", ".a", "-a", "a b", "a/b", "ä", "a\n", "x" * 256]))


def test_lineage() -> None:
    assert lineage("a.b.c") == ["a.b.c", "a.b", "a"]
    assert lineage("a") == ["a"]
