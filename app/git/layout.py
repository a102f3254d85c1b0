"""What each path of a repository is: pure rules, no I/O.

`native` is `tenants/<tenant>/namespaces/<dotted.namespace>/{flows,files,tests,…}`; `kestra` is
`<namespace>/{flows,files,tests}` and `_global/dashboards`, as Kestra's TenantSync writes it. What a
whole tenant inherits lies in its folder, or in `_global`. Both
lie below a root folder of the repository. A flow's name is in its content, never in its path.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from app.errors import NotFound

Style = Literal["native", "kestra"]


class Kind(StrEnum):
    """What a file is to us."""

    FLOW = "flow"
    FILE = "file"
    TEST = "test"
    VARIABLES = "variables"
    SECRETS = "secrets"
    PREVIEW_SECRETS = "preview-secrets"
    DASHBOARD = "dashboard"
    NAMESPACE = "namespace"
    TENANT = "tenant"
    SOURCE = "source"
    SETTINGS = "settings"
    IGNORE = "ignore"
    OWNERS = "owners"


@dataclass(frozen=True, slots=True)
class Place:
    """What the file at `path` is. `name` is its path below the folder of its kind."""

    kind: Kind
    path: str
    name: str
    tenant: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A flow that a nested namespace folder hides: `company/team` instead of `company.team`."""

    path: str
    folder: str
    fixed: str


NAMESPACE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]|\.(?=[a-z0-9]))*\Z")

_FOLDERS = {
    "flows": Kind.FLOW,
    "files": Kind.FILE,
    "tests": Kind.TEST,
    "dashboards": Kind.DASHBOARD,
}
_NAMESPACE_FILES = {
    "namespace.yaml": Kind.NAMESPACE,
    "variables.yaml": Kind.VARIABLES,
    "secrets.sops.yaml": Kind.SECRETS,
    "secrets.preview.sops.yaml": Kind.PREVIEW_SECRETS,
}
_TENANT_FILES = {
    "tenant.yaml": Kind.TENANT,
    "variables.yaml": Kind.VARIABLES,
    "secrets.sops.yaml": Kind.SECRETS,
}
_GLOBAL_FILES = {name: kind for name, kind in _TENANT_FILES.items() if kind is not Kind.TENANT}
_ROOT_FILES = {
    "headwater.yaml": Kind.SETTINGS,
    ".headwaterignore": Kind.IGNORE,
    "CODEOWNERS": Kind.OWNERS,
}
_DOCUMENTS = {Kind.FLOW, Kind.TEST, Kind.DASHBOARD}
_YAML = (".yaml", ".yml")
_TAILS = ("x.yaml", "flows/x.yaml", "x/flows/x.yaml", "namespaces/x/flows/x.yaml")


