"""`headwater login`, `logout`, `whoami`: a token for the command line, kept in a context."""

import getpass
import os
import secrets
import socket
import sys
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlsplit

from cyclopts import Parameter

from app.cli.addresses import token_of
from app.cli.client import Client
from app.cli.contexts import NAME, Context, chosen, read_contexts, same_service, write_contexts
from app.cli.numbers import whole
from app.cli.options import DEFAULTS, Options
from app.cli.outcome import USAGE, CommandError
from app.cli.printing import Table, progress, show

_ME = "/api/v1/me"
_SETUP = "HEADWATER_SETUP_TOKEN"
_LONGEST = 365
"""Days that a token works at most, whatever a service allows."""


def login(
    *,
    username: Annotated[
        str | None, Parameter(name=["--username", "-u"], help="Who logs in; asked for without it.")
    ] = None,
    name: Annotated[
        str | None, Parameter(name="--name", help="Name of the context; the host without it.")
    ] = None,
    password_stdin: Annotated[
        bool, Parameter(name="--password-stdin", negative=(), help="Read the password from stdin.")
    ] = False,
    token_stdin: Annotated[
        bool, Parameter(name="--token-stdin", negative=(), help="Keep a token read from stdin.")
    ] = False,
    setup: Annotated[
        bool, Parameter(name="--setup", negative=(), help="Make the first user of the instance.")
    ] = False,
    days: Annotated[
        int,
        Parameter(name="--days", help="How long the token works.", converter=whole(1, _LONGEST)),
    ] = 30,
    options: Options = DEFAULTS,
) -> None:
    """Log in to a service: a token is made and kept, and used by all other commands.

    With --setup the setup token is asked for first, which the service told at its start; it may
    also stand in HEADWATER_SETUP_TOKEN.
    """
    context = _context_name(name, options)
    tenant = options.tenant if options.named_tenant else ""
    if token_stdin:
        token = token_of(_line("token"), "on stdin")
    else:
        user = username or _asked("User name: ")
        setup_token = _setup_token() if setup else ""
        password = _line("password") if password_stdin else _hidden("Password: ")
        token = _token(options, user, password, setup_token, days)
    with Client(replace(options, given_token=token)) as client:
        me = client.get(_ME)
    kept = Context(options.server, tenant, token)
    write_contexts(read_contexts().having(context, kept).using(context))
    progress(f"Logged in to {kept.server} as {_name(me)}; context {context!r}.")


def logout(*, options: Options = DEFAULTS) -> None:
    """Revoke the token of the context, and forget it."""
    contexts = read_contexts()
    name = options.context or contexts.current
    if not name:
        raise CommandError("you are not logged in: no context is in use", USAGE)
    context = contexts.get(name)
    if not context.token:
        raise CommandError(f"context {name!r} has no token: you are not logged in", USAGE)
    write_contexts(contexts.having(name, replace(context, token="")))
    there = Options(address=context.server, given_token=context.token)
    token_id = context.token.split("_")[1] if context.token.count("_") == 2 else ""
    try:
        with Client(there) as client:
            client.ask("DELETE", f"{_ME}/api-tokens/{token_id}")
    except CommandError as error:
        message = f"the token is forgotten here, but it was not revoked: {error}"
        raise CommandError(message, error.code) from None
    progress(f"Logged out of {context.server}.")


def whoami(*, options: Options = DEFAULTS) -> None:
    """Tell who you are to the service, and where you may do something."""
    with Client(options) as client:
        me = client.get(_ME)
    tenants = ", ".join(str(each.get("id")) for each in me.get("tenants") or ())
    row = (_name(me), options.server, tenants)
    show(me, options.output, names=[_name(me)], table=Table(("USER", "SERVER", "TENANTS"), [row]))


def _token(options: Options, user: str, password: str, setup_token: str, days: int) -> str:
    """Return a new token of a user."""
    with Client(replace(options, given_token="")) as client:
        if setup_token:
            wish = {"token": setup_token, "username": user, "password": password}
            client.post("/api/v1/setup", wish)
        client.log_in(user, password)
        host = "".join(c for c in socket.gethostname().lower() if c.isascii() and c.isalnum())
        called = f"cli-{host[:30] or 'host'}-{secrets.token_hex(3)}"
        made = client.post(f"{_ME}/api-tokens", {"name": called, "maxAge": f"P{days}D"})
    return str(made["fullToken"])


def _context_name(name: str | None, options: Options) -> str:
    """Return what the context is called: as asked for, as it is in use, by its host."""
    if name is not None:
        if not NAME.fullmatch(name):
            raise CommandError(f"{name!r} cannot be the name of a context", USAGE)
        return name
    current = chosen(options.context)
    if current is not None and same_service(current.server, options.server):
        return options.context or read_contexts().current
    host = urlsplit(options.server).netloc or options.server
    return "".join(c if NAME.fullmatch(f"a{c}") else "-" for c in host).strip("-.:_") or "service"


def _name(me: Any) -> str:
    profile = me.get("profile") or me
    return str(profile.get("username") or profile.get("name") or me.get("id"))


def _line(what: str) -> str:
    text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise CommandError(f"there is no {what} on stdin", USAGE)
    return text


def _setup_token() -> str:
    if token := os.environ.get(_SETUP):
        return token
    if not sys.stdin.isatty():
        message = f"there is no terminal to ask for the setup token: put it into {_SETUP}"
        raise CommandError(message, USAGE)
    return _hidden("Setup token: ")


def _asked(prompt: str) -> str:
    _need_terminal()
    print(prompt, end="", file=sys.stderr, flush=True)
    return _line("user name")


def _hidden(prompt: str) -> str:
    _need_terminal()
    return getpass.getpass(prompt)


def _need_terminal() -> None:
    if not sys.stdin.isatty():
        message = "there is no terminal to ask: use --username and --password-stdin, or a token"
        raise CommandError(message, USAGE)
