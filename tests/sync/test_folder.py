"""A working folder in dev mode: what is saved is active."""

from pathlib import Path

import pytest

from app.errors import Conflict
from app.sync.folder import write_files
from tests.sync.conftest import Start
from tests.sync.rig import ANN, BROKEN, Rig, flow, path, until


def save(folder: Path, name: str, content: bytes) -> None:
    file = folder / path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    save(folder, "a", flow("a", "1"))
    return folder


@pytest.fixture
async def dev(start: Start, folder: Path) -> Rig:
    return await start(repo=str(folder), mode="dev")


async def test_a_saved_file_is_active(dev: Rig, folder: Path) -> None:
    assert dev.runs("a").revision == 1
    assert dev.runs("a").subject == "Working directory"
    save(folder, "a", flow("a", "2"))
    await until(lambda: dev.runs("a").revision == 2)
    save(folder, "b", flow("b"))
    await until(lambda: dev.flows.in_git("main", "shop", "b"))
    (folder / path("b")).unlink()
    await until(lambda: dev.flows.in_git("main", "shop", "b") is None)


async def test_a_broken_file_keeps_the_last_good_one(dev: Rig, folder: Path) -> None:
    save(folder, "a", BROKEN)
    await until(lambda: dev.sync.main.source.condition("Ready") is not None
                and not dev.sync.main.source.condition("Ready").status)  # fmt: skip
    assert dev.runs("a").revision == 1


async def test_an_edit_by_the_api_is_written_to_the_folder(dev: Rig, folder: Path) -> None:
    text = flow("a", "by the API", "shop").decode()
    made = await dev.sync.put_flow("main", None, None, text, actor=ANN)
    assert made.revision == 2
    assert (folder / path("a")).read_text() == text
    await dev.sync.put_flow("main", None, None, flow("n", "new", "fresh").decode(), actor=ANN)
    assert (folder / path("n", "fresh")).exists()
    await dev.sync.delete_flow("main", "fresh", "n", ANN)
    assert not (folder / path("n", "fresh")).exists()


async def test_it_goes_on_after_a_restart(dev: Rig, folder: Path) -> None:
    await dev.stop()
    save(folder, "a", flow("a", "2"))
    await dev.start()
    await until(lambda: dev.runs("a").revision == 2)


def test_links_are_never_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"theirs")
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "file").symlink_to(outside / "file")
    for name in ("link/new", "file"):
        with pytest.raises(Conflict, match="link"):
            write_files(folder, {name: b"ours"})
    (folder / "plain").write_bytes(b"")
    with pytest.raises(Conflict, match="cannot be written"):
        write_files(folder, {"plain/below": b"ours"})
    assert (outside / "file").read_bytes() == b"theirs"
    assert not (outside / "new").exists()