@dataclass(frozen=True, slots=True)
class Layout:
    """The rules of one source.

    `root` is a folder of the repository ("" its top). `tenant` owns what a `kestra` layout holds.
    `tenants` names the tenants of folders below `tenants/` that are called otherwise.
    """

    style: Style = "native"
    root: str = ""
    tenant: str = "main"
    tenants: Mapping[str, str] = field(default_factory=dict)

    def place(self, path: str) -> Place | None:
        """Return what the file at a repository path is, None when it is nothing to us."""
        inside = self.inside(path)
        if inside is None:
            return None
        parts = inside.split("/")
        if len(parts) == 1 and (kind := _ROOT_FILES.get(inside)):
            return Place(kind, path, inside)
        return self._native(path, parts) if self.style == "native" else self._kestra(path, parts)

    def misplaced(self, path: str) -> Misplaced | None:
        """Return the nested namespace folder that hides a file, None when there is none."""
        inside = self.inside(path)
        if inside is None:
            return None
        parts = inside.split("/")
        skip = 3 if self.style == "native" else 0
        if skip and (parts[0] != "tenants" or parts[2:3] != ["namespaces"]):
            return None
        for at in range(skip + 2, len(parts)):
            if parts[at] in (_FOLDERS if at < len(parts) - 1 else _NAMESPACE_FILES):
                return self._nested(path, parts, skip, at)
        return None

    def shadowed(self, path: str) -> tuple[str, str] | None:
        """Return (folder, the one that stands for its tenant) of a file that is hidden by that."""
        inside = self.inside(path)
        parts = inside.split("/") if inside is not None else []
        if self.style != "native" or len(parts) < 3 or parts[0] != "tenants":
            return None
        if self._tenant_of(parts[1]) is not None:
            return None
        other = self._tenant_folder(parts[1])
        return self._join(f"tenants/{parts[1]}"), self._join(f"tenants/{other}")

    def is_folder_of_ours(self, path: str) -> bool:
        """Return whether a namespace's files would lie below `path` if it were a folder."""
        return any(self.place(f"{path}/{tail}") for tail in _TAILS)

    def namespace_folder(self, tenant: str, namespace: str) -> str:
        """Return the repository path of a namespace's folder.

        Raises:
            NotFound: when the repository has no place for the tenant.
        """
        if not self.reads(tenant):
            message = f"the repository has no place for tenant {tenant}: it holds other tenants"
            raise NotFound(message)
        if self.style == "kestra":
            return self._join(namespace)
        return self._join(f"tenants/{self._tenant_folder(tenant)}/namespaces/{namespace}")

    def reads(self, tenant: str) -> bool:
        """Return whether there may be anything of a tenant."""
        if self.style == "kestra":
            return tenant == self.tenant
        return self._tenant_of(self._tenant_folder(tenant)) == tenant

    def namespace_at(self, path: str) -> tuple[str, str] | None:
        """Return (tenant, namespace) of the folder at a path, None when it is no such folder."""
        inside = self.inside(path)
        parts = inside.split("/") if inside else []
        if self.style == "kestra":
            is_one = len(parts) == 1 and parts[0] not in {"_global", "tenants"}
            return (self.tenant, parts[0]) if is_one else None
        if len(parts) != 4 or parts[0] != "tenants" or parts[2] != "namespaces":
            return None
        tenant = self._tenant_of(parts[1])
        return (tenant, parts[3]) if tenant is not None else None

    def below(self, name: str) -> str:
        """Return the repository path of what lies below the root."""
        return self._join(name)

    def flow_path(self, tenant: str, namespace: str, flow_id: str) -> str:
        """Return where a new flow is written."""
        return f"{self.namespace_folder(tenant, namespace)}/flows/{flow_id}.yaml"

    def tenant_file(self, tenant: str) -> str | None:
        """Return where the settings of a tenant lie, None where the layout has none."""
        if self.style == "kestra" or not self.reads(tenant):
            return None
        return self._join(f"tenants/{self._tenant_folder(tenant)}/tenant.yaml")

    def inherited_file(self, tenant: str, namespace: str, name: str) -> str | None:
        """Return where a document lies that is inherited; namespace "": that of the whole tenant.

        None: the repository has no place for the tenant.
        """
        if not self.reads(tenant):
            return None
        if namespace:
            return f"{self.namespace_folder(tenant, namespace)}/{name}"
        if self.style == "kestra":
            return self._join(f"_global/{name}")
        return self._join(f"tenants/{self._tenant_folder(tenant)}/{name}")

    def file_path(self, tenant: str, namespace: str, name: str) -> str:
        """Return where a namespace file is written."""
        return f"{self.namespace_folder(tenant, namespace)}/files/{name}"

    def inside(self, path: str) -> str | None:
        """Return the path relative to the root, None when it lies elsewhere."""
        if not self.root:
            return path
        prefix = f"{self.root}/"
        return path.removeprefix(prefix) if path.startswith(prefix) else None

    def _native(self, path: str, parts: list[str]) -> Place | None:
        if parts[0] == "sources" and len(parts) == 2 and parts[1].endswith(_YAML):
            return Place(Kind.SOURCE, path, parts[1])
        if parts[0] != "tenants" or len(parts) < 3:
            return None
        tenant = self._tenant_of(parts[1])
        if tenant is None:
            return None
        if len(parts) == 3 and (kind := _TENANT_FILES.get(parts[2])):
            return Place(kind, path, parts[2], tenant)
        if parts[2] != "namespaces" or len(parts) < 5:
            return None
        return _in_namespace(path, tenant, parts[3], parts[4:])

    def _kestra(self, path: str, parts: list[str]) -> Place | None:
        if len(parts) < 2:
            return None
        if parts[0] == "_global":
            if len(parts) == 2 and (kind := _GLOBAL_FILES.get(parts[1])):
                return Place(kind, path, parts[1], self.tenant)
            known = parts[1] == "dashboards" and len(parts) > 2 and path.endswith(_YAML)
            name = "/".join(parts[2:])
            return Place(Kind.DASHBOARD, path, name, self.tenant) if known else None
        return _in_namespace(path, self.tenant, parts[0], parts[1:])

    def _nested(self, path: str, parts: list[str], skip: int, at: int) -> Misplaced | None:
        """Return what the names between `skip` and `at` should be, if that makes a place."""
        names = parts[skip:at]
        if not all(NAMESPACE_NAME.match(name) for name in names):
            return None
        folder = self._join("/".join(parts[:at]))
        fixed = self._join("/".join([*parts[:skip], ".".join(names)]))
        place = self.place("/".join([fixed, *parts[at:]]))
        # Folders named `tests` or `files` are common in a repository that holds other things, too.
        if place is None or (self.style == "kestra" and place.kind is not Kind.FLOW):
            return None
        return Misplaced(path, folder, fixed)

    def _tenant_of(self, folder: str) -> str | None:
        """Return the tenant of a folder, None where another folder stands for that tenant."""
        if folder in self.tenants:
            return self.tenants[folder]
        return None if folder in self.tenants.values() else folder

    def _tenant_folder(self, tenant: str) -> str:
        return next((name for name, each in self.tenants.items() if each == tenant), tenant)

    def _join(self, tail: str) -> str:
        return f"{self.root}/{tail}" if self.root else tail


def _in_namespace(path: str, tenant: str, namespace: str, rest: list[str]) -> Place | None:
    """Return what a path below a namespace's folder is."""
    if len(rest) == 1:
        kind = _NAMESPACE_FILES.get(rest[0])
        return Place(kind, path, rest[0], tenant, namespace) if kind else None
    kind = _FOLDERS.get(rest[0])
    if kind is None or (kind in _DOCUMENTS and not path.endswith(_YAML)):
        return None
    return Place(kind, path, "/".join(rest[1:]), tenant, namespace)
