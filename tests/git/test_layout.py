"""Layout rules: what a path is, and what a survey of a tree finds wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.git.history import SUBMODULE, SYMLINK
from app.git.layout import Kind, Layout
from app.git.mirror import Mirror
from app.git.survey import SizeLimits, lfs_finding, lfs_pointer, survey
from app.git.trees import Entry, ls_tree
from tests.git.scratch import Scratch

NS = "tenants/acme/namespaces/company.team"


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        (f"{NS}/flows/a.yaml", Kind.FLOW, "a.yaml"),
        (f"{NS}/flows/sub/b.yml", Kind.FLOW, "sub/b.yml"),
        (f"{NS}/flows/flows/c.yaml", Kind.FLOW, "flows/c.yaml"),
        (f"{NS}/files/x/run.sh", Kind.FILE, "x/run.sh"),
        (f"{NS}/files/.hidden", Kind.FILE, ".hidden"),
        (f"{NS}/tests/t.yaml", Kind.TEST, "t.yaml"),
        (f"{NS}/dashboards/d.yaml", Kind.DASHBOARD, "d.yaml"),
        (f"{NS}/variables.yaml", Kind.VARIABLES, "variables.yaml"),
        (f"{NS}/secrets.sops.yaml", Kind.SECRETS, "secrets.sops.yaml"),
        (f"{NS}/secrets.preview.sops.yaml", Kind.PREVIEW_SECRETS, "secrets.preview.sops.yaml"),
        (f"{NS}/namespace.yaml", Kind.NAMESPACE, "namespace.yaml"),
        ("tenants/acme/tenant.yaml", Kind.TENANT, "tenant.yaml"),
        ("sources/other.yaml", Kind.SOURCE, "other.yaml"),
        ("headwater.yaml", Kind.SETTINGS, "headwater.yaml"),
        (".headwaterignore", Kind.IGNORE, ".headwaterignore"),
        ("CODEOWNERS", Kind.OWNERS, "CODEOWNERS"),
    ],
)
def test_native(path: str, kind: Kind, name: str) -> None:
    place = Layout().place(path)
    assert place is not None
    assert (place.kind, place.name, place.path) == (kind, name, path)
    if path.startswith(NS):
        assert (place.tenant, place.namespace) == ("acme", "company.team")
    rooted = Layout(root="deploy/flows").place(f"deploy/flows/{path}")
    assert rooted is not None
    assert (rooted.kind, rooted.path) == (kind, f"deploy/flows/{path}")
    assert Layout(root="deploy/flows").place(path) is None
    assert Layout(root="deploy/flo").place(f"deploy/flows/{path}") is None


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "a.yaml",
        f"{NS}/README.md",
        f"{NS}/flows/notes.md",
        f"{NS}/flows",
        f"{NS}/x.yaml",
        "tenants/acme/flows/a.yaml",
        "tenants/a.yaml",
        "tenants",
        "namespaces/x/flows/a.yaml",
        "x/headwater.yaml",
    ],
)
def test_nothing_to_us(path: str) -> None:
    assert Layout().place(path) is None
    assert Layout().misplaced(path) is None


def test_kestra() -> None:
    layout = Layout(style="kestra", root="git", tenant="acme")
    flow = layout.place("git/company.team/flows/a.yaml")
    assert flow is not None
    assert (flow.kind, flow.tenant, flow.namespace) == (Kind.FLOW, "acme", "company.team")
    file = layout.place("git/company.team/files/a/b")
    assert file is not None
    assert (file.kind, file.name) == (Kind.FILE, "a/b")
    board = layout.place("git/_global/dashboards/a.yaml")
    assert board is not None
    assert (board.kind, board.namespace) == (Kind.DASHBOARD, "")
    assert layout.place("git/_global/flows/a.yaml") is None
    assert layout.place("git/README.md") is None
    assert layout.flow_path("acme", "company.team", "a") == "git/company.team/flows/a.yaml"


@given(
    style=st.sampled_from(["native", "kestra"]),
    root=st.sampled_from(["", "a", "a/b"]),
    namespace=st.from_regex(r"[a-z][a-z0-9]{0,5}(\.[a-z][a-z0-9]{0,5}){0,2}", fullmatch=True),
    name=st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True),
)
def test_what_is_written_is_found_again(style: str, root: str, namespace: str, name: str) -> None:
    layout = Layout(style, root)  # type: ignore[arg-type]  # one of the two
    flow = layout.place(layout.flow_path("main", namespace, name))
    file = layout.place(layout.file_path("main", namespace, f"{name}/x"))
    assert flow is not None
    assert file is not None
    assert (flow.kind, flow.tenant, flow.namespace) == (Kind.FLOW, "main", namespace)
    assert (file.kind, file.name, file.namespace) == (Kind.FILE, f"{name}/x", namespace)


@given(
    st.lists(st.sampled_from(["tenants", "a", "namespaces", "a.b", "flows", "x.yaml", "..", ""]))
)
def test_takes_any_path(parts: list[str]) -> None:
    path = "/".join(parts)
    for layout in (Layout(), Layout("kestra"), Layout(root="a")):
        layout.place(path)
        layout.misplaced(path)
        layout.is_folder_of_ours(path)


def entry(path: str, mode: int = 0o100644, size: int | None = 10) -> Entry:
    return Entry(path, mode, "commit" if mode == SUBMODULE else "blob", "1" * 40, size)


def codes(*entries: Entry, layout: Layout = Layout()) -> list[tuple[str, str]]:  # noqa: B008
    return [(f.code, f.path) for f in survey(entries, layout).findings]


def test_nested_namespace_folder() -> None:
    nested = "tenants/acme/namespaces/company/team"
    result = survey([entry(f"{nested}/flows/a.yaml"), entry(f"{nested}/flows/b.yaml")], Layout())
    [finding] = result.findings
    assert (finding.code, finding.severity, finding.path) == (
        "NESTED_NAMESPACE_DIR",
        "error",
        nested,
    )
    assert finding.fix == f"git mv {nested} tenants/acme/namespaces/company.team"
    assert result.files == []


def test_nested_folder_is_quoted_in_the_fix() -> None:
    layout = Layout(root="it's; rm -rf x")
    [finding] = survey(
        [entry("it's; rm -rf x/tenants/acme/namespaces/a/b/variables.yaml")], layout
    ).findings
    assert finding.fix.startswith("""git mv 'it'"'"'s; rm -rf x/tenants""")


