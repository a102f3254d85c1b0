"""The settings of sources: which repositories are followed, how, and who may change what."""

import ipaddress
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from app.config.sections import MIB, Section, UserPath
from app.config.tenant_names import RESERVED_TENANTS, TENANT_RULE, tenant_name_problem

_DURATION = re.compile(r"P(?!\Z)(?:\d+D)?(?:T(?!\Z)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?\Z")
_REF_KINDS = ("branch", "tag", "semver", "commit")


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        if text != "meta":
            ipaddress.ip_network(text, strict=False)
    return texts


def _tenant(text: str) -> str:
    if text in RESERVED_TENANTS:
        raise ValueError(tenant_name_problem(text))
    return text


TenantName = Annotated[str, Field(pattern=rf"^{TENANT_RULE}$"), AfterValidator(_tenant)]


def _duration(text: str) -> str:
    if not _DURATION.match(text):
        raise ValueError("an ISO 8601 duration is needed, such as PT8H")
    return text


def _folder(text: str) -> str:
    if any(part in ("", ".", "..") for part in text.strip("/").split("/")) and text.strip("/"):
        raise ValueError("a folder inside of the repository is needed, such as deploy/flows")
    return text


def _tenants(mapped: dict[str, str]) -> dict[str, str]:
    if len(set(mapped.values())) < len(mapped):
        raise ValueError("two folders are the same tenant")
    return mapped


class WindowSettings(Section):
    """A time in which commits may, or may not, become active (as Argo CD's sync windows)."""

    kind: Literal["allow", "deny"] = Field(
        description="`deny` wins over `allow`; with any `allow`, other times are closed."
    )
    schedule: str = Field(min_length=9, description="When it opens: cron, five fields.")
    duration: Annotated[str, AfterValidator(_duration)] = Field(
        description="How long it is open, such as `PT8H`."
    )
    timezone: str = Field("UTC", description="Time zone of the schedule.")
    namespaces: tuple[str, ...] = Field(
        (), description="Patterns of the namespaces it is for; none: all of the source."
    )
    manual: bool = Field(True, description="Whether a sync by hand passes a closed window.")
    reason: str = Field("", max_length=500, description="What people are told who wait.")


class OidcSettings(Section):
    """Deliveries without a shared secret: a token of an OpenID Connect issuer proves who calls."""

    issuer: str = Field(
        "https://token.actions.githubusercontent.com",
        pattern=r"^https?://[^/?#]+[^?#]*[^/?#]$",
        description="Who signs the tokens; the default is GitHub Actions.",
    )
    audience: str = Field(
        min_length=1, description="What the token must be made for: this service's address."
    )
    claims: dict[str, str] = Field(
        {},
        description="Claim -> the value it must have, besides `repository`, which must be the "
        "source's: for example `environment: production`.",
    )


