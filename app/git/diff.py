"""Unified diffs as text, of two blobs or of one path in two commits. Nothing of ours is run."""

from app.git.mirror import Mirror
from app.git.names import check_oid, check_path
from app.git.process import Launcher
from app.git.repository import ok

_OPTIONS = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--no-indent-heuristic")
_BINARY = "Binary files differ\n"
_LIMIT = 2 * 1024**2


def diff_blobs(
    mirror: Mirror, old: str | None, new: str | None, path: str, *, context: int = 3
) -> str:
    """Return the unified diff of two blobs, shown as `path`; "" when they are equal.

    None stands for a file that is not there.

    Raises:
        ObjectMissing: when a blob is not in the repository. TooLarge: when one is very large.
    """
    if old == new:
        return ""
    before = "/dev/null" if old is None else f"a/{path}"
    after = "/dev/null" if new is None else f"b/{path}"
    if old is None or new is None:
        body = _whole(mirror.objects.read(old or new or "", limit=_LIMIT), "-" if old else "+")
    else:
        command = ["diff", *_OPTIONS, f"-U{int(context)}", "--end-of-options"]
        text = _run(mirror.disk.launcher, [*command, check_oid(old), check_oid(new)])
        body = text[text.index("@@") :] if "@@" in text else _BINARY
    return f"--- {before}\n+++ {after}\n{body}"


def diff_commits(mirror: Mirror, old: str, new: str, *paths: str, context: int = 3) -> str:
    """Return the unified diff of two commits, of some files and folders or of everything.

    Raises:
        ObjectMissing: when there is no such commit.
    """
    command = ["diff-tree", "-p", "-r", "--no-commit-id", *_OPTIONS, f"-U{int(context)}"]
    command += [check_oid(old), check_oid(new), "--", *map(check_path, paths)]
    return _run(mirror.disk.launcher, command)


def _whole(data: bytes, sign: str) -> str:
    """Return the hunk of a file that is new or gone."""
    if b"\0" in data[:8000]:
        return _BINARY
    lines = data.decode("utf-8", "replace").split("\n")
    open_end = lines.pop() if lines[-1] == "" else None
    count = len(lines)
    head = f"@@ -0,0 +1,{count} @@" if sign == "+" else f"@@ -1,{count} +0,0 @@"
    tail = "\\ No newline at end of file\n" if open_end is None and data else ""
    return f"{head}\n" + "".join(f"{sign}{line}\n" for line in lines) + tail if data else ""


def _run(launcher: Launcher, command: list[str]) -> str:
    out = ok(launcher.run(command), "Comparing").out
    text = out[:_LIMIT].decode("utf-8", "replace")
    return text if len(out) <= _LIMIT else f"{text}\n(cut after {_LIMIT} bytes)\n"
