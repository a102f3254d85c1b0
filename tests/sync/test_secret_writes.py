"""Secrets that are set in a repository that others write to, too."""

from typing import Any

import pytest
from pydantic import SecretStr

from app.errors import Conflict, NotFound
from app.flows.secret_files import About
from app.secrets.documents import read_document
from app.secrets.errors import MisplacedSecrets, Tampered, WrongKey
from app.secrets.keys import new_identity
from app.sync.publishing import ReadOnlySource
from app.sync.secret_writes import SecretWrites
from tests.git.scratch import Scratch
from tests.sync.conftest import Start
from tests.sync.rig import ANN, Rig, flow, path
from tests.sync.sealed import sealed

IDENTITY, RECIPIENT = new_identity()
FILE = "tenants/main/namespaces/shop/secrets.sops.yaml"
SHOP = ("main", "shop")
KEYS = {"age_key": SecretStr(IDENTITY)}


async def following(start: Start, scratch: Scratch, **more: Any) -> Rig:
    settings = {"edit_mode": "push", "secrets": KEYS, **more}
    return await start(repo=str(scratch.path), **settings)


async def put(rig: Rig, key: str = "A", value: str = "x", **more: Any) -> None:
    await rig.sync.secret_writes.put(
        *SHOP, (key, value), more.get("about"), actor=ANN, message=more.get("message")
    )


def held(scratch: Scratch, file: str = FILE) -> bytes:
    return scratch.git("show", f"main:{file}").encode() + b"\n"


async def test_a_secret_of_a_file_that_sops_wrote(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("f"): flow("f"), FILE: sealed({"A": "a", "B": {"c": 1}}, RECIPIENT)})
    rig = await following(start, scratch)
    await put(rig, "A", "new")
    found = read_document(held(scratch), [IDENTITY])
    assert found.values == {"A": "new", "B": {"c": 1}}
    assert found.scope == "main/shop"
    assert scratch.git("log", "-1", "--format=%an %s", "main") == "Ann Set secret A of shop"
    assert (await rig.sync.secrets.secrets("main", "shop", None)).find("A") == "new"


async def test_what_others_pushed_since_is_not_lost(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("f"): flow("f"), FILE: sealed({"A": "a"}, RECIPIENT)})
    rig = await following(start, scratch)
    scratch.commit({FILE: sealed({"A": "a", "B": "theirs"}, RECIPIENT)})
    with pytest.raises(Conflict, match="meantime"):
        await put(rig, "C", "ours")
    await rig.sync.sync()
    await put(rig, "C", "ours")
    found = read_document(held(scratch), [IDENTITY]).values
    assert found == {"A": "a", "B": "theirs", "C": "ours"}


async def test_readonly_sources_are_not_written(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("f"): flow("f")})
    rig = await following(start, scratch, edit_mode="readonly")
    with pytest.raises(ReadOnlySource):
        await put(rig)
    assert await rig.sync.secret_writes.is_read_only(*SHOP)


async def test_without_an_identity_a_clone_is_needed(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("f"): flow("f")})
    rig = await following(start, scratch, secrets={})
    with pytest.raises(Conflict, match="headwater secret set"):
        await put(rig)
    writes = rig.sync.secret_writes
    with pytest.raises(NotFound, match="no secret A in namespace shop"):
        await writes.delete(*SHOP, "A", actor=ANN, message=None)
    with pytest.raises(NotFound, match="no secret A in namespace shop"):
        await writes.describe(*SHOP, "A", About(), actor=ANN, message=None)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (sealed({"A": "a"}, new_identity()[1]), WrongKey),
        (sealed({"A": "a"}, RECIPIENT, scope="main/other"), MisplacedSecrets),
        (
            sealed({"A": "a"}, RECIPIENT).replace(b"unencrypted_suffix", b"encrypted_suffix"),
            Tampered,
        ),
    ],
)
async def test_a_file_that_cannot_be_used_is_not_written(
    start: Start, scratch: Scratch, source: bytes, error: type[Exception]
) -> None:
    scratch.commit({path("f"): flow("f")})
    rig = await following(start, scratch)
    ring = rig.sync.secrets.identities.of(*SHOP)
    commit = scratch.commit({FILE: source})
    await rig.sync.sync()
    with pytest.raises((error, Conflict)):
        await put(rig)
    assert ring
    assert scratch.git("rev-parse", "main") == commit


async def test_names_are_told_without_a_key(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("f"): flow("f")})
    rig = await following(start, scratch)
    about = About("of the shop", (("team", "a"),))
    await put(rig, "B", about=about)
    await put(rig, "A")
    other = await following(start, scratch, name="other", secrets={})
    names = await other.sync.secret_writes.everywhere("main")
    assert [(each.key, each.about) for each in names] == [("A", About()), ("B", about)]
    assert await other.sync.secret_writes.everywhere("nobody") == []


async def test_a_tenant_that_the_source_has_by_another_name(start: Start, scratch: Scratch) -> None:
    file = "tenants/acme/namespaces/shop/secrets.sops.yaml"
    scratch.commit({path("f", tenant="acme"): flow("f")})
    rig = await following(start, scratch, tenants={"acme": "acme-dev"})
    await rig.sync.secret_writes.put("acme-dev", "shop", ("A", "x"), None, actor=ANN, message="M")
    assert read_document(held(scratch, file), [IDENTITY]).scope == "acme-dev/shop"


async def test_a_namespace_that_nobody_holds(start: Start, scratch: Scratch) -> None:
    scratch.commit({path("f"): flow("f")})
    rig = await following(start, scratch, namespaces=["main/shop"])
    assert isinstance(rig.sync.secret_writes, SecretWrites)
    with pytest.raises(NotFound):
        await rig.sync.secret_writes.put("main", "els", ("A", "x"), None, actor=ANN, message=None)
