"""Everything built in is documented, and everything the language has is built in."""

import pytest

from app.expressions import FILTERS, FUNCTIONS, TESTS
from app.expressions.registry import Operation

OPERATIONS = [*FUNCTIONS.values(), *FILTERS.values(), *TESTS.values()]

EXPECTED_FILTERS = """
abbreviate abs base64decode base64encode capitalize chunk className condense date dateAdd default
distinct endsWith escapeChar first flatten indent join jq json keys last length lower md5 merge
nindent number numberFormat regexExtract regexMatch regexReplace replace reverse rsort sh sha1
sha256 sha512 slice slugify sort split startsWith string substringAfter substringAfterLast
substringBefore substringBeforeLast timestamp timestampMicro timestampMilli timestampNano title
toIon toJson trim uniq upper urldecode urlencode values yaml
"""
EXPECTED_FUNCTIONS = """
currentEachOutput dayOfMonth dayOfWeek decrypt encrypt env errorLogs fetchContext fileExists
fileSize fileURI fromIon fromJson hourOfDay http id isDateAfter isDateBefore isDateBetween
isDayWeekInMonth isFileEmpty isLastWorkingDay isPublicHoliday isWeekend iterationOutput json ksuid
kv loopOutputs max min monthOfYear nanoId now parentOutput printContext randomInt randomPort range
read render renderOnce secret subflow tasksWithState uuid yaml
"""
EXPECTED_TESTS = "defined empty null even odd iterable map json"


def test_nothing_is_missing_or_unexpected() -> None:
    assert sorted(FILTERS) == sorted(EXPECTED_FILTERS.split())
    assert sorted(FUNCTIONS) == sorted(EXPECTED_FUNCTIONS.split())
    assert sorted(TESTS) == sorted(EXPECTED_TESTS.split())


@pytest.mark.parametrize(
    "operation", OPERATIONS, ids=lambda one: f"{type(one).__name__}-{one.name}"
)
def test_is_documented(operation: Operation) -> None:
    assert operation.doc.splitlines()[0].strip().endswith((".", ":", "?")), operation.doc
    if operation.parameters is not None:
        assert len(operation.parameters) == len(operation.keywords)
