"""What is told of results: JUnit XML, and Kestra's JSON."""

from xml.etree import ElementTree as ET

from app.engine.flow_tests.documents import suite_json, suite_of
from app.engine.flow_tests.junit import junit
from app.ports import AssertionResult, CaseResult, SuiteResult

BAD = AssertionResult("equalTo", 1, "2", success=False, description="sum", message="`2` is not 1")
GOOD = AssertionResult("isNull", True, None, success=True)
CASES = (
    CaseResult("fine", "SUCCESS", 0.25, (GOOD,), line=4),
    CaseResult("wrong", "FAILED", 0.5, (GOOD, BAD), line=9),
    CaseResult("broken", "ERROR", 0.0, errors=("task \x00 <a> & \x1b[31m\nmore",)),
    CaseResult("off", "SKIPPED", 0.0),
)
SUITE = SuiteResult("t", "tests/t.yaml", "main", "company.team", "greet", "ERROR", CASES)
UNREAD = SuiteResult("u", "tests/u.yaml", "main", "company.team", "", "ERROR", (), ("line 1",))


def test_junit_counts_and_tells() -> None:
    root = ET.fromstring(junit([SUITE, UNREAD]))
    assert root.attrib == {
        "name": "headwater", "tests": "5", "failures": "1", "errors": "2", "skipped": "1",
        "time": "0.750",
    }  # fmt: skip
    first, second = root.findall("testsuite")
    assert first.get("name") == "company.team.t"
    assert first.get("tests") == "4"
    cases = {each.get("name"): each for each in first.findall("testcase")}
    assert cases["fine"].get("classname") == "company.team.greet"
    assert (cases["fine"].get("line"), cases["fine"].get("time")) == ("4", "0.250")
    assert [each.get("message") for each in cases["wrong"]] == ["sum: `2` is not 1"]
    assert cases["wrong"][0].tag == "failure"
    assert cases["broken"][0].text == "task \ufffd <a> & \ufffd[31m\nmore"
    assert cases["off"][0].tag == "skipped"
    assert second.findall("testcase/error")[0].text == "line 1"


def test_json_is_kestras() -> None:
    body = suite_json(SUITE)
    assert body["testSuiteId"] == "t"
    assert body["state"] == "ERROR"
    wrong = body["results"][1]
    assert wrong["testId"] == "wrong"
    assert wrong["assertionResults"][1] == {
        "operator": "equalTo",
        "expected": 1,
        "actual": "2",
        "isSuccess": False,
        "description": "sum",
        "errorMessage": "`2` is not 1",
    }
    assert body["results"][2]["errors"][0]["message"].startswith("task")


def test_json_and_back_is_the_same() -> None:
    for suite in (SUITE, UNREAD):
        assert suite_of(suite_json(suite), "main") == suite
