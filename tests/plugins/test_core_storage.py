"""The tasks on files of the internal storage."""

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.plugins.api import Runnable, TaskFailed
from app.plugins.core.storage import (
    Concat,
    DeduplicateItems,
    Delete,
    FilterItems,
    LocalFiles,
    PurgeCurrentExecutionFiles,
    Reverse,
    Size,
    Split,
    Write,
)
from app.plugins.http.reqwest import ReqwestClient
from tests.plugins.contexts import Context

ITEMS = (
    b'{key:"k1",value:1}\n{"key":"k2","value":"dummy"}\r\n\n{key:"k3",value:3}\n{key:"k4",value:4}'
)


def make(kind: type[Runnable], **properties: Any) -> Runnable:
    return kind.model_validate({"id": "t", "type": kind.type_name, **properties})


@pytest.fixture
def context() -> Context:
    return Context(ReqwestClient())


async def run(context: Context, kind: type[Runnable], **properties: Any) -> dict[str, Any]:
    return dict(await make(kind, **properties).run(context) or {})


async def test_concat(context: Context) -> None:
    one, two = await context.store("1", b"one"), await context.store("2", b"two\n")
    made = await run(context, Concat, files=[one, two], separator=";", extension=".txt")
    assert made["uri"].endswith(".txt")
    assert await context.text(made["uri"]) == "one;two\n;"
    again = await run(context, Concat, files=f'["{one}", "{one}"]')
    assert await context.text(again["uri"]) == "oneone"
    assert again["uri"].endswith(".tmp")
    with pytest.raises(TaskFailed, match="list of URIs"):
        await run(context, Concat, files="{}")


async def test_split(context: Context) -> None:
    uri = await context.store("a.csv", b"1\n2\n3\n4\n5")
    by_rows = await run(context, Split, **{"from": uri, "rows": 2})
    assert [await context.text(each) for each in by_rows["uris"]] == ["1\n2\n", "3\n4\n", "5\n"]
    assert all(each.endswith(".csv") for each in by_rows["uris"])
    all_at_once = await run(
        context, Split, **{"from": uri, "bytes": "4", "rows": 1, "partitions": 2}
    )
    assert len(all_at_once["uris"]) == 3
    with pytest.raises(TaskFailed, match="size of the batches"):
        await run(context, Split, **{"from": uri})


async def test_write_size_and_delete(context: Context) -> None:
    made = await run(context, Write, content="grüße", extension=".md")
    assert made["uri"].endswith(".md")
    assert await run(context, Size, uri=made["uri"]) == {"size": 7}
    assert (await run(context, Delete, uri=made["uri"]))["deleted"] is True
    assert (await run(context, Delete, uri=made["uri"]))["deleted"] is False
    with pytest.raises(TaskFailed, match="no file"):
        await run(context, Delete, uri=made["uri"], errorOnMissing=True)


async def test_purge(context: Context) -> None:
    uri = await context.store("a", b"1")
    assert await run(context, PurgeCurrentExecutionFiles) == {"uris": [uri]}
    assert await run(context, PurgeCurrentExecutionFiles) == {"uris": []}


@pytest.mark.parametrize(
    ("behaviour", "kept"),
    [("INCLUDE", ["k2", "k4"]), ("EXCLUDE", ["k4"])],
)
async def test_filter(context: Context, behaviour: str, kept: list[str]) -> None:
    uri = await context.store("items.ion", ITEMS)
    made = await run(
        context, FilterItems,
        **{"from": uri, "filterCondition": " {{ value % 2 == 0 }} "},
        errorOrNullBehavior=behaviour,
    )  # fmt: skip
    assert (made["processedItemsTotal"], made["droppedItemsTotal"]) == (4, 4 - len(kept))
    found = await context.text(made["uri"])
    assert [each in found for each in ("k1", "k2", "k3", "k4")] == [
        each in kept for each in ("k1", "k2", "k3", "k4")
    ]


async def test_filter_fails_by_default(context: Context) -> None:
    uri = await context.store("items.ion", ITEMS)
    with pytest.raises(TaskFailed, match="record 2"):
        await run(context, FilterItems, **{"from": uri, "filterCondition": "{{ value % 2 == 0 }}"})


