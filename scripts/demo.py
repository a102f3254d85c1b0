"""The main job, end to end: a repository of flows, five microservices, Headwater, one execution.

The first run makes everything under `--data`; later runs use it again, so what you committed stays.
Without `--once` it stays in the foreground until Ctrl-C.
"""

import argparse
import contextlib
import fcntl
import json
import shlex
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import httpx2

from scripts import flows_repository as repositories
from scripts.execution_report import follow
from scripts.flows_repository import HOOK_KEY, FlowsRepository, RepositoryError
from scripts.processes import child, free_port, is_free, tail
from scripts.services import DEFAULT_PORTS

ROOT = Path(__file__).parent.parent
NAMESPACE, FLOW = "ecommerce", "orderProcessing"
START_SECONDS = 30


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


def main() -> int:
    """Run the demo; return the exit code."""
    arguments = _arguments()
    # Ctrl-C, too: shells have what runs in the background ignore it.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _interrupt)
    try:
        return run(
            arguments.data.resolve(), arguments.port, arguments.once, arguments.open == "yes"
        )
    except (DemoError, RepositoryError) as error:
        print(f"run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped")
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/run", description=(__doc__ or "").strip())
    parser.add_argument("--once", action="store_true", help="end after the first execution")
    parser.add_argument("--port", type=int, default=8080, help="port of Headwater; 0: a free one")
    parser.add_argument(
        "--data", type=Path, default=ROOT / "demo", help="folder that everything is kept in"
    )
    parser.add_argument(
        "--open", choices=["yes", "no"], default="no", help="open the API's pages in a browser"
    )
    return parser.parse_args()


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def run(folder: Path, port: int, once: bool, browse: bool) -> int:
    """Make what is missing, start everything, execute the order flow once and report it.

    Raises:
        DemoError: a port is taken, or a part does not start.
        RepositoryError: the repository of flows cannot be made or used.
    """
    with contextlib.ExitStack() as running:
        running.enter_context(_alone_in(folder))
        port = port or free_port()
        _refuse_taken(port)
        ports = _service_ports(folder)
        repository = _open_repository(folder, ports)
        base = f"http://127.0.0.1:{port}"
        repository.tell(base)
        running.enter_context(_services(folder, ports))
        service = running.enter_context(_headwater(folder, repository, port))
        _wait_until_active(base, service, folder)
        _introduce(base, repository)
        succeeded = follow(base, NAMESPACE, FLOW, {"orderId": time.strftime("demo-%H%M%S")})
        if once:
            return 0 if succeeded else 1
        _point_onwards(base, repository)
        if browse:
            webbrowser.open(f"{base}/docs")
        status = service.wait()
    raise DemoError(f"Headwater ended with {status}; its log: {folder / 'headwater.log'}")


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder for this process, so that a second run does not work on the same data."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "run.lock").open("w")
    except OSError as error:
        raise DemoError(
            f"{folder} cannot be used: {error.strerror}; --data chooses another"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                f"another run is using {folder}; stop it, or choose another folder with --data"
            ) from None
        yield


def _refuse_taken(port: int) -> None:
    if not is_free(port):
        raise DemoError(f"port {port} is taken; --port chooses another, --port 0 any free one")


def _service_ports(folder: Path) -> dict[str, int]:
    """Return the ports to use: those of the last run, except where somebody else has one now."""
    return {
        name: port if is_free(port) else free_port() for name, port in _known_ports(folder).items()
    }


def _known_ports(folder: Path) -> dict[str, int]:
    file = folder / "ports.json"
    return dict(json.loads(file.read_text("utf-8"))) if file.exists() else DEFAULT_PORTS


def _open_repository(folder: Path, ports: Mapping[str, int]) -> FlowsRepository:
    known = _known_ports(folder)
    new = not (folder / "remote.git").exists()
    repository = repositories.open_repository(folder, ports, DEFAULT_PORTS)
    if not new and ports != known:
        repository.move_ports(known, ports)
    (folder / "ports.json").write_text(json.dumps(ports), encoding="utf-8")
    return repository


@contextlib.contextmanager
def _services(folder: Path, ports: Mapping[str, int]) -> Iterator[None]:
    numbers = ",".join(str(port) for port in ports.values())
    command = [sys.executable, str(ROOT / "scripts" / "services.py"), "--ports", numbers]
    log = folder / "services.log"
    with child(command, log, stdout=subprocess.PIPE) as process:
        if not (process.stdout and process.stdout.readline()):
            raise DemoError(f"the demo services did not start: {tail(log)}")
        yield


@contextlib.contextmanager
def _headwater(
    folder: Path, repository: FlowsRepository, port: int
) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(Path(sys.executable).with_name("headwater")), "dev"]
    command += ["--repo", str(repository.remote), "--port", str(port)]
    command += ["--data", str(folder / "headwater")]
    environment = {
        "HEADWATER_GIT__HOOK_KEY": HOOK_KEY,
        "HEADWATER_GIT__HOOK_SECRET": repository.secret(),
    }
    with child(command, folder / "headwater.log", environment=environment) as process:
        yield process


def _wait_until_active(base: str, service: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until the service is ready and the order flow is active.

    Raises:
        DemoError: it ended, or it takes too long.
    """
    deadline = time.monotonic() + START_SECONDS
    pages = ["/readyz", f"/api/v1/main/flows/{NAMESPACE}/{FLOW}"]
    while pages:
        if _answers(base + pages[0]):
            pages.pop(0)
        elif service.poll() is not None:
            raise DemoError(f"Headwater did not start:\n{tail(folder / 'headwater.log')}")
        elif time.monotonic() > deadline:
            raise DemoError(
                f"{base}{pages[0]} did not answer 200 within {START_SECONDS} s:\n"
                + tail(folder / "headwater.log")
            )
        else:
            time.sleep(0.02)


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


def _introduce(base: str, repository: FlowsRepository) -> None:
    sha, author, subject = repositories.head(repository.remote)
    print(f"Headwater     {base}")
    print(f"repository    {repository.remote}")
    print(f"active        {repositories.BRANCH} at {sha[:8]} by {author}: {subject}\n", flush=True)


def _point_onwards(base: str, repository: FlowsRepository) -> None:
    flow = "tenants/main/namespaces/ecommerce/flows/order-processing.yaml"
    headwater = shlex.quote(str(Path(sys.executable).with_name("headwater")))
    clone = shlex.quote(str(repository.clone))
    print(
        f"""
Where to look next
  the API               {base}/docs
  the figures           {base}/metrics
  change the flow       cd {clone}
                        edit {flow}
                        git commit -am "Say what changes" && git push
  run it                {headwater} flow run {NAMESPACE} {FLOW} --server {base}
  its revisions         {headwater} flow history {NAMESPACE} {FLOW} --server {base}
  go back               {headwater} flow rollback {NAMESPACE} {FLOW} --to COMMIT --server {base}

Ctrl-C stops everything; the next run goes on from here.""",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
