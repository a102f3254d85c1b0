"""The beginnings of files, and what editors ask for."""

import base64
from urllib.parse import quote

import pytest

from tests.api.conftest import Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILE = """
inputs:
  - {id: file, type: FILE}
tasks:
  - {id: say, type: io.kestra.plugin.core.debug.Return, format: x}
"""


async def preview(api: Api, ns: str, name: str, data: bytes, query: str = "") -> dict[str, object]:
    await api.flow(ns, FILE)
    execution = await api.post(f"executions/{ns}/f?wait=true", files={"file": (name, data)})
    path = quote(execution["inputs"]["file"], safe="")
    found: dict[str, object] = await api.get(
        f"executions/{execution['id']}/file/preview?path={path}{query}"
    )
    return found


async def test_texts(api: Api, ns: str) -> None:
    found = await preview(api, ns, "a.txt", "ä\nb\nc".encode(), "&maxRows=2")
    assert found == {"extension": "txt", "type": "TEXT", "content": "ä\nb", "truncated": True}
    found = await preview(api, ns, "a.md", "ä".encode("latin-1"), "&encoding=ISO-8859-1")
    assert (found["type"], found["content"]) == ("MARKDOWN", "ä")


async def test_rows(api: Api, ns: str) -> None:
    rows = b'{a: 1, b: "x"}\n{a: 2, b: null}\n'
    found = await preview(api, ns, "a.ion", rows)
    assert found["type"] == "LIST"
    assert found["content"] == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    assert (await preview(api, ns, "a.ion", rows, "&maxRows=1"))["truncated"] is True
    assert (await preview(api, ns, "a.ion", b"{{{ no ion"))["type"] == "TEXT"


async def test_pictures(api: Api, ns: str) -> None:
    found = await preview(api, ns, "a.png", b"\x89PNG")
    assert found["type"] == "IMAGE"
    assert base64.b64decode(str(found["content"])) == b"\x89PNG"
    assert (await preview(api, ns, "a.pdf", b"%PDF"))["type"] == "PDF"


async def test_previews_that_are_refused(api: Api, ns: str) -> None:
    await api.flow(ns, FILE)
    execution = await api.post(f"executions/{ns}/f?wait=true", files={"file": ("a", b"x")})
    path = f"executions/{execution['id']}/file/preview"
    uri = quote(execution["inputs"]["file"], safe="")
    await api.get(f"{path}?path={uri}&encoding=nope", 422)
    await api.get(f"{path}?path={uri}&encoding=base64", 422)
    await api.get(f"{path}?path={uri}&maxRows=0", 400)
    await api.get(f"{path}?path=kestra:///etc/passwd", 404)


async def test_what_editors_ask_for(api: Api) -> None:
    assert "upper" in await api.get("/api/v1/pebble/filters")
    assert "secret" in await api.get("pebble/functions")
    assert (await api.get("/api/v1/configs/login"))["isBasicAuthInitialized"] is True
