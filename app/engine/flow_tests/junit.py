"""JUnit XML of test results, as CI servers read it.

A file of tests is a `testsuite`, a case a `testcase`; a file that cannot be run at all is a suite
with one case of its name, in error. The form is that of the Jenkins xUnit schema.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from app.ports import CaseResult, SuiteResult

_NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold (§2.2), not even escaped."""


def junit(results: Sequence[SuiteResult]) -> str:
    """Return the document."""
    root = Element("testsuites", name="headwater")
    cases = [case for result in results for case in _cases(result)]
    _count(root, cases)
    for result in results:
        _suite(root, result)
    indent(root)
    text: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite(root: Element, result: SuiteResult) -> None:
    name = f"{result.namespace}.{result.id}"
    suite = SubElement(root, "testsuite", name=_text(name), file=_text(result.path))
    cases = _cases(result)
    _count(suite, cases)
    for case in cases:
        _case(suite, result, case)


def _cases(result: SuiteResult) -> Sequence[CaseResult]:
    if result.cases or not result.errors:
        return result.cases
    return [CaseResult(result.id, "ERROR", 0.0, errors=result.errors)]


def _count(element: Element, cases: Sequence[CaseResult]) -> None:
    states = [case.state for case in cases]
    counts = {
        "tests": len(states),
        "failures": states.count("FAILED"),
        "errors": states.count("ERROR"),
        "skipped": states.count("SKIPPED"),
    }
    for name, count in counts.items():
        element.set(name, str(count))
    element.set("time", f"{sum(case.seconds for case in cases):.3f}")


def _case(suite: Element, result: SuiteResult, case: CaseResult) -> None:
    flow = f"{result.namespace}.{result.flow_id or result.id}"
    element = SubElement(
        suite,
        "testcase",
        classname=_text(flow),
        name=_text(case.id),
        time=f"{case.seconds:.3f}",
        file=_text(result.path),
    )
    if case.line:
        element.set("line", str(case.line))
    if case.state == "SKIPPED":
        SubElement(element, "skipped")
    for message in case.errors:
        _told(element, "error", message)
    for message in failures(case):
        _told(element, "failure", message)


def failures(case: CaseResult) -> list[str]:
    """Return what is told of the assertions that do not hold."""
    return [_line(each.description, each.message) for each in case.assertions if not each.success]


def _line(*parts: str) -> str:
    return ": ".join(part for part in parts if part)


def _told(case: Element, kind: str, message: str) -> None:
    element = SubElement(case, kind, message=_text(message.splitlines()[0] if message else ""))
    element.text = _text(message)


def _text(value: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", value)


def reasons(result: SuiteResult) -> Iterable[tuple[str, str]]:
    """Yield (case, message) of everything that is not as it should be."""
    yield from (("", message) for message in result.errors)
    for case in result.cases:
        yield from ((case.id, message) for message in (*case.errors, *failures(case)))
