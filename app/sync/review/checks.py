"""What is told about a head under each name: states, titles, annotations. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.git.revert import Clash
from app.ports import Annotation, Check, SuiteResult
from app.ports.forges import CheckState, Level
from app.sync.findings import Found
from app.sync.planning.markdown import code, fenced
from app.sync.review.texts import clean, cut, table, titled

VALIDATE: Final = "headwater/validate"
PLAN: Final = "headwater/plan"
TESTS: Final = "headwater/tests"
CONTEXTS: Final = (VALIDATE, PLAN, TESTS)

OK_TO_TEST: Final = "ok-to-test"
"""Identifier of the button that lets the head of a fork be tested."""

MOST_ANNOTATIONS = 500
_ROWS = 50
_LEVELS: Mapping[str, Level] = {"error": "failure", "warning": "warning"}


@dataclass(frozen=True, slots=True)
class Told:
    """What a check says, apart from the commit that it is about."""

    state: CheckState
    title: str
    summary: str = ""
    text: str = ""
    annotations: Sequence[Annotation] = ()
    actions: Sequence[tuple[str, str, str]] = ()

    def hidden(self, hide: Callable[[str], str]) -> "Told":
        """Return it with all its texts as `hide` leaves them."""
        return replace(
            self,
            title=hide(self.title),
            summary=hide(self.summary),
            text=hide(self.text),
            annotations=[
                each._replace(title=hide(each.title), message=hide(each.message))
                for each in self.annotations
            ],
        )

    def about(self, sha: str, context: str, *, url: str = "", known: str | None = None) -> Check:
        """Return it as a check of a commit, within the limits of forges."""
        return Check(
            sha=sha,
            context=context,
            state=self.state,
            title=titled(self.title),
            summary=cut(self.summary, "\n… cut\n"),
            text=cut(self.text, "\n… cut\n"),
            url=url,
            annotations=self.annotations,
            actions=self.actions,
            id=known,
        )


RUNNING: Final = Told("in_progress", "at work")
QUEUED: Final = Told("queued", "waits for other reviews")
SUPERSEDED: Final = Told("cancelled", "superseded by a newer commit")
NOT_FOLLOWED: Final = Told("success", "no source follows this branch")
NOT_HERE: Final = Told(
    "neutral",
    "not reviewed: a fork's commits are not here",
    "This forge keeps the commits of forks to themselves. Push the branch to this repository to"
    " have it reviewed.",
)
NO_CHANGES: Final = Told("success", "no flow changes")


def validated(found: Sequence[Found], earlier: Sequence[Found], touched: Sequence[str]) -> Told:
    """Return what validation says.

    `found` is wrong in what the pull request changes, or by it; `earlier` was wrong before it in
    the same namespaces, which it does not fail for.
    """
    if not (touched or found):
        return NO_CHANGES
    errors = sum(each.is_error for each in found)
    warnings = len(found) - errors
    places = _counted(len(touched), "namespace")
    if errors:
        title = f"{_counted(errors, 'error')} in {places}"
    elif warnings:
        title = f"valid, {_counted(warnings, 'warning')} in {places}"
    else:
        title = f"valid: {places}"
    annotations = [_annotation(each) for each in _worst_first(found)]
    return Told(
        "failure" if errors else "success",
        title,
        _finding_summary(found, earlier),
        annotations=annotations[:MOST_ANNOTATIONS],
    )


def conflicting(clashes: Sequence[Clash], base: str) -> Told:
    """Return what is said when the two sides do not merge."""
    files = [each for each in clashes if each.path]
    rows = [(each.path, each.message) for each in files[:_ROWS]]
    summary = f"Merge or rebase {code(base)} into this branch, and resolve what clashes.\n\n"
    if rows:
        summary += table(("File", "What clashes"), rows)
    else:
        summary += "\n".join(fenced(each.message) for each in clashes)
    annotations = [
        Annotation(each.path, hunk.line, "failure", "MERGE_CONFLICT", clean(each.message))
        for each in files
        for hunk in each.hunks[:1]
    ]
    title = f"conflicts with {base} in {_counted(len(files), 'file')}" if files else "cannot merge"
    return Told("failure", title, summary, annotations=annotations[:MOST_ANNOTATIONS])


NOT_PLANNED: Final = Told("neutral", "not done: the merge conflicts")


def ran(results: Sequence[SuiteResult]) -> Told:
    """Return what the tests say."""
    if not results:
        return Told("success", "no tests of what changes")
    cases = [case for suite in results for case in suite.cases]
    bad = [suite for suite in results if suite.state in ("FAILED", "ERROR")]
    failed = sum(case.state in ("FAILED", "ERROR") for case in cases)
    passed = sum(case.state == "SUCCESS" for case in cases)
    failing = max(failed, len(bad))
    title = f"{passed} passed" + (f", {failing} failed" if failing else "")
    annotations = [each for suite in bad for each in _failures(suite)]
    rows = [(each.path, each.flow_id, each.state) for each in results[:_ROWS]]
    summary = table(("File", "Flow", "Result"), rows) + _more(len(results) - len(rows))
    return Told(
        "failure" if bad else "success",
        title,
        summary,
        annotations=annotations[:MOST_ANNOTATIONS],
    )


def awaiting(sha: str) -> Told:
    """Return what is said of a head of a fork that nobody let be tested yet."""
    return Told(
        "queued",
        "waits for /headwater ok-to-test",
        "This comes from a fork: nothing of it is run until somebody with write permission comments"
        f"\n\n{fenced(f'/headwater ok-to-test {sha}')}\n\nThat holds for this commit only.",
        actions=(("Run the tests", "Lets this commit be tested", OK_TO_TEST),),
    )


def failed(message: str) -> Told:
    """Return what is said when a review could not be made."""
    return Told("failure", "the review failed", fenced(message))


def _failures(suite: SuiteResult) -> Iterable[Annotation]:
    for error in suite.errors:
        yield Annotation(suite.path, 1, "failure", titled(suite.id or suite.path), clean(error))
    for case in suite.cases:
        if case.state not in ("FAILED", "ERROR"):
            continue
        told = [*case.errors]
        told += [
            each.message or f"{each.operator}: expected {each.expected!r}, got {each.actual!r}"
            for each in case.assertions
            if not each.success
        ]
        message = clean("\n".join(told) or case.state)
        title = titled(f"{suite.id}.{case.id}")
        yield Annotation(suite.path, max(1, case.line), "failure", title, message)


def _annotation(found: Found) -> Annotation:
    message = clean(found.message + (f"\n{found.fix}" if found.fix else ""))
    level = _LEVELS.get(found.severity, "notice")
    line = max(1, found.line)
    return Annotation(found.path, line, level, found.code, message, found.column, line)


def _worst_first(found: Sequence[Found]) -> list[Found]:
    return sorted(found, key=lambda each: (not each.is_error, each.path, each.line, each.column))


def _finding_summary(found: Sequence[Found], earlier: Sequence[Found]) -> str:
    shown = _worst_first(found)[:_ROWS]
    text = ""
    if shown:
        rows = [(_place(each), each.code, each.message) for each in shown]
        text = table(("Where", "Code", "What"), rows) + _more(len(found) - len(shown))
    before = _worst_first([each for each in earlier if each.is_error])
    if before:
        rows = [(_place(each), each.code, each.message) for each in before[:_ROWS]]
        text += (
            "\nNot because of this change, but these namespaces do not become active before it is"
            f" mended:\n\n{table(('Where', 'Code', 'What'), rows)}{_more(len(before) - len(rows))}"
        )
    return text


def _place(found: Found) -> str:
    return f"{found.path}:{found.line}" if found.line else found.path


def _more(count: int) -> str:
    return f"\n… and {count} more\n" if count > 0 else ""


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
