"""Files of executions: uploaded as inputs, kept in storage, sent to those who may have them."""

import pytest

from tests.api.conftest import RETURN, Api

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILE = """
inputs:
  - id: data
    type: FILE
tasks:
  - id: uri
    type: io.kestra.plugin.core.debug.Return
    format: "{{ inputs.data }}"
"""


@pytest.mark.parametrize(
    "part",
    [
        {"data": ("my file;1.csv", b"a,b\r\n\x00\xff" * 1000, "text/csv")},
        {"files": ("data", b"a,b\r\n\x00\xff" * 1000)},  # as older clients name it
    ],
)
async def test_a_file_is_stored_and_can_be_read(api: Api, ns: str, part: dict) -> None:
    await api.flow(ns, FILE)
    execution = await api.post(f"executions/{ns}/f?wait=true", files=part)
    uri = execution["inputs"]["data"]
    folder = f"kestra:///{ns}/f/executions/{execution['id']}/inputs/data/"
    assert uri.startswith(folder)
    assert execution["taskRunList"][0]["outputs"]["value"] == uri
    path = f"executions/{execution['id']}/file"
    answer = await api.answer("GET", path, params={"path": uri})
    assert answer.content == b"a,b\r\n\x00\xff" * 1000
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["content-length"] == "7000"
    metas = await api.get(f"{path}/metas", params={"path": uri})
    assert metas == {"size": 7000}


async def test_files_of_others_are_not_found(api: Api, ns: str) -> None:
    await api.flow(ns, FILE)
    one, two = [
        await api.post(f"executions/{ns}/f?wait=true", files={"data": ("x", b"secret")})
        for _ in range(2)
    ]
    own = one["inputs"]["data"]
    for uri in (
        two["inputs"]["data"],
        own.replace("/inputs/", "/inputs/../../" + two["id"] + "/inputs/"),
        own.replace("/inputs/", "/inputs/%2e%2e/"),
        own + "/",
        own + "x",
        own.replace("kestra://", "file://"),
        "/etc/passwd",
        "kestra:///",
        "kestra:///../../etc/passwd",
        own.replace(ns, ns + "/x"),
    ):
        answer = await api.answer("GET", f"executions/{one['id']}/file", params={"path": uri})
        assert answer.status_code in (404, 422), (uri, answer.text)
    for path in ("file", "file?path=", "file/metas"):
        await api.get(f"executions/{one['id']}/{path}", 400)


async def test_a_refused_execution_leaves_no_file(api: Api, ns: str) -> None:
    await api.flow(ns, FILE.replace("tasks:", "  - {id: n, type: INT}\ntasks:"))
    await api.post(f"executions/{ns}/f", 422, files={"data": ("x", b"1"), "n": (None, "no")})
    headers = {"Idempotency-Key": "files"}
    parts = {"data": ("x", b"1"), "n": (None, "1")}
    first = await api.post(f"executions/{ns}/f", files=parts, headers=headers)
    again = await api.post(f"executions/{ns}/f", files=parts, headers=headers)
    assert again["id"] == first["id"]
    other = {"data": ("x", b"2"), "n": (None, "1")}
    await api.post(f"executions/{ns}/f", 409, files=other, headers=headers)
    folder = api.node.settings.data_dir / "storage" / "files"
    stored = [each for each in folder.rglob("*") if each.is_file() and ns in each.parts]
    assert len(stored) == 1


async def test_bodies_that_are_no_form(api: Api, ns: str) -> None:
    await api.flow(ns, RETURN)
    path = f"executions/{ns}/f"
    multipart = {"content-type": "multipart/form-data; boundary=b"}
    urlencoded = {"content-type": "application/x-www-form-urlencoded"}
    part = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n'
    for status, content, headers in (
        (200, b"", {}),
        (200, b"", multipart),
        (200, b"--b--\r\n", multipart),
        (200, part + b"Ann\r\n--b--", multipart),
        (200, b"name=Ann&other=x", urlencoded),
        (400, part + b"Ann", multipart),
        (400, b"garbage", multipart),
        (400, b"--b\r\n\r\nx\r\n--b--", multipart),
        (400, part + b"\xff\r\n--b--", multipart),
        (400, b"", {"content-type": "multipart/form-data"}),
        (400, b"name=%ff", urlencoded),
        (413, (part + b"x\r\n") * 1001 + b"--b--", multipart),
        (413, part + b"x" * 300_000, multipart),
        (415, b'{"name": "Ann"}', {"content-type": "application/json"}),
        (415, b"name=Ann", {}),
        (415, b"", {"content-encoding": "gzip"}),
    ):
        await api.post(path, status, content=content, headers=headers)


async def test_an_endless_body_is_cut_off(api: Api, ns: str) -> None:
    await api.flow(ns, FILE)
    sent = 0

    async def endless():
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="data"; filename="x"\r\n\r\n'
        while True:
            sent += 50_000
            assert sent < 1_000_000
            yield b"x" * 50_000

    headers = {"content-type": "multipart/form-data; boundary=b"}
    await api.post(f"executions/{ns}/f", 413, content=endless(), headers=headers)


async def test_the_extension_of_a_file_input(api: Api, ns: str) -> None:
    await api.flow(
        ns,
        """
        inputs:
          - {id: data, type: FILE, extension: .csv, required: false}
          - {id: plain, type: FILE, required: false}
          - {id: image, type: FILE, required: false, allowedFileExtensions: [.png, jpg]}
        tasks:
          - {id: say, type: io.kestra.plugin.core.log.Log, message: hi}
        """,
    )

    async def names(**files: tuple[str, bytes]) -> dict[str, str]:
        done = await api.post(f"executions/{ns}/f?wait=true", files=files)
        return {name: uri.rpartition("/")[2] for name, uri in done["inputs"].items() if uri}

    given = {"data": ("a.txt", b"1"), "plain": ("b.txt", b"1"), "image": ("c.JPG", b"1")}
    assert await names(**given) == {"data": "a.txt.csv", "plain": "b.txt", "image": "c.JPG"}
    assert await names(data=("a.CSV", b"1")) == {"data": "a.CSV"}
    assert await names(files=("plain", b"1")) == {"plain": "plain.upl"}
    answer = await api.post(f"executions/{ns}/f", 422, files={"image": ("c.gif", b"1")})
    assert "extensions" in answer["message"]
