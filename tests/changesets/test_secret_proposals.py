"""Secrets that are set where changes are pull requests."""

import pytest
from pydantic import SecretStr

from app.secrets.documents import read_document
from app.secrets.keys import new_identity
from app.sync.changesets.model import Proposed
from tests.changesets.conftest import Begin, merge_pull
from tests.forges.memory import MemoryForge
from tests.git.scratch import Scratch
from tests.sync.rig import ANN, flow, path

FILE = "tenants/main/namespaces/shop/secrets.sops.yaml"


async def test_a_secret_is_proposed(begin: Begin, scratch: Scratch, forge: MemoryForge) -> None:
    identity, _ = new_identity()
    scratch.commit({path("a"): flow("a")})
    rig = await begin(edit_mode="pr", secrets={"age_key": SecretStr(identity)})
    with pytest.raises(Proposed) as caught:
        await rig.sync.secret_writes.put("main", "shop", ("A", "x"), None, actor=ANN, message=None)
    (made,) = caught.value.changesets
    assert made.title == "Set secret A of shop"
    source = scratch.git("show", f"{made.branch}:{FILE}").encode()
    assert read_document(source, [identity]).values == {"A": "x"}
    assert await rig.sync.secret_writes.everywhere("main") == []
    merge_pull(scratch, forge, made.pull_number or 0)
    await rig.outcome()
    assert (await rig.sync.secrets.secrets("main", "shop", None)).find("A") == "x"