async def test_filter_excludes(context: Context) -> None:
    uri = await context.store("items.ion", ITEMS)
    made = await run(
        context, FilterItems,
        **{"from": uri, "filterCondition": "{{ key == 'k1' }}", "filterType": "EXCLUDE"},
    )  # fmt: skip
    assert made["droppedItemsTotal"] == 1
    assert "k1" not in await context.text(made["uri"])


@pytest.mark.parametrize("line", [b"{", b"[1]", b"1", b"\xff", b'{"a":1} {"b":2}'])
async def test_what_is_no_record(context: Context, line: bytes) -> None:
    uri = await context.store("items.ion", b"{a:1}\n" + line)
    with pytest.raises(TaskFailed, match="line 2"):
        await run(context, FilterItems, **{"from": uri, "filterCondition": "true"})


async def test_deduplicate_keeps_the_last(context: Context) -> None:
    uri = await context.store(
        "items.ion", b"".join(b'{key:"%d",n:%d}\n' % (n % 3, n) for n in range(1000))
    )
    made = await run(context, DeduplicateItems, **{"from": uri, "expr": "{{ key }}"})
    assert made["numKeys"] == 3
    assert (made["processedItemsTotal"], made["droppedItemsTotal"]) == (1000, 997)
    assert await context.text(made["uri"]) == (
        '{key:"1",n:997}\n{key:"2",n:998}\n{key:"0",n:999}\n'
    )


async def test_deduplicate_nothing(context: Context) -> None:
    uri = await context.store("items.ion", b"")
    made = await run(context, DeduplicateItems, **{"from": uri, "expr": "{{ key }}"})
    assert made["numKeys"] == 0
    assert await context.text(made["uri"]) == ""


@given(st.lists(st.text("ab€\t ", max_size=5), max_size=30), st.sampled_from(["\n", "\r\n", "\r"]))
async def test_reverse_twice_is_the_same(lines: list[str], end: str) -> None:
    context = Context(ReqwestClient())
    uri = await context.store("a.txt", "".join(line + end for line in lines).encode())
    once = (await run(context, Reverse, **{"from": uri}))["uri"]
    assert await context.text(once) == "".join(line + "\n" for line in reversed(lines))


async def test_reverse_in_blocks_and_charsets(context: Context) -> None:
    text = "".join(f"{number} ä{'x' * 300}\n" for number in range(5000))
    uri = await context.store("a.txt", text.encode("latin-1"))
    made = await run(context, Reverse, **{"from": uri, "charset": "ISO-8859-1"})
    data = b"".join([chunk async for chunk in context.storage.get(made["uri"])])
    assert data.decode("latin-1").splitlines() == text.splitlines()[::-1]
    for charset in ("UTF-8", "no-such"):
        with pytest.raises(TaskFailed):
            await run(context, Reverse, **{"from": uri, "charset": charset})


async def test_local_files(context: Context) -> None:
    uri = await context.store("a", b"stored")
    made = await run(
        context, LocalFiles,
        inputs={"hello.txt": "Hello", "in/b.txt": uri, "/c.json": {"a": 1}},
        outputs=["*.txt", "in/**"],
    )  # fmt: skip
    assert sorted(made["uris"]) == ["hello.txt", "in/b.txt"]
    assert await context.text(made["uris"]["in/b.txt"]) == "stored"
    assert ((await context.directory()) / "c.json").read_text() == '{"a": 1}'


async def test_local_files_stay_inside(context: Context) -> None:
    directory = await context.directory()
    (directory / "link.txt").symlink_to("/etc/passwd")
    (directory / "folder").symlink_to("/etc")
    os.mkfifo(directory / "pipe.txt")
    assert (await run(context, LocalFiles, outputs=["**"]))["uris"] == {}
    for name in ("../x", "a/../../x", "", "a\0b"):
        with pytest.raises(TaskFailed):
            await run(context, LocalFiles, inputs={name: "1"})
    with pytest.raises(TaskFailed):
        await run(context, LocalFiles, inputs="[1]")
    with pytest.raises(TaskFailed, match="bracket"):
        await run(context, LocalFiles, outputs=["[a"])