def test_other_folders_of_a_kestra_repository_are_none_of_ours() -> None:
    layout = Layout("kestra")
    assert codes(entry("src/app/tests/x.yaml"), entry("a/b/files/x"), layout=layout) == []
    assert codes(entry("a/b/flows/x.yaml"), layout=layout) == [("NESTED_NAMESPACE_DIR", "a/b")]


def test_links_and_submodules() -> None:
    assert codes(entry(f"{NS}/flows/x.yaml", SYMLINK)) == [("SYMLINK", f"{NS}/flows/x.yaml")]
    assert codes(entry(f"{NS}/files/x", SUBMODULE)) == [("SUBMODULE", f"{NS}/files/x")]
    assert codes(entry(f"{NS}/flows", SYMLINK)) == [("SYMLINK", f"{NS}/flows")]
    assert codes(entry("tenants/acme", SUBMODULE)) == [("SUBMODULE", "tenants/acme")]
    assert codes(entry("docs/link", SYMLINK), entry("vendor/x", SUBMODULE)) == []


def test_sizes() -> None:
    small = SizeLimits(document=100, file=1000)
    entries = [
        entry(f"{NS}/flows/a.yaml", size=100),
        entry(f"{NS}/flows/b.yaml", size=101),
        entry(f"{NS}/files/c", size=1000),
        entry(f"{NS}/files/d", size=1001),
    ]
    result = survey(entries, Layout(), limits=small)
    assert [finding.code for finding in result.findings] == ["TOO_LARGE", "TOO_LARGE"]
    assert [located.place.name for located in result.files] == ["a.yaml", "c"]


