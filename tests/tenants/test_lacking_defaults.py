"""Flows that are sent while plugin defaults cannot be read: none is called invalid for that."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.config import load_settings
from app.ports.flows import DefaultSet
from app.sync.defaults import DefaultsReader
from tests.api.conftest import Api, serving

LOG = "io.kestra.plugin.core.log.Log"
NEEDY = f"id: a\nnamespace: company\ntasks: [{{id: t, type: {LOG}}}]\n"
"""A flow that is only valid with a default of its message."""
WHOLE = NEEDY.replace("}]", ", message: hi}]")
WHY = "the plugin defaults of company cannot be read now: the copy is lost"


@pytest.fixture
async def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """A service that has a flow and cannot read the defaults of it any more."""
    settings = load_settings(
        data_dir=tmp_path / "data", server={"mode": "dev"}, engine={"drain_seconds": 0.1}
    )
    async with serving(settings) as api:
        await api.post("flows", content=WHOLE)

        async def of(*_: object) -> DefaultSet:
            return DefaultSet(lacking="the copy is lost")

        monkeypatch.setattr(DefaultsReader, "of", of)
        yield api


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "flows/validate"),
        ("POST", "flows/graph"),
        ("POST", "flows"),
        ("PUT", "flows/company/a"),
        ("POST", "flows/bulk"),
    ],
)
async def test_what_needs_them_is_not_judged(api: Api, method: str, path: str) -> None:
    answer = await api.ask(method, path, 503, content=NEEDY)
    assert WHY in str(answer)


async def test_an_import_waits_for_them(api: Api) -> None:
    file = {"fileUpload": ("a.yaml", NEEDY)}
    assert WHY in str(await api.post("flows/import", 503, files=file))


async def test_what_is_valid_anyway_is(api: Api) -> None:
    (verdict,) = await api.post("flows/validate", content=WHOLE)
    assert "constraints" not in verdict


async def test_what_cannot_be_read_at_all_is_invalid_anyway(api: Api) -> None:
    (verdict,) = await api.post("flows/validate", content=f"{NEEDY}\tb: [")
    assert "constraints" in verdict


async def test_drafts_are_saved(api: Api) -> None:
    edit = {"namespace": "company", "kind": "flow", "name": "a", "content": NEEDY}
    saved = await api.post("drafts", json=edit)
    problems = [(each["code"], each["severity"]) for each in saved["problems"]]
    assert problems == [("UNAVAILABLE", "warning")]
    assert WHY in saved["problems"][0]["message"]
