"""Namespace files by the API: every change is a commit, every archive is suspected."""

import io
import stat
import zipfile
from typing import Any

import pytest

from app.api.file_archives import MOST_FILES, unpacked
from app.errors import TooLarge
from tests.api.conftest import RETURN, Api

pytestmark = pytest.mark.asyncio(loop_scope="module")


def upload(data: bytes, name: str = "file") -> dict[str, Any]:
    return {"fileContent": (name, data, "application/octet-stream")}


def archive(files: dict[str, bytes], *, links: tuple[str, ...] = ()) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            kind = stat.S_IFLNK if name in links else stat.S_IFREG
            info.external_attr = (kind | (0o755 if name.endswith(".sh") else 0o644)) << 16
            target.writestr(info, data)
    return made.getvalue()


def place(ns: str, more: str = "") -> str:
    return f"namespaces/{ns}/files{more}"


async def put(api: Api, ns: str, path: str, data: bytes, status: int = 200) -> Any:
    return await api.post(place(ns, f"?path={path}"), status, files=upload(data))


async def test_a_file_is_written_read_and_deleted(api: Api, ns: str) -> None:
    made = await put(api, ns, "/scripts/a.py", b"print(1)")
    assert made[0]["path"] == "/scripts/a.py"
    answer = await api.answer("GET", place(ns, "?path=/scripts/a.py"))
    assert answer.content == b"print(1)"
    assert answer.headers["content-disposition"].startswith('attachment; filename="a.py"')
    await api.ask("DELETE", place(ns, "?path=scripts/a.py"), 204)
    await api.get(place(ns, "?path=/scripts/a.py"), 404)
    await api.ask("DELETE", place(ns, "?path=scripts/a.py"), 404)


async def test_revisions(api: Api, ns: str) -> None:
    for data in (b"1", b"2", b"3"):
        await put(api, ns, "a", data)
    await put(api, ns, "b", b"other")
    found = await api.get(place(ns, "/revisions?path=/a"))
    assert [each["revision"] for each in found] == [1, 2, 3]
    assert found[0]["message"] == "Upload file a"
    assert (await api.answer("GET", place(ns, "?path=a&revision=2"))).text == "2"
    assert (await api.answer("GET", place(ns, f"?path=a&commit={found[0]['commit']}"))).text == "1"
    await api.get(place(ns, "?path=a&revision=4"), 404)
    await api.get(place(ns, "?path=a&commit=abcdef012345"), 404)


async def test_listings(api: Api, ns: str) -> None:
    for path in ("x/y/deep.txt", "x/a.txt", "top.txt"):
        await put(api, ns, path, b"12345")
    await api.post(place(ns, "/directory?path=/empty"))
    assert await api.get(place(ns, "/search?q=TXT")) == ["/top.txt", "/x/a.txt", "/x/y/deep.txt"]
    top = await api.get(place(ns, "/directory"))
    assert [(each["fileName"], each["type"]) for each in top] == [
        ("empty", "Directory"), ("x", "Directory"), ("top.txt", "File"),
    ]  # fmt: skip
    assert await api.get(place(ns, "/directory?path=/empty")) == []
    one = await api.get(place(ns, "/stats?path=/x/a.txt"))
    assert (one["type"], one["size"], one["fileName"]) == ("File", 5, "a.txt")
    assert one["lastModifiedTime"] >= one["creationTime"] > 1_600_000_000_000
    assert (await api.get(place(ns, "/stats?path=/x")))["type"] == "Directory"
    await api.get(place(ns, "/stats?path=/none"), 404)
    await api.get(place(ns, "/directory?path=/none"), 404)


async def test_moving(api: Api, ns: str) -> None:
    for path in ("a/1", "a/b/2", "c"):
        await put(api, ns, path, path.encode())
    await api.ask("PUT", place(ns, "?from=/a&to=/z/a"), 200)
    assert await api.get(place(ns, "/search?q=")) == ["/c", "/z/a/1", "/z/a/b/2"]
    assert (await api.answer("GET", place(ns, "?path=z/a/b/2"))).text == "a/b/2"
    await api.ask("PUT", place(ns, "?from=/c&to=/z/a/1"), 409)
    await api.ask("PUT", place(ns, "?from=/none&to=/x"), 404)
    await api.ask("DELETE", place(ns, "?path=/z"), 204)
    assert await api.get(place(ns, "/search?q=")) == ["/c"]


