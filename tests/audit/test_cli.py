"""`headwater audit`: over the API, on a file, and on a database without the service."""

import json
from pathlib import Path

import httpx2
import pytest

from tests.audit.conftest import tamper
from tests.serving import headwater, service

FLOW = """\
id: f
namespace: books
tasks:
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: hello
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with an audit log, exported to `log.jsonl`, after its service ended."""
    folder = tmp_path_factory.mktemp("audited")
    with service(folder / "data") as (address, _):
        for _ in range(3):
            path = f"{address}/api/v1/main/flows/validate"
            httpx2.post(path, content=FLOW).raise_for_status()
            made = httpx2.put(f"{address}/api/v1/main/namespaces/books/kv/k", content='"v"')
            made.raise_for_status()
        listed = headwater("audit", "--action", "kv.", server=address)
        assert listed.stdout.count("kv.update") == 3, listed.stderr
        proved = headwater("audit", "verify", server=address)
        assert (proved.returncode, "main" in proved.stdout) == (0, True), proved.stderr
        every = headwater("audit", "verify", "--instance", "-o", "json", server=address)
        assert json.loads(every.stdout)[0]["holds"], every.stderr
        to = str(folder / "log.jsonl")
        exported = headwater("audit", "export", "--to", to, server=address)
        assert exported.returncode == 0, exported.stderr
        beside = headwater("audit", "verify", "--data", str(folder / "data"))
        assert beside.returncode == 0, beside.stderr
    return folder


def test_a_database_is_proved_without_the_service(place: Path) -> None:
    done = headwater("audit", "verify", "--data", str(place / "data"), "-o", "json")
    assert done.returncode == 0, done.stderr
    (main,) = [each for each in json.loads(done.stdout) if each["tenant"] == "main"]
    assert (main["holds"], main["entries"]) == (True, 3)
    assert main["anchored"] == 3, "the last anchor is dropped as the service stops"


def test_the_first_bad_entry_is_named(place: Path) -> None:
    victim = "(SELECT entry_id FROM audit_seal WHERE tenant = 'main' AND seq = 2)"
    file = place / "data" / "headwater.sqlite"
    tamper(file, [f"UPDATE audit SET actor = 'eve' WHERE id = {victim}"])
    done = headwater("audit", "verify", "--data", str(place / "data"))
    assert done.returncode == 1
    assert "main entry 2: entry 2" in done.stderr
    tamper(file, [f"UPDATE audit SET actor = 'Headwater API' WHERE id = {victim}"])
    assert headwater("audit", "verify", "--data", str(place / "data")).returncode == 0


def test_a_file_proves_itself(place: Path) -> None:
    whole = place / "log.jsonl"
    assert headwater("audit", "verify", "--file", str(whole)).returncode == 0
    lines = whole.read_text().splitlines()
    cut = place / "cut.jsonl"
    cut.write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    done = headwater("audit", "verify", "--file", str(cut))
    assert done.returncode == 1
    assert "entry 2 is missing" in done.stderr


def test_what_is_not_there(tmp_path: Path) -> None:
    assert headwater("audit", "verify", "--data", str(tmp_path / "no")).returncode == 3
    assert headwater("audit", "verify", "--data", str(tmp_path)).returncode == 3
    assert headwater("audit", "verify", "--file", str(tmp_path / "no")).returncode == 2
