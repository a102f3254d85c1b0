"""What the journal writes as JSON, whatever is in it."""

import json

from app.db.journal import _labels, encoded
from app.executions import ROOT, Event, Execution, Kind, State

HALF = "\ud800"


def test_labels_are_indexed_whatever_is_in_them() -> None:
    data = {
        "tenant": "main",
        "namespace": "a.b",
        "flow_id": "f",
        "revision": 1,
        "commit": "c" * 40,
        "blob": "b" * 40,
        "labels": [[HALF, "x"]],
    }
    created = Event(Kind.CREATED, 1, ROOT, State.CREATED, data=data)
    assert json.loads(_labels(Execution.fold("e", [created]))) == [[HALF, "x"]]


def test_numbers_beyond_64_bits_are_written() -> None:
    assert json.loads(encoded([1 << 80])) == [1 << 80]