class SourceSettings(Section):
    """One source: a repository, what of it is followed, and what it owns."""

    repo: str | None = Field(
        None,
        description="Address or path of the repository; without it, the service makes its own "
        "under the data directory.",
    )
    ref: str = Field(
        "main",
        min_length=1,
        description="What is followed: a branch (or tag) by name, or `branch:…`, `tag:…`, "
        "`commit:…`, or `semver:…` with a range such as `semver:>=1.2 <2`.",
    )
    root: Annotated[str, AfterValidator(_folder)] = Field(
        "", description="Folder of the repository that holds `tenants/`."
    )
    layout: Literal["native", "kestra"] = Field(
        "native",
        description="How the repository is laid out; `kestra`: `<namespace>/flows/…`, as Kestra's "
        "own Git tasks write it.",
    )
    tenant: TenantName = Field("main", description="Tenant of a `kestra` layout.")
    tenants: Annotated[dict[TenantName, TenantName], AfterValidator(_tenants)] = Field(
        {},
        description="Folder below `tenants/` -> tenant, where they differ: the same tree may be "
        "one tenant on one branch and another on the next.",
    )
    namespaces: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (),
        description="What the source owns: patterns `namespace` or `tenant/namespace`, `*` for "
        "any; none: all that no other source owns.",
    )
    delegates: bool = Field(
        False, description="Whether `sources/*.yaml` of the repository add further sources."
    )
    production: bool = Field(
        False, description="Whether rewritten history is held instead of followed."
    )
    poll_seconds: float = Field(
        60.0, gt=0, description="How often the remote is asked, whether or not webhooks arrive."
    )
    atomic: Literal["namespace", "commit", "flow"] = Field(
        "namespace", description="What stays at its last good commit when a file is invalid."
    )
    edit_mode: Literal["push", "pr", "readonly"] | None = Field(
        None,
        description="What a change by the API is: a commit (`push`), a pull request (`pr`), or "
        "refused (`readonly`). Without it: `pr` where a forge is set, else `push`.",
    )
    on_force_push: Literal["follow", "hold", "deny"] | None = Field(
        None,
        description="Rewritten history is followed, held until somebody approves it, or never "
        "activated. Without it: `hold` in production, else `follow`.",
    )
    windows: tuple[WindowSettings, ...] = Field(
        (), description="When commits may become active; none: always."
    )
    subflows: Literal["latest", "commit"] = Field(
        "latest",
        description="Which revision of a subflow runs that names none: the active one, or that of "
        "the commit its parent runs at (same source only).",
    )
    revision: Literal["original", "latest"] = Field(
        "original", description="Revision of restarts and replays that name none."
    )
    release_watch_minutes: float = Field(
        0.0,
        ge=0,
        le=10_080,
        description="How long flows are watched after a commit changed them; 0: not at all. "
        "`release:` in a `namespace.yaml` says otherwise.",
    )
    release_min_executions: int = Field(
        5, ge=1, description="Executions of the new revision before it is judged."
    )
    release_max_failure_rate: float = Field(
        0.3, ge=0, lt=1, description="Share of failed executions that is still accepted."
    )
    release_action: Literal["pin", "alert"] = Field(
        "pin",
        description="What happens above it: the flow is rolled back to the revision before "
        "(`pin`), or it is only told (`alert`).",
    )
    signatures: Literal["off", "warn", "head", "range", "strict"] = Field(
        "off",
        description="Which commits must be signed: the tip (`head`), every new one (`range`), all "
        "down to a seal (`strict`); `warn` only tells.",
    )
    ssh_signers_file: UserPath | None = Field(
        None, description="Keys that may sign: OpenSSH `allowed_signers`."
    )
    pgp_keys_file: UserPath | None = Field(
        None, description="Keys that may sign: OpenPGP public keys, armored."
    )
    forge_keys_file: UserPath | None = Field(
        None,
        description="OpenPGP keys of the forge itself, accepted only for merges of pull requests "
        "with enough approvals.",
    )
    forge_approvals: int = Field(
        1, ge=1, description="Approvals that a merge signed by the forge needs."
    )
    hook_key: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_-]{1,128}$",
        description="Last part of the webhook's address, `/api/v1/hooks/git/{key}`; without it "
        "there is no webhook.",
    )
    hook_secret: SecretStr | None = Field(
        None, description="Secret that signs the webhook's deliveries (HMAC-SHA256)."
    )
    hook_secrets: tuple[SecretStr, ...] = Field(
        (), max_length=2, description="Further secrets accepted while one is being rotated."
    )
    hook_oidc: OidcSettings | None = Field(
        None,
        description="Whose tokens are accepted in place of a signature (`Authorization: Bearer`): "
        "`audience` is what they are made for (this service's address), `issuer` who signs them "
        "(without it GitHub Actions), `claims` what else they must claim. The token's `repository` "
        "must be the source's.",
    )
    hook_addresses: Annotated[tuple[str, ...], AfterValidator(_networks)] = Field(
        (),
        description="Networks that deliveries may come from (CIDR); `meta` stands for the forge's "
        "published ones. None: any.",
    )
    username: str | None = Field(None, description="User name for an https remote.")
    token: SecretStr | None = Field(
        None,
        description="Token or password for an https remote, to read (and to push, if there "
        "is no `push_token`).",
    )
    push_username: str | None = Field(None, description="User name for pushing by https.")
    push_token: SecretStr | None = Field(None, description="Token or password for pushing.")
    ssh_key_file: UserPath | None = Field(None, description="Private key for an ssh remote.")
    push_ssh_key_file: UserPath | None = Field(
        None, description="Private key for pushing by ssh, where it is another one."
    )
    known_hosts_file: UserPath | None = Field(
        None, description="Known host keys for an ssh remote; an unknown host is refused."
    )
    signing_key_file: UserPath | None = Field(
        None, description="SSH private key that signs the commits made here."
    )
    forge: Literal["github", "gitlab", "gitea", "bitbucket"] | None = Field(
        None, description="Whose API is asked about pull requests; none: no pull requests."
    )
    forge_url: str | None = Field(
        None, description="Address of that API, where it is not the public one."
    )
    forge_token: SecretStr | None = Field(
        None, description="Token for that API: statuses, comments, pull requests."
    )
    forge_app_id: str | None = Field(
        None, description="Id of a GitHub App; its installation tokens stand for the token."
    )
    forge_key_file: UserPath | None = Field(None, description="Private key of that App (PEM).")
    forge_installation: int | None = Field(
        None, gt=0, description="Installation of that App; without it, the repository's is asked."
    )
    credentials: str | None = Field(
        None,
        description="Source whose credentials are used, where none are given here. Sources that "
        "come from a repository or the API can have no others.",
    )
    deployments: str | None = Field(
        None, description="Environment of the deployments told to the forge; none: none are told."
    )
    allow_file_protocol: bool = Field(
        False,
        description="Whether a local path may be a remote (`headwater dev` allows it).",
    )
    fetch_timeout_seconds: float = Field(120.0, gt=0, description="Longest run of one fetch.")
    lfs: bool = Field(
        False,
        description="Whether namespace files that are Git LFS pointers are fetched from the "
        "repository's LFS server, by https and with the credentials that read it.",
    )
    max_flow_bytes: int = Field(1 * MIB, gt=0, description="Largest flow file, in bytes.")
    max_file_bytes: int = Field(50 * MIB, gt=0, description="Largest namespace file, in bytes.")

    @model_validator(mode="after")
    def _webhook_is_signed(self) -> Self:
        if any(not secret.strip() for secret in self.accepted_secrets):
            raise ValueError("hook_secret is empty: anybody could sign with it")
        if self.hook_key and not (self.accepted_secrets or self.hook_oidc):
            raise ValueError("hook_key needs hook_secret: unsigned deliveries are never accepted")
        return self

    @model_validator(mode="after")
    def _signers_are_known(self) -> Self:
        known = self.ssh_signers_file or self.pgp_keys_file or self.forge_keys_file
        if self.signatures != "off" and known is None:
            raise ValueError("signatures need ssh_signers_file, pgp_keys_file or forge_keys_file")
        return self

    @property
    def accepted_secrets(self) -> tuple[str, ...]:
        """Every webhook secret that is accepted now, the current one first."""
        secrets = (self.hook_secret, *self.hook_secrets)
        return tuple(each.get_secret_value() for each in secrets if each is not None)

    @property
    def edits(self) -> Literal["push", "pr", "readonly"]:
        """What a change by the API is."""
        return self.edit_mode or ("pr" if self.forge else "push")

    @property
    def rewrites(self) -> Literal["follow", "hold", "deny"]:
        """What happens when history is rewritten."""
        return self.on_force_push or ("hold" if self.production else "follow")

    @property
    def ref_kind(self) -> tuple[str, str]:
        """What is followed: (`branch` | `tag` | `semver` | `commit` | "", name or range).

        "" stands for a name that may be a branch or a tag.
        """
        kind, colon, name = self.ref.partition(":")
        return (kind, name) if colon and kind in _REF_KINDS else ("", self.ref)


class GitSettings(SourceSettings):
    """The repository of flows, and how it is followed: the source `main`."""
