"""The tasks on files of namespaces."""

from typing import Any

import pytest

from app.plugins.api import Runnable, TaskFailed
from app.plugins.core.namespace import DeleteFiles, DownloadFiles, UploadFiles
from app.plugins.http.reqwest import ReqwestClient
from tests.plugins.contexts import Context


@pytest.fixture
def context() -> Context:
    return Context(ReqwestClient())


async def run(context: Context, kind: type[Runnable], **properties: Any) -> dict[str, Any]:
    made = kind.model_validate({"id": "t", "type": kind.type_name, **properties})
    return dict(await made.run(context) or {})


async def test_upload_by_map(context: Context) -> None:
    uri = await context.store("a.txt", b"one")
    await run(context, UploadFiles, filesMap={"/path/x.txt": uri}, destination="/folder")
    assert context.namespaces["company.team"] == {"folder/path/x.txt": b"one"}
    await run(context, UploadFiles, files={"y.txt": uri}, namespace="other")
    await run(context, UploadFiles, filesMap=f'{{"z.txt": "{uri}"}}', namespace="other")
    assert context.namespaces["other"] == {"y.txt": b"one", "z.txt": b"one"}
    assert context.metrics[-1][:2] == ("uploaded", 1)


async def test_upload_by_pattern_and_uri(context: Context) -> None:
    directory = await context.directory()
    (directory / "in").mkdir()
    (directory / "in" / "a.py").write_bytes(b"a")
    (directory / "b.txt").write_bytes(b"b")
    (directory / "link.py").symlink_to("/etc/passwd")
    uri = await context.store("c.bin", b"c")
    await run(context, UploadFiles, files=["**.py", uri], destination="x/")
    assert context.namespaces["company.team"] == {"x/in/a.py": b"a", "x/c.bin": b"c"}


async def test_conflicts(context: Context) -> None:
    uri = await context.store("a.txt", b"new")
    kept = context.namespaces["company.team"] = {"a.txt": b"old"}
    await run(context, UploadFiles, filesMap={"a.txt": uri}, conflict="SKIP")
    assert kept == {"a.txt": b"old"}
    with pytest.raises(TaskFailed, match="already"):
        await run(context, UploadFiles, filesMap={"a.txt": uri}, conflict="ERROR")
    await run(context, UploadFiles, filesMap={"a.txt": uri})
    assert kept == {"a.txt": b"new"}


async def test_download(context: Context) -> None:
    context.namespaces["company.team"] = {"a/b.txt": b"1", "c.txt": b"2", "d.py": b"3"}
    made = await run(context, DownloadFiles, files=["b.txt", "/c.txt"], destination="/in")
    assert sorted(made["files"]) == ["/a/b.txt", "/c.txt"]
    assert made["files"]["/a/b.txt"].endswith("/in/a/b.txt")
    assert await context.text(made["files"]["/c.txt"]) == "2"
    assert (await run(context, DownloadFiles, files="**"))["files"].keys() == {
        "/a/b.txt", "/c.txt", "/d.py",
    }  # fmt: skip
    assert (await run(context, DownloadFiles, files="none", namespace="x"))["files"] == {}


async def test_delete(context: Context) -> None:
    kept = context.namespaces["company.team"] = {"a/b.txt": b"1", "c.txt": b"2", "d.py": b"3"}
    await run(context, DeleteFiles, files="**.txt")
    assert kept == {"d.py": b"3"}
    assert context.metrics[-1][:2] == ("deleted", 2)
    await run(context, DeleteFiles, files="nothing")
    assert context.metrics[-1][:2] == ("deleted", 0)


@pytest.mark.parametrize("wrong", ["[1]", "{", '{"a": 1}'])
async def test_what_is_no_map(context: Context, wrong: str) -> None:
    with pytest.raises(TaskFailed, match="filesMap"):
        await run(context, UploadFiles, filesMap=wrong)