def test_names() -> None:
    bad = [
        ("INVALID_NAMESPACE", "tenants/acme/namespaces/Bad/flows/a.yaml"),
        ("INVALID_NAMESPACE", "tenants/acme/namespaces/a..b/flows/a.yaml"),
        ("INVALID_NAMESPACE", "tenants/acme/namespaces/a./flows/a.yaml"),
        ("INVALID_TENANT", "tenants/Acme/namespaces/a/flows/a.yaml"),
        ("INVALID_TENANT", "tenants/-/tenant.yaml"),
        ("INVALID_TENANT", "tenants/users/namespaces/a/flows/a.yaml"),
        ("INVALID_TENANT", "tenants/flows/tenant.yaml"),
    ]
    assert codes(*(entry(path) for _, path in bad)) == bad


def test_case_collision_is_a_warning() -> None:
    result = survey([entry(f"{NS}/flows/A.yaml"), entry(f"{NS}/flows/a.yaml")], Layout())
    assert [finding.code for finding in result.findings] == ["CASE_COLLISION"]
    assert len(result.files) == 2


def test_ignored() -> None:
    result = survey([entry(f"{NS}/flows/a.yaml", SYMLINK)], Layout(), ignored=lambda _: True)
    assert (result.files, result.findings) == ([], [])


def test_of_a_real_tree(mirror: Mirror, scratch: Scratch) -> None:
    sha = scratch.commit(
        {
            f"{NS}/flows/ok.yaml": b"id: ok",
            f"{NS}/flows/link.yaml": ("120000", b"/etc/passwd"),
            f"{NS}/files/link": ("120000", b"/etc"),
            f"{NS}/files/sub": ("160000", "a" * 40),
            f"{NS}/files/run": ("100755", b"#!/bin/sh"),
            f"{NS}/flows/\udcff.yaml": b"id: no",
            f"{NS}/files/big": b"x" * 2000,
            "tenants/acme/namespaces/other/variables.yaml": b"a: 1",
        }
    )
    mirror.fetch()
    entries = ls_tree(mirror.disk.launcher, sha, sizes=True)
    result = survey(entries, Layout(), limits=SizeLimits(file=1000))
    assert {(finding.code, finding.path) for finding in result.findings} == {
        ("SYMLINK", f"{NS}/flows/link.yaml"),
        ("SYMLINK", f"{NS}/files/link"),
        ("SUBMODULE", f"{NS}/files/sub"),
        ("NON_UTF8_PATH", f"{NS}/flows/\\xff.yaml"),
        ("TOO_LARGE", f"{NS}/files/big"),
    }
    by_namespace = result.namespaces()
    assert set(by_namespace) == {("acme", "company.team"), ("acme", "other")}
    assert [located.entry.mode for located in result.of(Kind.FILE)] == [0o100755]
    link = next(item for item in entries if item.path.endswith("link.yaml"))
    assert mirror.objects.read(link.oid) == b"/etc/passwd"  # the text of the link, never its target


POINTER = (
    b"version https://git-lfs.github.com/spec/v1\noid sha256:"
    + b"a" * 64
    + b"\nsize 106300440576\n"
)


def test_lfs_pointer() -> None:
    pointer = lfs_pointer(POINTER)
    assert pointer is not None
    assert (pointer.oid, pointer.size) == ("a" * 64, 106300440576)
    for data in (b"", b"id: x", POINTER + b"x", POINTER[1:], POINTER * 2):
        assert lfs_pointer(data) is None
    flow, file = Layout().place(f"{NS}/flows/a.yaml"), Layout().place(f"{NS}/files/a")
    assert flow is not None
    assert file is not None
    finding = lfs_finding(flow, POINTER)
    assert finding is not None
    assert finding.code == "LFS_POINTER"
    assert lfs_finding(flow, b"id: a") is None
    assert lfs_finding(file, POINTER) is None
