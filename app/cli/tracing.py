"""`headwater flow blame`, `why` and `bisect`: who wrote what, and what broke it."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from app.cli.client import Client
from app.cli.numbers import Revision
from app.cli.options import DEFAULTS, Options
from app.cli.outcome import FAILED, OK, USAGE, CommandError
from app.cli.printing import Table, moment, progress, show

Name = Annotated[str, Parameter(help="The flow: NAMESPACE ID, or NAMESPACE.ID.")]
Id = Annotated[str, Parameter(help="The execution; the beginning of its id is enough.")]
State = Annotated[str, Parameter(help="The number of a revision, or a commit.")]


def blame(
    *name: Name,
    revision: Revision = None,
    commit: Annotated[str | None, Parameter(help="A commit, or how its id begins.")] = None,
    everything: Annotated[
        bool, Parameter(name="--all", negative=(), help="Also description, labels and the like.")
    ] = False,
    options: Options = DEFAULTS,
) -> None:
    """Show by which commit each task, trigger, input and output says what it says."""
    with Client(options) as client:
        path = client.path("flows", *client.flow(name), "blame")
        found = client.get(path, {"revision": revision, "commit": commit})
    parts = [each for each in found["parts"] if everything or each["kind"] != "property"]
    rows = [
        (
            each["line"],
            each["kind"],
            each["id"],
            each["origin"]["revision"],
            each["origin"]["commit"][:8],
            each["origin"]["author"],
            moment(each["origin"].get("date")),
            _pull(each["origin"]),
            each["origin"]["subject"],
        )
        for each in parts
    ]
    headings = (
        "LINE", "KIND", "ID", "REVISION", "COMMIT", "AUTHOR", "DATE", "PULL", "SUBJECT",
    )  # fmt: skip
    names = [f"{each['kind']}/{each['id']}" for each in parts]
    show(found, options.output, names=names, table=Table(headings, rows))


def why(*name: Name, options: Options = DEFAULTS) -> int:
    """Tell which commit broke a flow, as its executions say; exit 1 while it is broken."""
    with Client(options) as client:
        path = client.path("flows", *client.flow(name), "broken-by")
        return _explain(client.get(path), options)


def of_execution(execution_id: Id, *, options: Options = DEFAULTS) -> int:
    """Tell which commit made an execution fail: what changed since one that went well."""
    with Client(options) as client:
        wanted = client.execution_id(execution_id)
        execution = client.get(client.path("executions", wanted))
        path = client.path("flows", execution["namespace"], execution["flowId"], "broken-by")
        return _explain(client.get(path, {"execution": wanted}), options)


def _explain(found: dict[str, Any], options: Options) -> int:
    facts = {
        "verdict": found["verdict"],
        "why": found["message"],
        "task": found.get("taskId"),
        "error": found.get("error"),
        "failures": found["failures"],
        "last good": _outcome(found.get("lastGood")),
        "first bad": _outcome(found.get("firstBad")),
        "most likely": _revision(found.get("likely")),
    }
    suspects = [*found["suspects"], *found["commits"]]
    names = [each["commit"] for each in suspects]
    show(found, options.output, names=names, table=Table.of(facts))
    if options.output == "table" and len(suspects) > 1:
        rows = [
            (each.get("revision"), each["commit"][:8], each["author"], _pull(each), each["subject"])
            for each in suspects
        ]
        Table(("REVISION", "COMMIT", "AUTHOR", "PULL", "SUBJECT"), rows).print()
    return FAILED if found["broken"] else OK


def bisect(
    good: State,
    bad: Annotated[str | None, Parameter(help="By default what runs now, or HEAD.")] = None,
    *,
    test: Annotated[
        str, Parameter(help="A file of tests in this clone, or NAMESPACE.ID of tests of a service.")
    ],
    case: Annotated[
        list[str] | None, Parameter(name="--case", negative=(), help="Only cases of this id.")
    ] = None,
    layout: Annotated[
        Literal["native", "kestra"], Parameter(help="How this clone is laid out.")
    ] = "native",
    root: Annotated[str, Parameter(help="Folder of this clone that holds the flows.")] = "",
    options: Options = DEFAULTS,
) -> int:
    """Find the commit that broke the tests of a flow, in about log2(n) runs of them.

    With a file of tests the commits of this clone are tried and no service is needed; with the
    name of tests, the revisions that a service has stored.
    """
    file = Path(test)
    if file.is_file():
        from app.cli.bisecting import bisect_clone
        from app.cli.repositories import Shape

        shape = Shape(layout, root, options.tenant)
        return bisect_clone(file, (good, bad or "HEAD"), case or (), shape, options.output)
    namespace, dot, suite = test.rpartition(".")
    if not dot:
        message = f"there is no file {test}, and it is not NAMESPACE.ID of tests"
        raise CommandError(message, USAGE)
    wish = {"good": _state(good), "bad": None if bad is None else _state(bad), "test": suite}
    with Client(options) as client:
        tests = client.get(client.path("tests", namespace, suite))
        path = client.path("flows", namespace, tests["flowId"], "bisect")
        found = client.post(path, {**wish, "testCases": case or None})
    for each in found["runs"]:
        progress(f"revision {each['revision']} ({each['commit'][:8]}): {each['verdict']}")
    suspects = found["suspects"]
    facts = {"result": found["message"], "first bad": _revision(found.get("firstBad"))}
    names = [each["commit"] for each in suspects]
    show(found, options.output, names=names, table=Table.of(facts))
    return OK if found.get("firstBad") else FAILED


def _state(text: str) -> int | str:
    """Return a revision number, or a commit: up to six digits are a number."""
    return int(text) if text.isdecimal() and len(text) <= 6 else text


def _pull(origin: dict[str, Any]) -> str:
    return f"#{origin['pullRequest']}" if origin.get("pullRequest") else ""


def _outcome(outcome: dict[str, Any] | None) -> str:
    if outcome is None:
        return ""
    revision, commit = outcome["revision"], outcome["commit"][:8]
    return f"{outcome['id']} {outcome['state']}, revision {revision} ({commit})"


def _revision(origin: dict[str, Any] | None) -> str:
    if origin is None:
        return ""
    pull = f" {_pull(origin)}" if _pull(origin) else ""
    head = f"revision {origin['revision']} ({origin['commit'][:8]}{pull})"
    return f"{head} by {origin['author']}: {origin['subject']}"
