"""Repositories, mirrors and a Git server for the tests of `app.git`."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from app.git import location
from app.git.location import Credentials, Location
from app.git.mirror import Mirror
from app.git.process import Limits
from tests.git.scratch import Scratch
from tests.git.server import GitServer, serving

MakeMirror = Callable[..., Mirror]


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    """An empty bare repository, to be served as `acme.git`."""
    return Scratch(tmp_path / "served" / "acme.git")


@pytest.fixture
def server(tmp_path: Path, scratch: Scratch) -> Iterator[GitServer]:
    scratch.git("config", "http.receivepack", "true")
    with serving(tmp_path / "served") as app:
        yield app


@pytest.fixture
def make_mirror(tmp_path: Path) -> Iterator[MakeMirror]:
    """A function that opens a mirror in a folder of its own; all are closed in the end."""
    with ExitStack() as stack:

        def make(where: Location, name: str = "mirror", **options: Any) -> Mirror:
            options.setdefault("limits", Limits(seconds=30, network_seconds=30))
            mirror = Mirror(tmp_path / "data" / name, where, **options)
            return stack.enter_context(mirror)

        yield make


@pytest.fixture
def mirror(make_mirror: MakeMirror, scratch: Scratch) -> Mirror:
    """A mirror of the scratch repository, by its path."""
    return make_mirror(location.local(scratch.path))


@pytest.fixture
def own(make_mirror: MakeMirror) -> Mirror:
    """A repository of our own."""
    return make_mirror(location.own(), "own")


@pytest.fixture
def remote_mirror(make_mirror: MakeMirror, server: GitServer) -> Mirror:
    """A mirror of the scratch repository, by HTTP with a password."""
    where = location.remote(server.url("acme.git"), allow_http=True)
    return make_mirror(where, credentials=ann)


def ann() -> Credentials:
    return Credentials("s3cret-token", "ann")
