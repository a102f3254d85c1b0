"""The checks of the landscape themselves: every seeded fault of a history must be found."""

from collections.abc import Callable

import pytest

from tests.fault import mutants, mutants_of_journals
from tests.fault.landscape import History
from tests.fault.promises import CHECKS, faults
from tests.fault.stories import good_history

MUTANTS = [
    (invariant, mutant)
    for group in (mutants.MUTANTS, mutants_of_journals.MUTANTS)
    for invariant, found in group.items()
    for mutant in found
]


def test_a_good_history_has_no_faults() -> None:
    assert faults(good_history()) == []


@pytest.mark.parametrize(("invariant", "mutant"), MUTANTS)
def test_a_spoilt_history_is_found(invariant: str, mutant: Callable[[History], None]) -> None:
    history = good_history()
    mutant(history)
    found = faults(history)
    assert any(fault.startswith(f"{invariant} ") for fault in found), found


def test_every_check_has_its_mutant() -> None:
    silent = set(CHECKS)
    for _, mutant in MUTANTS:
        history = good_history()
        mutant(history)
        silent -= {check for check in CHECKS if [*check(history)]}
    assert not silent
