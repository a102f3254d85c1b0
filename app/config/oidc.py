"""The settings of OpenID Connect providers that people log in with."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from app.config.sections import Section, UserPath

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"
]  # fmt: skip
"""How ID tokens may be signed: with a key that only the provider has."""


class LoginProviderSettings(Section):
    """One OpenID Connect provider: where it is, who we are there, and whom it lets in."""

    issuer: str = Field(
        pattern=r"^https?://[^/?#\s]+[^?#\s]*$",
        description="Address of the provider, as its tokens have it in `iss`; https, except on "
        "this machine itself.",
    )
    title: str = Field("", max_length=100, description="What people call it; without it, its id.")
    client_id: str = Field(min_length=1, description="Who this service is at the provider.")
    client_secret: SecretStr | None = Field(
        None, description="The secret for that; none: a public client, secured by PKCE alone."
    )
    client_secret_file: UserPath | None = Field(
        None, description="File that holds the secret, in its place."
    )
    client_auth: Literal["client_secret_basic", "client_secret_post"] = Field(
        "client_secret_basic", description="How the secret is sent to the provider."
    )
    scopes: tuple[str, ...] = Field(
        ("openid", "email", "profile"), description="What the provider is asked for."
    )
    algorithms: tuple[Algorithm, ...] = Field(
        ("RS256",), min_length=1, description="How its tokens may be signed; nothing else is taken."
    )
    claims: dict[str, str] = Field(
        {},
        description="Claim -> the value that a person's ID token must have, for example "
        "`hd: example.org`; without it, everybody whom the provider knows may log in.",
    )
    groups_claim: str = Field("groups", description="The claim that lists a person's groups.")
    groups: dict[str, str] = Field(
        {}, description="Group at the provider -> group of the instance that its members are in."
    )
    keep_group_names: bool = Field(
        default=False,
        description="Whether groups that `groups` does not name count under their own name. Only "
        "for providers in which nobody can make groups who may not administer this service.",
    )
    link_by_email: bool = Field(
        default=False,
        description="Whether somebody who logs in for the first time is the user with the same "
        "verified e-mail address, if there is one without a provider. Otherwise that is refused.",
    )
    create_users: bool = Field(
        default=True,
        description="Whether somebody unknown becomes a user at the first login: one without any "
        "right, except those of groups.",
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if "openid" not in self.scopes:
            raise ValueError("scopes must hold openid")
        if self.client_secret is not None and self.client_secret_file is not None:
            raise ValueError("client_secret and client_secret_file are both set; keep one")
        return self
