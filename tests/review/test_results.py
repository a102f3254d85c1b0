"""Results of tests as they are stored."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from app.ports import AssertionResult, SuiteResult
from app.ports.flow_tests import CaseResult
from app.sync.review.results import results_json, results_of

VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()
ASSERTIONS = st.builds(
    AssertionResult,
    st.text(),
    VALUES,
    VALUES,
    success=st.just(value=False),
    task_id=st.text(),
    description=st.text(),
    message=st.text(),
)
STATES = st.sampled_from(["SUCCESS", "FAILED", "ERROR", "SKIPPED"])
CASES = st.builds(
    CaseResult,
    st.text(),
    STATES,
    st.integers(0, 10**6).map(lambda number: number / 1_000),
    st.lists(ASSERTIONS, max_size=3).map(tuple),
    st.lists(st.text(), max_size=2).map(tuple),
    st.integers(0, 10_000),
)
SUITES = st.builds(
    SuiteResult,
    st.text(),
    st.text(),
    st.text(),
    st.text(),
    st.text(),
    STATES,
    st.lists(CASES, max_size=3).map(tuple),
    st.lists(st.text(), max_size=2).map(tuple),
)


@given(st.lists(SUITES, max_size=3))
def test_what_is_stored_comes_back(results: list[SuiteResult]) -> None:
    assert results_of(results_json(results)) == results


def test_what_holds_is_not_stored_and_odd_values_are_text() -> None:
    when = datetime(2026, 1, 2, tzinfo=UTC)
    holds = AssertionResult("equalTo", 1, 1, success=True)
    odd = AssertionResult("equalTo", {1: {2, 3}}, when, success=False)
    case = CaseResult("c", "FAILED", 0.5, (holds, odd))
    stored = results_json([SuiteResult("s", "p", "t", "n", "f", "FAILED", (case,))])
    [failed] = stored["suites"][0]["cases"][0]["failed"]
    assert failed["expected"] == {"1": "{2, 3}"}
    assert failed["actual"].startswith("2026-01-02")
    assert results_of({}) == []
