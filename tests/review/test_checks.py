"""What checks say: states, titles, annotations and their limits."""

from app.git.revert import Clash, Hunk
from app.ports import SuiteResult
from app.ports.flow_tests import AssertionResult, CaseResult
from app.ports.forges import MOST_TEXT
from app.sync.findings import Found
from app.sync.review.checks import (
    MOST_ANNOTATIONS,
    VALIDATE,
    Told,
    awaiting,
    conflicting,
    failed,
    ran,
    validated,
)

SHOP = ("main", "shop")


def found(
    line: int = 3, severity: str = "error", code: str = "SCHEMA", path: str = "a.yaml"
) -> Found:
    return Found(SHOP, path, code, severity, "it is wrong", "write it right", line, 5, flow_id="a")


def test_nothing_touched_is_a_success() -> None:
    told = validated((), (), ())
    assert (told.state, told.title) == ("success", "no flow changes")


def test_errors_fail_and_warnings_do_not() -> None:
    bad = validated([found(), found(9, "warning")], (), ["main/shop"])
    assert (bad.state, bad.title) == ("failure", "1 error in 1 namespace")
    assert [each.level for each in bad.annotations] == ["failure", "warning"]
    fair = validated([found(9, "warning")], (), ["main/shop", "main/x"])
    assert (fair.state, fair.title) == ("success", "valid, 1 warning in 2 namespaces")
    assert validated((), (), ["main/shop"]).title == "valid: 1 namespace"


def test_an_annotation_stands_on_its_line() -> None:
    note = validated([found(7)], (), ["main/shop"]).annotations[0]
    assert (note.path, note.line, note.end_line, note.column) == ("a.yaml", 7, 7, 5)
    assert (note.title, note.message) == ("SCHEMA", "it is wrong\nwrite it right")
    assert validated([found(0)], (), ["main/shop"]).annotations[0].line == 1


def test_annotations_have_an_end_and_the_worst_come_first() -> None:
    many = [found(n, "warning") for n in range(1, 600)] + [found(700)]
    told = validated(many, (), ["main/shop"])
    assert len(told.annotations) == MOST_ANNOTATIONS
    assert told.annotations[0].line == 700
    assert "… and 550 more" in told.summary


def test_what_was_wrong_before_is_told_and_fails_nothing() -> None:
    told = validated((), [found(path="old.yaml"), found(1, "warning")], ["main/shop"])
    assert told.state == "success"
    assert "Not because of this change" in told.summary
    assert "`old.yaml:3`" in told.summary


def test_conflicts_name_files_and_places() -> None:
    clash = Clash("flows/a.yaml", "CONFLICT (content)", (Hunk(4, "x", "y"), Hunk(9, "", "z")))
    told = conflicting([clash, Clash("b.yaml", "deleted")], "main")
    assert (told.state, told.title) == ("failure", "conflicts with main in 2 files")
    assert [(each.path, each.line) for each in told.annotations] == [("flows/a.yaml", 4)]
    assert conflicting([Clash("", "no common history")], "main").title == "cannot merge"


def suite(state: str, *cases: CaseResult, errors: tuple[str, ...] = ()) -> SuiteResult:
    return SuiteResult("s", "tests/s.yaml", "main", "shop", "a", state, cases, errors)  # type: ignore[arg-type]


def test_tests_are_counted_and_failures_shown_in_their_file() -> None:
    wrong = AssertionResult("equalTo", 1, 2, success=False)
    right = AssertionResult("equalTo", 1, 1, success=True)
    good = CaseResult("good", "SUCCESS", 0.1, (right,))
    bad = CaseResult("bad", "FAILED", 0.1, (right, wrong), (), 12)
    told = ran([suite("FAILED", good, bad)])
    assert (told.state, told.title) == ("failure", "1 passed, 1 failed")
    assert [(each.line, each.title) for each in told.annotations] == [(12, "s.bad")]
    assert told.annotations[0].message == "equalTo: expected 1, got 2"
    assert ran([suite("SUCCESS", good)]).state == "success"
    assert ran(()).title == "no tests of what changes"


def test_a_file_of_tests_that_cannot_be_run_fails() -> None:
    told = ran([suite("ERROR", errors=("there is no flow a",))])
    assert (told.state, told.title) == ("failure", "0 passed, 1 failed")
    assert told.annotations[0].message == "there is no flow a"


def test_forks_wait_and_failure_of_ours_says_why() -> None:
    told = awaiting("c" * 40)
    assert told.state == "queued"
    assert f"/headwater ok-to-test {'c' * 40}" in told.summary
    assert told.actions[0][2] == "ok-to-test"
    assert "no route" in failed("no route").summary


def test_texts_stay_within_what_forges_take() -> None:
    check = Told("success", "t" * 500, "s" * 70_000, "x\n" * 60_000).about("c" * 40, VALIDATE)
    assert len(check.title) <= 120
    assert len(check.summary) <= MOST_TEXT
    assert len(check.text) <= MOST_TEXT
