"""`headwater dev` and `headwater server`: the service in the foreground."""

import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import uvicorn
from cyclopts import Parameter

from app import __version__
from app.cli.numbers import whole
from app.cli.outcome import FAILED, USAGE, CommandError
from app.cli.printing import progress
from app.config import Settings, SettingsError, load_settings
from app.errors import HeadwaterError
from app.main import create_app
from app.runners.secrecy import hide, keep_no_core
from app.telemetry import configure_logging

_KEEP_ALIVE = 75
_M_ARENA_MAX = -8
"""Of malloc.h."""
_LAST_ANSWERS = 5
"""Seconds that requests may take to end after the service was told to stop."""


Port = Annotated[
    int | None,
    Parameter(help="Port to listen on; 0 takes a free one.", converter=whole(0, 65_535)),
]


def dev(
    *,
    repo: Annotated[
        str | None, Parameter(help="Address or path of the repository; its own without it.")
    ] = None,
    port: Port = None,
    data: Annotated[Path | None, Parameter(help="Folder for everything it keeps.")] = None,
) -> int:
    """Run the service for yourself: on loopback only, without a login.

    Tasks may call services on this machine, and a repository may be a local path.
    """
    server: dict[str, Any] = {"mode": "dev", "host": "127.0.0.1"}
    git: dict[str, Any] = {"allow_file_protocol": True}
    flags: dict[str, Any] = {"server": server, "git": git, "http": {"allow_loopback": True}}
    if port is not None:
        server["port"] = port
    if repo is not None:
        git["repo"] = local_path(repo)
    if data is not None:
        flags["data_dir"] = data
    return serve(settings_of(**flags))


def server(
    *,
    host: Annotated[str | None, Parameter(help="Address to listen on.")] = None,
    port: Port = None,
    data: Annotated[Path | None, Parameter(help="Folder for everything it keeps.")] = None,
) -> int:
    """Run the service as the environment and the configuration file say."""
    chosen = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    flags: dict[str, Any] = {"server": chosen} if chosen else {}
    if data is not None:
        flags["data_dir"] = data
    return serve(settings_of(**flags))


def local_path(repo: str) -> str:
    """Return an address as it is, and a path in full, for it outlives this working directory."""
    try:
        path = Path(repo).expanduser()
        return str(path.resolve()) if path.exists() else repo
    except (OSError, RuntimeError):  # too long for a path, or of a user that there is not
        return repo


def settings_of(**flags: Any) -> Settings:
    """Read the settings.

    Raises:
        CommandError: when they are not valid.
    """
    # The address that other commands talk to has the name of a section of the settings.
    os.environ.pop("HEADWATER_SERVER", None)
    try:
        return load_settings(**flags)
    except SettingsError as error:
        raise CommandError(str(error), USAGE) from None


def serve(settings: Settings) -> int:
    """Serve until a signal says stop; then let what runs end, and return the exit code.

    Raises:
        CommandError: when the service cannot start.
    """
    telemetry = settings.telemetry
    configure_logging(telemetry.log_level, telemetry.log_format)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)  # it tells of every job it adds
    share_one_heap()
    keep_no_core()
    if settings.runners.process:
        hide()
    listener = bind(settings.server.host, settings.server.port)
    settings = at_port(settings, listener.getsockname()[1])
    config = uvicorn.Config(
        create_app(settings),
        http="httptools" if sys.platform != "win32" else "auto",
        ws="none",
        lifespan="off",  # it is ours, so that errors of the start reach the terminal as they are
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.server.trusted_proxies),
        forwarded_allow_ips=list(settings.server.trusted_proxies),
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_LAST_ANSWERS,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(config, listener, settings))
    return 0


def at_port(settings: Settings, port: int) -> Settings:
    """Return the settings with the port that was found free, for what has to know it."""
    server = settings.server.model_copy(update={"port": port})
    return settings.model_copy(update={"server": server})


def share_one_heap() -> None:
    """Let all threads allocate from one heap, where the C library is glibc.

    Each thread has its own otherwise, and keeps what it freed; behind the interpreter's lock they
    gain nothing from that. At the import of 10,000 flows it is 15 MB.
    """
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


async def _serve(config: uvicorn.Config, listener: socket.socket, settings: Settings) -> None:
    application: Any = config.app
    server = _Server(config, application.state.stopping)
    try:
        async with application.router.lifespan_context(application):
            listener.listen(config.backlog)  # whoever reads the address can connect at once
            address = listener.getsockname()
            progress(
                f"Headwater {__version__} on http://{address[0]}:{address[1]}"
                f" ({settings.server.mode}), data in {settings.data_dir}"
            )
            _tell_setup(application.state, address, settings)
            await server.serve(sockets=[listener])
    except HeadwaterError as error:
        message = f"the service cannot start: {error.message}"
        raise CommandError(message, FAILED) from error


def _tell_setup(state: Any, address: tuple[Any, ...], settings: Settings) -> None:
    """Tell how to make the first user, or that nobody has to log in."""
    if not settings.asks_for_login:
        progress("Nobody has to log in: whoever reaches this address may do everything.")
    elif (token := getattr(state, "setup_token", None)) is not None:
        url = settings.server.url or f"http://{address[0]}:{address[1]}"
        progress(
            f"There is no user yet. Setup token: {token} (also in {settings.data_dir}/setup-token)."
            f" Make the first: headwater login --setup --server {url}"
        )


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound.

    Raises:
        CommandError: when the address is taken, or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        message = f"cannot listen on {host}:{port}: {reason}; choose another port with --port"
        raise CommandError(message, FAILED) from None
    return listener


class _Server(uvicorn.Server):
    """Uvicorn that tells the application when it stops, and ends with exit code 0 (D10)."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals ourselves: uvicorn would raise them again at the end."""
        before = {each: signal.signal(each, self.handle_exit) for each in _SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; a second signal stops waiting for requests."""
        del sig, frame
        self.force_exit = self.should_exit
        self.should_exit = True
        self._stopping.set()


_SIGNALS = (signal.SIGINT, signal.SIGTERM)
