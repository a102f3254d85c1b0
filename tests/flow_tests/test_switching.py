"""Switching tests off and on by their source: nothing else of it changes."""

import pytest

from app.errors import Invalid
from app.flows.edits import with_disabled
from app.flows.yaml import load

SOURCE = """\
# tests of f
id: t
namespace: n # the folder's
flowId: f

testCases:
  - id: one  # first
    disabled: false
    expectedState: SUCCESS
"""


def test_disabling_and_enabling() -> None:
    disabled = with_disabled(SOURCE, disabled=True)
    assert disabled == SOURCE.replace("# the folder's\n", "# the folder's\ndisabled: true\n")
    assert with_disabled(disabled, disabled=False) == disabled.replace("d: true", "d: false")
    assert with_disabled(SOURCE, disabled=False) == SOURCE


@pytest.mark.parametrize(
    "source",
    [
        '{"id": "t", "namespace": "n", "flowId": "f"}',
        "disabled: false # no\nid: t\nnamespace: n",
        "id: t\nflowId: f",
        "namespace: 'n' # ns\nid: t # id\n\n# end",
    ],
)
def test_any_source_is_switched(source: str) -> None:
    value = load(with_disabled(source, disabled=True)).value
    assert value == {**load(source).value, "disabled": value["disabled"]}
    assert value["disabled"] in (True, "true")


def test_what_is_no_map_is_refused() -> None:
    with pytest.raises(Invalid):
        with_disabled("[]", disabled=True)
