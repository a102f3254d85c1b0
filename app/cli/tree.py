"""The tree of commands: what `headwater --help` shows. Each is imported when it is run."""

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from cyclopts import App, CycloptsError, Group

from app import __version__
from app.cli.outcome import FAILED, INTERRUPTED, USAGE, CommandError
from app.cli.printing import clean

_ALIASES = {"exec": "execution", "ns": "namespace"}
_OPTIONS = {"--help", "-h", "--version"}

_SERVICE, _FLOWS, _OTHER = (
    Group.create_ordered(name) for name in ("Run the service", "Work with flows", "More")
)

_COMMANDS = (
    ("app.cli.serve:dev", "dev", _SERVICE, "Run the service for yourself: loopback, no login."),
    ("app.cli.serve:server", "server", _SERVICE, "Run the service, configured by the environment."),
    ("app.cli.check:check", "check", _FLOWS, "Validate flow files; no service is needed."),
    ("app.cli.plan:plan", "plan", _FLOWS, "Tell what a commit changes; no service is needed."),
    ("app.cli.test:run", "test", _FLOWS, "Run unit tests of flows; no service is needed."),
    ("app.cli.local_run:run", "run", _FLOWS, "Run a flow file once; no service is needed."),
    ("app.cli.flows:app", "flow", _FLOWS, "List, read, run, pin and roll back flows."),
    (
        "app.cli.executions:app",
        "execution",
        _FLOWS,
        "List, follow, repeat and end executions (exec).",
    ),
    ("app.cli.namespaces:app", "namespace", _FLOWS, "Namespaces, their files and pairs (ns)."),
    ("app.cli.namespaces:pairs", "kv", _FLOWS, "Key-value pairs of a namespace."),
    ("app.cli.secrets:app", "secret", _FLOWS, "Secrets in a clone, encrypted for sops and age."),
    ("app.cli.git:app", "git", _FLOWS, "The repository that flows come from."),
    ("app.cli.login:login", "login", _OTHER, "Log in to a service."),
    ("app.cli.login:logout", "logout", _OTHER, "Revoke the token that login made."),
    ("app.cli.login:whoami", "whoami", _OTHER, "Tell who you are to the service."),
    ("app.cli.context:app", "context", _OTHER, "Services that you work with."),
    ("app.cli.admin:app", "admin", _OTHER, "Users, groups, roles, bindings, tokens, tenants."),
    ("app.cli.audit:app", "audit", _OTHER, "List who did what, and why; prove it."),
    ("app.cli.doctor:doctor", "doctor", _OTHER, "Tell what is unsafe or broken, and the way out."),
    ("app.cli.about:openapi", "openapi", _OTHER, "Print the description of the REST API."),
    ("app.cli.about:version", "version", _OTHER, "Print the version."),
)


def tree() -> App:
    """Return the root of all commands."""
    root = App(
        name="headwater",
        help="Flows start at HEAD: a Git-native orchestrator that speaks Kestra's flow language.",
        version=__version__,
        help_on_error=False,
        result_action="return_value",
    )
    for target, name, group, text in _COMMANDS:
        root.command(target, name=name, group=group, help=text)
    return root


def run(argv: Sequence[str]) -> int:
    """Run a command; return its exit code."""
    try:
        tokens = [_known(argv[0]), *argv[1:]] if argv else []
        result = tree()(tokens, exit_on_error=False, print_error=True)
        sys.stdout.flush()  # what cannot be written is an error of the command
    except CycloptsError:
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()  # who read it has seen enough
        return 0
    except (CommandError, UnicodeError, OSError) as error:
        _drop_output()
        message, code = _told(error)
        print(f"headwater: {clean(message)}", file=sys.stderr)
        return code
    return result if isinstance(result, int) else 0


def _drop_output() -> None:
    """Write what is left of the output, else let Python write it nowhere: it tries at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _told(error: Exception) -> tuple[str, int]:
    """Return what to tell of an error, and the exit code that it means."""
    if isinstance(error, CommandError):
        return str(error), error.code
    if isinstance(error, UnicodeEncodeError):  # Python passes bytes of arguments on as halves
        return "an argument is not UTF-8", USAGE
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        named = error.filename is not None
        return (f"{error.filename}: {reason}", USAGE) if named else (reason, FAILED)
    return "what was read is not UTF-8", USAGE


def _known(name: str) -> str:
    """Return the command's own name for an alias.

    Raises:
        CommandError: for a command that there is not. Cyclopts would import all of them to say so.
    """
    names = {known for _, known, _, _ in _COMMANDS} | _OPTIONS
    if name in _ALIASES or name in names:
        return _ALIASES.get(name, name)
    close = get_close_matches(name, names, n=1)
    way_out = f"did you mean {close[0]!r}?" if close else "see headwater --help"
    message = f"there is no command {name!r}; {way_out}"
    raise CommandError(message, USAGE)
