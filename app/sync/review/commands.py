"""Commands in comments of pull requests: `/headwater plan`, one a line. Pure."""

import re
from typing import NamedTuple

from app.db.records import FlowKey
from app.errors import BadRequest

PREFIX = "/headwater"
_MOST = 5
_FLOW = re.compile(
    r"(?:(?P<tenant>[a-z0-9][a-z0-9_-]{0,62})/)?"
    r"(?P<namespace>[a-z0-9][a-z0-9._-]{0,149})\.(?P<flow>[a-zA-Z0-9][a-zA-Z0-9_-]{0,99})\Z"
)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_LINES = re.compile(r"\r\n|\n|\r")
"""What ends a line in Markdown: what else Python takes for it stays inside of a quotation."""

HELP = """\
| Command | What it does |
|---|---|
| `/headwater plan` | validates and plans anew |
| `/headwater test` | the same, and runs the tests |
| `/headwater ok-to-test <sha>` | lets this commit of a fork be tested |
| `/headwater pin <flow> <revision or commit> [reason]` | holds a flow at a revision |
| `/headwater unpin <flow>` | ends that |
| `/headwater rollback <flow> [revision or commit]` | pins a flow to the revision before |
| `/headwater help` | shows this |

A flow is named `namespace.id`, or `tenant/namespace.id`. Everything but `help` needs write
permission for this repository.
"""


class Command(NamedTuple):
    """One command as it was written."""

    name: str
    words: tuple[str, ...] = ()

    def word(self, place: int, what: str) -> str:
        """Return a word of the command; raises `BadRequest` naming what is missing."""
        if place < len(self.words):
            return self.words[place]
        message = f"`/headwater {self.name}` needs {what}; see `/headwater help`"
        raise BadRequest(message)

    def rest(self, place: int) -> str:
        """Return the words from a place on as text."""
        return " ".join(self.words[place:])


def read_commands(text: str) -> list[Command]:
    """Return the commands of a comment, at most five; quotes and code are no commands."""
    found: list[Command] = []
    fence = ""
    for line in _LINES.split(text):
        mark = _FENCE.match(line)
        if mark and (not fence or (mark[1].startswith(fence) and not mark[2].strip())):
            fence = "" if fence else mark[1]
            continue
        words = line.split()
        if not fence and words[:1] == [PREFIX] and line.startswith(PREFIX):
            found.append(Command(words[1].lower() if len(words) > 1 else "help", tuple(words[2:])))
    return found[:_MOST]


def flow_named(text: str, default_tenant: str) -> FlowKey:
    """Return the flow that `[tenant/]namespace.id` names; raises `BadRequest`."""
    found = _FLOW.match(text)
    if found is None:
        message = "a flow is named `namespace.id`, or `tenant/namespace.id`"
        raise BadRequest(message)
    return found["tenant"] or default_tenant, found["namespace"], found["flow"]
