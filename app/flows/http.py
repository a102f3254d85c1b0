"""The properties of an HTTP call, for tasks and triggers that make one."""

from typing import Any, Literal

from pydantic import Field

from app.flows.names import LogLevel
from app.flows.typed import Model, outdated
from app.flows.values import Duration, Dynamic, Text


class SslOptions(Model):
    """How the certificate of the server is checked."""

    insecure_trust_all_certificates: Dynamic[bool] | None = Field(
        None, description="Accept any certificate. Never do this outside of tests."
    )


class HttpTimeout(Model):
    """How long a call may wait."""

    connect_timeout: Dynamic[Duration] | None = Field(
        None, description="The longest time to connect."
    )
    read_idle_timeout: Dynamic[Duration] | None = Field(
        None, description="The longest time without any data."
    )


class HttpProxy(Model):
    """The proxy that a call goes through."""

    type: Dynamic[Literal["DIRECT", "HTTP", "SOCKS"]] | None = Field(
        None, description="The kind of proxy."
    )
    address: Dynamic[str] | None = Field(None, description="The host of the proxy.")
    port: Dynamic[int] | None = Field(None, description="The port of the proxy.")
    username: Dynamic[str] | None = Field(None, description="The user at the proxy.")
    password: Dynamic[str] | None = Field(None, description="The password at the proxy.")


class HttpAuth(Model):
    """How a call says who it is."""

    type: Dynamic[Literal["BASIC", "BEARER"]] = Field(description="The kind of credentials.")
    username: Dynamic[str] | None = Field(None, description="The user, for BASIC.")
    password: Dynamic[str] | None = Field(None, description="The password, for BASIC.")
    token: Dynamic[str] | None = Field(None, description="The token, for BEARER.")


class HttpOptions(Model):
    """Everything about a call that is seldom needed."""

    timeout: HttpTimeout | None = Field(None, description="How long the call may wait.")
    proxy: HttpProxy | None = Field(None, description="The proxy to go through.")
    auth: HttpAuth | None = Field(None, description="Credentials.")
    ssl: SslOptions | None = Field(None, description="How the certificate is checked.")
    follow_redirects: Dynamic[bool] | None = Field(None, description="Follow redirects.")
    allow_failed: Dynamic[bool] | None = Field(None, description="Accept statuses above 399.")
    allowed_response_codes: Dynamic[list[int]] | None = Field(
        None, description="Statuses above 399 that are accepted."
    )
    default_charset: Dynamic[str] | None = Field(
        None, description="The encoding of answers that name none."
    )
    logs: list[Text] | None = Field(None, description="Which parts of the call are logged.")
    log_level: Dynamic[LogLevel] | None = Field(None, description="The level of these logs.")
    connect_timeout: Dynamic[Duration] | None = Field(
        None,
        json_schema_extra=outdated("use timeout.connectTimeout"),
        description="The longest time to connect.",
    )
    read_timeout: Dynamic[Duration] | None = Field(
        None,
        json_schema_extra=outdated("use timeout.readIdleTimeout"),
        description="The longest time to read.",
    )
    read_idle_timeout: Dynamic[Duration] | None = Field(
        None,
        json_schema_extra=outdated("use timeout.readIdleTimeout"),
        description="The longest time without any data.",
    )
    connection_pool_idle_timeout: Dynamic[Duration] | None = Field(
        None,
        json_schema_extra=outdated("it has no effect"),
        description="How long idle connections are kept.",
    )
    max_content_length: Dynamic[int] | None = Field(
        None,
        json_schema_extra=outdated("large answers are kept as files"),
        description="The longest answer, in bytes.",
    )
    proxy_type: Dynamic[Literal["DIRECT", "HTTP", "SOCKS"]] | None = Field(
        None, json_schema_extra=outdated("use proxy.type"), description="The kind of proxy."
    )
    proxy_address: Dynamic[str] | None = Field(
        None, json_schema_extra=outdated("use proxy.address"), description="The host of the proxy."
    )
    proxy_port: Dynamic[int] | None = Field(
        None, json_schema_extra=outdated("use proxy.port"), description="The port of the proxy."
    )
    proxy_username: Dynamic[str] | None = Field(
        None, json_schema_extra=outdated("use proxy.username"), description="The user at the proxy."
    )
    proxy_password: Dynamic[str] | None = Field(
        None,
        json_schema_extra=outdated("use proxy.password"),
        description="The password at the proxy.",
    )
    basic_auth_user: Dynamic[str] | None = Field(
        None, json_schema_extra=outdated("use auth.username"), description="The user."
    )
    basic_auth_password: Dynamic[str] | None = Field(
        None, json_schema_extra=outdated("use auth.password"), description="The password."
    )


class HttpCall(Model):
    """An HTTP call. A class that makes one inherits these properties beside its own."""

    uri: Dynamic[str] = Field(description="The address to call.")
    method: Dynamic[str] = Field("GET", description="The HTTP method.")
    params: Dynamic[dict[str, Any]] | None = Field(
        None, description="Parameters added to the address."
    )
    body: Dynamic[str] | None = Field(None, description="The body, as it is sent.")
    form_data: Dynamic[dict[str, Any]] | None = Field(
        None,
        description="Fields of a form: URL-encoded, or multipart if the content type says so.",
    )
    content_type: Dynamic[str] | None = Field(None, description="The content type of the body.")
    headers: Dynamic[dict[str, Any]] | None = Field(None, description="Headers.")
    options: HttpOptions | None = Field(None, description="What is seldom needed.")
    allow_failed: Dynamic[bool] = Field(
        default=False,
        json_schema_extra=outdated("use options.allowFailed"),
        description="A status above 399 does not fail the task.",
    )
    ssl_options: SslOptions | None = Field(
        None,
        json_schema_extra=outdated("use options.ssl"),
        description="How the certificate is checked.",
    )
