"""`headwater.yaml`: what a repository says of itself, and what is told of a wrong one."""

import pytest

from app.git.manifest import EditDefaults, Manifest, read_manifest

WHOLE = b"""\
version: 1
layout: native
ignore:
  - "*.draft.yaml"
edits:
  draft: true
  labels: [flows]
  reviewers: [ann, acme/flows]
"""


def test_a_whole_file_is_read() -> None:
    edits = EditDefaults(draft=True, labels=("flows",), reviewers=("ann", "acme/flows"))
    assert read_manifest("headwater.yaml", WHOLE, "native") == Manifest(("*.draft.yaml",), edits)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "version: Field required"),
        (b"version: 2\n", "version: Input should be 1"),
        (b"version: 1\nlayuot: native\n", "layuot: Extra inputs are not permitted"),
        (b"version: 1\nlayout: kestra\n", "the file says kestra, the source is set to native"),
        (b"version: 1\nignore: x\n", "ignore: Input should be a valid"),
        (b"- 1\n", "the document: Input should be a valid dictionary"),
        (b"version: [\n", ""),
        (b"\xff\xfe", "The document is not UTF-8"),
    ],
)
def test_a_wrong_file_is_a_finding(text: bytes, told: str) -> None:
    (finding,) = read_manifest("flows/headwater.yaml", text, "native").findings
    assert finding.code == "MANIFEST"
    assert finding.severity == "warning"
    assert finding.path == "flows/headwater.yaml"
    assert told in finding.message
    assert "version" in finding.fix


def test_the_place_of_a_syntax_error_is_told() -> None:
    (finding,) = read_manifest("headwater.yaml", b"version: 1\n\tx: 1\n", "native").findings
    assert finding.line == 2
