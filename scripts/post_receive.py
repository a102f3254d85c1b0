"""The `post-receive` hook of the demo's bare repository: tells Headwater what was pushed.

Sends what GitHub sends: a `push` payload for each updated branch, signed with HMAC-SHA256. Git runs
it in the repository's folder and writes `<old> <new> <ref>` lines to its standard input. Where to
send it stands in `webhook.json` beside the hooks. A push never fails because of this hook: what is
not delivered is found by Headwater's next poll.
"""

import hashlib
import hmac
import json
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 5
ZERO = "0" * 40


def main() -> None:
    """Deliver one payload for each branch on standard input, and tell the pusher."""
    hook = json.loads(Path("webhook.json").read_text(encoding="utf-8"))
    for line in sys.stdin:
        old, new, ref = line.split()
        try:
            deliver(hook["url"], hook["secret"], payload(Path.cwd(), old, new, ref))
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            print(f"Headwater was not told ({reason}); its next poll will find {ref}")
        else:
            print(f"Headwater was told of {ref} at {new[:8]}")


def payload(repository: Path, old: str, new: str, ref: str) -> dict[str, Any]:
    """Return GitHub's push payload, as far as a receiver may rely on it."""
    head = None if new == ZERO else commit(repository, new)
    return {
        "ref": ref,
        "before": old,
        "after": new,
        "created": old == ZERO,
        "deleted": new == ZERO,
        "forced": False,
        "repository": {
            "name": repository.stem,
            "full_name": f"demo/{repository.stem}",
            "clone_url": str(repository),
            "default_branch": "main",
        },
        "pusher": {"name": head["author"]["name"] if head else ""},
        "commits": [head] if head else [],
        "head_commit": head,
    }


def commit(repository: Path, sha: str) -> dict[str, Any]:
    """Describe a commit in the payload's shape."""
    command = ["git", "log", "-1", "--format=%H%x00%s%x00%cI%x00%an%x00%ae", sha]
    shown = subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True)
    sha, subject, time, name, email = shown.stdout.rstrip("\n").split("\0")
    author = {"name": name, "email": email}
    return {"id": sha, "message": subject, "timestamp": time, "author": author}


def deliver(url: str, secret: str, content: dict[str, Any]) -> int:
    """Post a signed payload; return the status.

    Raises:
        URLError: nobody answers, or the answer is an error.
    """
    body = json.dumps(content).encode()
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    request = urllib.request.Request(url, body, headers, method="POST")
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        status: int = response.status
        return status


if __name__ == "__main__":
    main()