async def test_a_pointer_of_git_lfs_is_moved_as_it_is(api: Api, ns: str) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 9\n" % (b"a" * 64)
    await put(api, ns, "big", pointer)
    await api.ask("PUT", place(ns, "?from=/big&to=/bigger"), 200)
    [found] = await api.get(place(ns, "/directory?path=/"))
    assert (found["fileName"], found["size"]) == ("bigger", len(pointer))
    refused = await api.answer("GET", place(ns, "?path=bigger"))
    assert (refused.status_code, "Git LFS" in refused.text) == (409, True)


async def test_an_archive_is_unpacked_and_exported(api: Api, ns: str) -> None:
    flow = f"id: zipped\nnamespace: {ns}\n{RETURN}".encode()
    files = {"a/run.sh": b"#!/bin/sh\n", "b.txt": b"b", "_flows/zipped.yaml": flow, "e/": b""}
    await api.post(place(ns, "?path=/any"), files=upload(archive(files), "all.ZIP"))
    assert await api.get(place(ns, "/search?q=")) == ["/a/run.sh", "/b.txt"]
    assert (await api.run(f"{ns}/zipped"))["state"]["current"] == "SUCCESS"
    answer = await api.answer("GET", place(ns, "/export"))
    with zipfile.ZipFile(io.BytesIO(answer.content)) as exported:
        assert sorted(exported.namelist()) == ["_flows/zipped.yaml", "a/run.sh", "b.txt"]
        assert exported.read("_flows/zipped.yaml") == flow
        assert exported.getinfo("a/run.sh").external_attr >> 16 & 0o111


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"../x": b""}, 422),
        ({"/etc/passwd": b""}, 422),
        ({"a/../../x": b""}, 422),
        ({"a\\b": b""}, 422),
        ({"link": b"/etc/passwd"}, 422),
        ({".git/config": b""}, 422),
        ({"bomb": b"\0" * 60 * 1024 * 1024}, 413),
    ],
)
async def test_hostile_archives(api: Api, ns: str, files: dict[str, bytes], status: int) -> None:
    data = archive(files, links=("link",))
    await api.post(place(ns, "?path=/x"), status, files=upload(data, "x.zip"))
    assert await api.get(place(ns, "/search?q=")) == []


async def test_archives_of_too_much() -> None:
    many = archive({str(number): b"" for number in range(MOST_FILES + 1)})
    with pytest.raises(TooLarge, match="files"):
        unpacked(io.BytesIO(many), 1000)
    with pytest.raises(TooLarge, match="too large"):
        unpacked(io.BytesIO(archive({"a": b"x" * 1001})), 1000)


async def test_what_is_refused(api: Api, ns: str) -> None:
    await api.post(place(ns, "?path=/x"), 400, files=upload(b"no zip", "x.zip"))
    await api.post(place(ns, "?path=/../x"), 400, files=upload(b"1"))
    await api.post(place(ns, "?path=/"), 422, files=upload(b"1"))
    await api.post(place(ns, "?path=/.git/x"), 422, files=upload(b"1"))
    await api.post(place(ns, "?path=/x"), 400, files={"other": (None, "1")})
    await api.post(place(ns, "?path=/x"), 413, files=upload(b"x" * 300_000))
    await api.post(place("Upper", "?path=/x"), 404, files=upload(b"1"))
    await api.post(place("a..b", "?path=/x"), 422, files=upload(b"1"))
    await put(api, ns, "a/b", b"1")
    await put(api, ns, "a", b"1", 409)


async def test_executions_read_the_files_of_their_commit(api: Api, ns: str) -> None:
    await put(api, ns, "in.txt", b"one")
    await api.flow(
        ns,
        """
        tasks:
          - id: get
            type: io.kestra.plugin.core.namespace.DownloadFiles
            files: in.txt
          - id: put
            type: io.kestra.plugin.core.namespace.UploadFiles
            filesMap:
              out/copy.txt: "{{ outputs.get.files['/in.txt'] }}"
          - id: again
            type: io.kestra.plugin.core.namespace.DownloadFiles
            files: "out/**"
        """,
    )
    done = await api.run(f"{ns}/f")
    assert done["state"]["current"] == "SUCCESS", done
    assert list(done["taskRunList"][2]["outputs"]["files"]) == ["/out/copy.txt"]
    assert (await api.answer("GET", place(ns, "?path=/out/copy.txt"))).text == "one"
    (made,) = await api.get(place(ns, "/revisions?path=/out"))
    assert made["message"] == "Update file out/copy.txt"
