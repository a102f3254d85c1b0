"""Results of tests as they are stored and answered, and back again. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from app.ports import AssertionResult, SuiteResult
from app.ports.flow_tests import CaseResult


def results_json(results: Sequence[SuiteResult]) -> dict[str, Any]:
    """Return results as JSON has them: of assertions those that do not hold."""
    return {"suites": [_suite_json(each) for each in results]}


def results_of(stored: Mapping[str, Any]) -> list[SuiteResult]:
    """Return the results that `results_json` stored."""
    return [_suite(each) for each in stored.get("suites", ())]


def _suite_json(suite: SuiteResult) -> dict[str, Any]:
    return {
        "id": suite.id,
        "path": suite.path,
        "tenant": suite.tenant,
        "namespace": suite.namespace,
        "flowId": suite.flow_id,
        "state": suite.state,
        "errors": list(suite.errors),
        "cases": [_case_json(each) for each in suite.cases],
    }


def _case_json(case: CaseResult) -> dict[str, Any]:
    return {
        "id": case.id,
        "state": case.state,
        "seconds": round(case.seconds, 6),
        "line": case.line,
        "errors": list(case.errors),
        "failed": [_assertion_json(each) for each in case.assertions if not each.success],
    }


def _assertion_json(result: AssertionResult) -> dict[str, Any]:
    return {
        "operator": result.operator,
        "expected": _json_value(result.expected),
        "actual": _json_value(result.actual),
        "taskId": result.task_id,
        "description": result.description,
        "message": result.message,
    }


def _json_value(value: Any) -> Any:
    """Return a value as JSON has it; what it has not, as text."""
    return orjson.loads(orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS))


def _suite(suite: Mapping[str, Any]) -> SuiteResult:
    return SuiteResult(
        suite["id"],
        suite["path"],
        suite["tenant"],
        suite["namespace"],
        suite["flowId"],
        suite["state"],
        tuple(_case(each) for each in suite["cases"]),
        tuple(suite["errors"]),
    )


def _case(case: Mapping[str, Any]) -> CaseResult:
    failed = tuple(
        AssertionResult(
            each["operator"],
            each["expected"],
            each["actual"],
            success=False,
            task_id=each["taskId"],
            description=each["description"],
            message=each["message"],
        )
        for each in case["failed"]
    )
    return CaseResult(
        case["id"], case["state"], case["seconds"], failed, tuple(case["errors"]), case["line"]
    )
