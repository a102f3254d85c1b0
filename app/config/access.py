"""The settings of logins: who has to, how long one lasts, where rights are written down."""

from typing import Literal

from pydantic import Field

from app.config.sections import Section


class AccessSettings(Section):
    """Who may call the service."""

    login: Literal["auto", "required", "none"] = Field(
        "auto",
        description="Whether callers have to log in or send a token. `auto`: in production yes, "
        "in dev mode no. `none`: whoever reaches the service may do everything.",
    )
    open_metrics: bool = Field(
        default=False, description="Whether `/metrics` is answered without a login."
    )
    session_idle_hours: float = Field(
        12.0, gt=0, le=720, description="A session ends when it was not used for this long."
    )
    session_days: float = Field(
        30.0, gt=0, le=365, description="A session ends after this time, however it is used."
    )
    token_days: int = Field(365, ge=1, le=365, description="Longest life of an API token.")
    attempts_per_minute: int = Field(
        10,
        ge=1,
        description="Wrong passwords for one account from one address; three times as many in ten "
        "minutes, six times as many in an hour.",
    )
    plain_cookies: bool = Field(
        default=False,
        description="Whether a browser may keep a session without TLS, elsewhere than on this "
        "machine: whoever hears the network can take it over.",
    )
    source: str | None = Field(
        None,
        description="Source whose `access.yaml` (beside `tenants/`) says who may do what. Name "
        "one that only administrators of the instance may push to.",
    )
