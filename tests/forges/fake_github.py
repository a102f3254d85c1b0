"""A GitHub of our own on loopback: its REST API over a `MemoryForge`, and its webhooks.

Every request and every answer is held to GitHub's published description (`problems`); what a
request lacks is answered as GitHub would. It can be slow to renew, limited, renamed and down.
"""

import base64
import contextlib
import hashlib
import hmac
import itertools
import re
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson
import uvicorn
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from app.ports import Annotation, Check, Comment, Hook, HookDelivery, PullRequest
from tests.forges.memory import Deployment, MemoryForge
from tests.forges.openapi import description

Message = MutableMapping[str, Any]
APP_ID = "4711"
INSTALLATION = 99
# GitHub says so of a fork that was deleted; its description does not have it.
_FORK_IS_GONE = 'head/repo: null is not of type "object"'


@dataclass
class Request:
    """A request, read."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: Any
    route: str = ""
    named: dict[str, str] = field(default_factory=dict)


@dataclass
class Answer(Exception):
    """What a request is answered."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Any, Request], Answer]
ROUTES: list[tuple[re.Pattern[str], str, Handler]] = []


def route(name: str) -> Callable[[Handler], Handler]:
    """Answer a route of the description."""
    method, _, path = name.partition(" ")
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)

    def register(handler: Handler) -> Handler:
        ROUTES.append((re.compile(f"{method} {pattern}"), name, handler))
        return handler

    return register


class FakeGitHub:
    """GitHub, for one repository and one App."""

    def __init__(self, world: MemoryForge | None = None, token: str = "ghp_plain") -> None:
        description()  # skips the test, or fails it, where it cannot be had
        self.world = world or MemoryForge()
        self.token = token
        self.key = RSAKey.generate_key(2048)
        self.port = 0
        self.requests: list[str] = []
        self.problems: list[str] = []
        """Where a request or an answer is not as GitHub's description has it."""
        self.runs: dict[int, dict[str, Any]] = {}
        self.tokens: dict[str, datetime] = {}
        self.token_seconds = 3600.0
        self.app_hook = ""
        """The address of the App's webhook; "": it has none."""
        self.app_events = ["push", "pull_request"]
        self.unknown_reviewers: set[str] = set()
        self.answers: list[Answer] = []
        """Given to the next requests instead of what they ask for."""
        self.renamed_from = ""
        """Another name of the repository, which is redirected."""
        self.cost = 0
        """Requests that count towards the limit: those answered 304 do not."""
        self.secret = "It's a Secret to Everybody"
        self.sent: dict[str, tuple[str, dict[str, str], bytes]] = {}
        """Deliveries by their id: address, headers, body."""
        self._ids = itertools.count(1000)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def private_key(self) -> bytes:
        return bytes(self.key.as_pem(private=True))

    # -- webhooks -----------------------------------------------------------------------------

    def deliver(self, url: str, event: str, payload: Mapping[str, Any], guid: str = "") -> int:
        """Call a webhook as GitHub does, and note in its log how it went; return the status.

        It blocks: call it in a thread.
        """
        guid = guid or str(uuid.uuid4())
        headers, body = self.signed(event, payload, guid)
        return self._call_hook(url, headers, body)

    def signed(
        self, event: str, payload: Mapping[str, Any], guid: str
    ) -> tuple[dict[str, str], bytes]:
        """Return headers and body of a delivery."""
        body = orjson.dumps(payload)
        digest = hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {
            "User-Agent": "GitHub-Hookshot/fake",
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": guid,
            "X-GitHub-Hook-ID": "1",
            "X-Hub-Signature-256": f"sha256={digest}",
        }
        return headers, body

    def _call_hook(self, url: str, headers: dict[str, str], body: bytes) -> int:
        request = urllib.request.Request(url, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status = int(answer.status)
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
        except OSError:
            status = 0
        number = str(next(self._ids))
        self.sent[number] = url, headers, body
        self.world.deliveries.append(
            HookDelivery(
                number,
                headers["X-GitHub-Delivery"],
                headers["X-GitHub-Event"],
                200 <= status < 300,
                _now(),
            )
        )
        return status

    # -- serving ------------------------------------------------------------------------------

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        request = Request(
            scope["method"],
            scope["raw_path"].decode(),
            dict(parse_qsl(scope["query_string"].decode())),
            {key.decode().lower(): value.decode() for key, value in scope["headers"]},
            orjson.loads(body) if body else None,
        )
        answer = self._answer(request)
        content = b"" if answer.body is None else answer.body
        if not isinstance(content, bytes):
            content = orjson.dumps(content)
        headers = {"content-type": "application/json", **answer.headers}
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
        await send({"type": "http.response.body", "body": content})

    def _answer(self, request: Request) -> Answer:
        self.requests.append(f"{request.method} {request.path}")
        try:
            if self.answers:
                raise self.answers.pop(0)
            self._redirect(request)
            handler = self._find(request)
            self._authorize(request)
            self._check_request(request)
            answer = handler(self, request)
        except Answer as early:
            answer = early
        if isinstance(answer.body, bytes):  # a page of a proxy: none of ours
            return answer
        answer = self._paged(request, answer)
        answer = self._checked(request, answer)
        return self._tagged(request, answer)

    def _find(self, request: Request) -> Handler:
        for pattern, name, handler in ROUTES:
            if found := pattern.fullmatch(f"{request.method} {request.path}"):
                request.route = name
                request.named = {key: unquote(value) for key, value in found.groupdict().items()}
                repository = f"{request.named.get('owner')}/{request.named.get('repo')}"
                if "repo" in request.named and repository != self.world.repository:
                    raise _refusal(404, "Not Found")
                return handler
        self.problems.append(f"{request.method} {request.path} is no route of GitHub's known here")
        raise _refusal(404, "Not Found")

    def _redirect(self, request: Request) -> None:
        old = f"/repos/{self.renamed_from}"
        if self.renamed_from and request.path.startswith(old):
            there = f"/repos/{self.world.repository}{request.path.removeprefix(old)}"
            query = "&".join(f"{name}={value}" for name, value in request.query.items())
            status = 301 if request.method == "GET" else 307
            raise Answer(status, headers={"location": f"{self.url}{there}?{query}"})

    def _authorize(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            if request.path == "/meta":
                return
            raise _refusal(401, "Requires authentication")
        if request.path.startswith("/app") or request.path.endswith("/installation"):
            self._check_app(token)
        elif token.startswith("ghs_"):
            if self.tokens.get(token, datetime.now(UTC)) <= datetime.now(UTC):
                raise _refusal(401, "Bad credentials")
        elif token != self.token:
            raise _refusal(401, "Bad credentials")
        elif "/check-runs" in request.path:
            raise _refusal(403, "You must authenticate via a GitHub App.")

    def _check_app(self, token: str) -> None:
        try:
            claims = jwt.decode(token, self.key, algorithms=["RS256"]).claims
        except JoseError:
            raise _refusal(401, "A JSON web token could not be decoded") from None
        now = time.time()
        if not (claims["iss"] == APP_ID and claims["iat"] <= now < claims["exp"] <= now + 600):
            raise _refusal(401, "'Issued at' or 'Expiration time' claim is wrong")

    def _check_request(self, request: Request) -> None:
        if request.headers.get("user-agent", "") == "":
            self.problems.append("GitHub refuses requests without User-Agent")
        problems = description().problems_of_request(request.route, request.query, request.body)
        if problems:
            self.problems += [f"{request.route}: {each}" for each in problems]
            raise _refusal(422, "; ".join(problems))

    def _paged(self, request: Request, answer: Answer) -> Answer:
        if answer.status != 200 or not isinstance(answer.body, list):
            return answer
        size = int(request.query.get("per_page", "30"))
        name = "cursor" if request.path.endswith("/deliveries") else "page"
        page = int(request.query.get(name, "1"))
        if page * size < len(answer.body):
            query = request.query | {name: str(page + 1)}
            following = "&".join(f"{each}={value}" for each, value in query.items())
            answer.headers["link"] = f'<{self.url}{request.path}?{following}>; rel="next"'
        answer.body = answer.body[(page - 1) * size : page * size]
        return answer

    def _checked(self, request: Request, answer: Answer) -> Answer:
        if not request.route or answer.status in (301, 307):
            return answer
        if answer.body is not None and answer.status < 300:
            answer.body = description().filled(request.route, answer.status, answer.body)
        if answer.status < 500:
            problems = description().problems_of_answer(request.route, answer.status, answer.body)
            self.problems += [
                f"{request.route} {answer.status}: {each}"
                for each in problems
                if each != _FORK_IS_GONE
            ]
        return answer

    def _tagged(self, request: Request, answer: Answer) -> Answer:
        if request.method == "GET" and answer.status == 200:
            tag = f'W/"{hashlib.sha256(orjson.dumps(answer.body)).hexdigest()[:32]}"'
            if request.headers.get("if-none-match") == tag:
                return Answer(304, headers={"etag": tag})
            answer.headers["etag"] = tag
        self.cost += 1
        return answer

    # -- what routes share --------------------------------------------------------------------

    def pull(self, request: Request) -> PullRequest:
        number = int(request.named.get("pull_number") or request.named["issue_number"])
        found = self.world.pull_requests.get(number)
        if found is None:
            raise _refusal(404, "Not Found")
        return found

    def find_comment(self, comment_id: str) -> tuple[int, int]:
        for number, thread in self.world.threads.items():
            for place, comment in enumerate(thread):
                if comment.id == comment_id:
                    return number, place
        raise _refusal(404, "Not Found")


# -- pull requests ------------------------------------------------------------------------------


@route("GET /repos/{owner}/{repo}")
def _repository(fake: FakeGitHub, request: Request) -> Answer:
    return Answer(200, _repo(fake.world.repository))


@route("GET /repos/{owner}/{repo}/pulls")
def _pulls(fake: FakeGitHub, request: Request) -> Answer:
    state = request.query.get("state", "open")
    found = [fake.world.pull_requests[number] for number in sorted(fake.world.pull_requests)]
    return Answer(200, [_pull(each) for each in found if state in ("all", _state(each))])


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}")
def _one_pull(fake: FakeGitHub, request: Request) -> Answer:
    pull = fake.pull(request)
    return Answer(200, _pull(pull) | {"merged": pull.state == "merged"})


@route("GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls")
def _pulls_of(fake: FakeGitHub, request: Request) -> Answer:
    sha, world = request.named["commit_sha"], fake.world
    found = [each for each in world.pull_requests.values() if sha in world._commits(each)]
    return Answer(200, [_pull(each) for each in found])


@route("POST /repos/{owner}/{repo}/pulls")
def _open(fake: FakeGitHub, request: Request) -> Answer:
    body, world = request.body, fake.world
    for each in world.pull_requests.values():
        if (each.head_ref, each.base_ref, each.state) == (body["head"], body["base"], "open"):
            raise _refusal(422, f"A pull request already exists for {body['head']}.")
    pull = world.add_pull(
        title=body["title"],
        author="headwater[bot]",
        draft=body.get("draft", False),
        head_ref=body["head"],
        base_ref=body["base"],
        body=body.get("body", ""),
    )
    return Answer(201, _pull(pull) | {"merged": False})


@route("PATCH /repos/{owner}/{repo}/pulls/{pull_number}")
def _change(fake: FakeGitHub, request: Request) -> Answer:
    pull = fake.pull(request)
    if pull.state == "open":
        pull = fake.world.change_pull(pull.number, state=request.body["state"])
    return Answer(200, _pull(pull) | {"merged": pull.state == "merged"})


@route("POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers")
def _reviewers(fake: FakeGitHub, request: Request) -> Answer:
    pull = fake.pull(request)
    asked = [*request.body.get("reviewers", ()), *request.body.get("team_reviewers", ())]
    if fake.unknown_reviewers & set(asked) or pull.author in asked:
        raise _refusal(422, "Reviews may only be requested from collaborators.")
    fake.world.reviewers[pull.number] = (*fake.world.reviewers.get(pull.number, ()), *asked)
    return Answer(201, _pull(pull))


@route("POST /repos/{owner}/{repo}/issues/{issue_number}/labels")
def _labels(fake: FakeGitHub, request: Request) -> Answer:
    pull = fake.pull(request)
    labels = (*pull.labels, *request.body["labels"])
    fake.world.change_pull(pull.number, labels=labels)
    return Answer(200, [{"name": each} for each in labels])


@route("GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews")
def _reviews(fake: FakeGitHub, request: Request) -> Answer:
    reviews = fake.world.reviews.get(fake.pull(request).number, [])
    return Answer(
        200,
        [
            {"user": _user(each.user), "commit_id": each.sha, "state": each.state}
            for each in reviews
        ],
    )


@route("GET /repos/{owner}/{repo}/collaborators/{username}/permission")
def _permission(fake: FakeGitHub, request: Request) -> Answer:
    user = request.named["username"]
    if user not in fake.world.permissions:
        raise _refusal(404, f"{user} is not a user")
    level = fake.world.permissions[user]
    return Answer(200, {"permission": level, "role_name": level, "user": _user(user)})


# -- comments -----------------------------------------------------------------------------------


@route("GET /repos/{owner}/{repo}/issues/{issue_number}/comments")
def _comments(fake: FakeGitHub, request: Request) -> Answer:
    return Answer(200, [_comment(each) for each in fake.world.threads[fake.pull(request).number]])


@route("POST /repos/{owner}/{repo}/issues/{issue_number}/comments")
def _write(fake: FakeGitHub, request: Request) -> Answer:
    number = fake.pull(request).number
    fake.world.say(number, "headwater[bot]", request.body["body"])
    return Answer(201, _comment(fake.world.threads[number][-1]))


@route("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}")
def _edit(fake: FakeGitHub, request: Request) -> Answer:
    number, place = fake.find_comment(request.named["comment_id"])
    edited = fake.world.threads[number][place]._replace(body=request.body["body"])
    fake.world.threads[number][place] = edited
    return Answer(200, _comment(edited))


@route("POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions")
def _react(fake: FakeGitHub, request: Request) -> Answer:
    comment_id = request.named["comment_id"]
    number, _ = fake.find_comment(comment_id)
    assert request.body["content"] == "eyes"
    fake.world.eyes.append((number, comment_id))
    return Answer(201, {"content": "eyes", "user": _user("headwater[bot]")})


# -- what is told of commits --------------------------------------------------------------------


@route("POST /repos/{owner}/{repo}/check-runs")
def _new_run(fake: FakeGitHub, request: Request) -> Answer:
    number = next(fake._ids)
    fake.runs[number] = {"annotations": []}
    return Answer(201, _changed_run(fake, number, request.body))


@route("PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}")
def _change_run(fake: FakeGitHub, request: Request) -> Answer:
    number = int(request.named["check_run_id"])
    if number not in fake.runs:
        raise _refusal(404, "Not Found")
    return Answer(200, _changed_run(fake, number, request.body))


def _changed_run(fake: FakeGitHub, number: int, body: dict[str, Any]) -> dict[str, Any]:
    run = fake.runs[number]
    output = body.pop("output", {})
    run["annotations"] += output.pop("annotations", [])
    run |= body | {"output": run.get("output", {}) | output}
    told = _told(number, run)
    if "status" in body:
        fake.world.published.append(told)
    else:
        fake.world.published[-1] = told
    fake.world.checks[str(number)] = told
    shown = {"id": number, "name": run["name"], "head_sha": run["head_sha"]}
    count = len(run["annotations"])
    shown["output"] = run["output"] | {
        "text": run["output"].get("text"),
        "annotations_count": count,
        "annotations_url": f"{fake.url}/annotations",
    }
    return shown | {"status": run["status"], "conclusion": run.get("conclusion")}


def _told(number: int, run: dict[str, Any]) -> Check:
    output = run["output"]
    return Check(
        sha=run["head_sha"],
        context=run["name"],
        state=run.get("conclusion") if run["status"] == "completed" else run["status"],
        title=output.get("title", ""),
        summary=output.get("summary", ""),
        text=output.get("text", ""),
        url=run.get("details_url", ""),
        annotations=[
            Annotation(
                each["path"],
                each["start_line"],
                each["annotation_level"],
                each.get("title", ""),
                each["message"],
                each.get("start_column", 0),
                each["end_line"],
            )
            for each in run["annotations"]
        ],
        actions=[
            (each["label"], each["description"], each["identifier"])
            for each in run.get("actions", ())
        ],
        id=str(number),
    )


@route("POST /repos/{owner}/{repo}/statuses/{sha}")
def _status(fake: FakeGitHub, request: Request) -> Answer:
    body, sha = request.body, request.named["sha"]
    state = {"pending": "in_progress", "error": "cancelled"}.get(body["state"], body["state"])
    check = Check(
        sha, body["context"], state, body.get("description", ""), url=body.get("target_url", "")
    )
    fake.world.published.append(check)
    fake.world.checks[f"{sha}/{check.context}"] = check
    return Answer(201, {"state": body["state"], "context": body["context"]})


@route("GET /repos/{owner}/{repo}/deployments")
def _deployments(fake: FakeGitHub, request: Request) -> Answer:
    wanted = request.query["sha"], request.query["environment"]
    found = [
        {"id": number + 1, "sha": each.sha, "environment": each.environment, "payload": {}}
        for number, each in enumerate(fake.world.deployments)
        if (each.sha, each.environment) == wanted
    ]
    return Answer(200, found[::-1])


@route("POST /repos/{owner}/{repo}/deployments")
def _deploy(fake: FakeGitHub, request: Request) -> Answer:
    body = request.body
    if body.get("auto_merge", True) or body.get("required_contexts") != []:
        raise _refusal(409, "Conflict merging main into it, or commit status checks failed")
    fake.world.deployments.append(
        Deployment(body["ref"], body["environment"], "pending", body.get("description", ""), "")
    )
    number = len(fake.world.deployments)
    return Answer(201, {"id": number, "sha": body["ref"], "payload": {}})


@route("POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses")
def _deployed(fake: FakeGitHub, request: Request) -> Answer:
    place, body = int(request.named["deployment_id"]) - 1, request.body
    there = fake.world.deployments[place]
    fake.world.deployments[place] = there._replace(
        state=body["state"], description=body.get("description", ""), url=body.get("log_url", "")
    )
    return Answer(201, {"state": body["state"]})


# -- webhooks, the App, what is public ----------------------------------------------------------


@route("GET /repos/{owner}/{repo}/hooks")
def _hooks(fake: FakeGitHub, request: Request) -> Answer:
    return Answer(
        200,
        [
            {
                "id": int(hook.id),
                "name": "web",
                "active": hook.active,
                "events": sorted(hook.events),
                "config": {"url": url, "content_type": "json"},
            }
            for url, hook in fake.world.hooks.items()
        ],
    )


@route("GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries")
def _repository_log(fake: FakeGitHub, request: Request) -> Answer:
    return Answer(200, [_delivery(each) for each in reversed(fake.world.deliveries)])


@route("POST /repos/{owner}/{repo}/hooks/{hook_id}/deliveries/{delivery_id}/attempts")
def _again(fake: FakeGitHub, request: Request) -> Answer:
    return _repeat(fake, request)


@route("GET /app/hook/deliveries")
def _app_log(fake: FakeGitHub, request: Request) -> Answer:
    return _repository_log(fake, request)


@route("POST /app/hook/deliveries/{delivery_id}/attempts")
def _app_again(fake: FakeGitHub, request: Request) -> Answer:
    return _repeat(fake, request)


def _repeat(fake: FakeGitHub, request: Request) -> Answer:
    number = request.named["delivery_id"]
    if number not in {each.id for each in fake.world.deliveries}:
        raise _refusal(404, "Not Found")
    fake.world.redelivered.append(number)
    if number in fake.sent:
        thread = threading.Thread(target=fake._call_hook, args=fake.sent[number], daemon=True)
        thread.start()
    return Answer(202, {})


@route("GET /app/hook/config")
def _app_hook(fake: FakeGitHub, request: Request) -> Answer:
    return Answer(200, {"url": fake.app_hook} if fake.app_hook else {})


@route("GET /app")
def _app(fake: FakeGitHub, request: Request) -> Answer:
    return Answer(200, {"id": int(APP_ID), "events": fake.app_events, "permissions": {}})


@route("GET /repos/{owner}/{repo}/installation")
def _installation(fake: FakeGitHub, request: Request) -> Answer:
    return Answer(200, {"id": INSTALLATION, "app_id": int(APP_ID), "permissions": {}})


@route("POST /app/installations/{installation_id}/access_tokens")
def _access_token(fake: FakeGitHub, request: Request) -> Answer:
    if int(request.named["installation_id"]) != INSTALLATION:
        raise _refusal(404, "Not Found")
    _, _, name = fake.world.repository.partition("/")
    if request.body and request.body.get("repositories", [name]) != [name]:
        raise _refusal(422, "There is at least one repository that does not exist")
    token = f"ghs_{base64.urlsafe_b64encode(uuid.uuid4().bytes * 4).decode().rstrip('=')}"
    ends = datetime.now(UTC) + timedelta(seconds=fake.token_seconds)
    fake.tokens[token] = ends
    return Answer(201, {"token": token, "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ")})


@route("GET /meta")
def _meta(fake: FakeGitHub, request: Request) -> Answer:
    return Answer(200, {"verifiable_password_authentication": False, "hooks": fake.world.networks})


# -- JSON ---------------------------------------------------------------------------------------


def _refusal(status: int, message: str) -> Answer:
    return Answer(status, {"message": message, "documentation_url": "https://docs.example"})


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _state(pull: PullRequest) -> str:
    return "open" if pull.state == "open" else "closed"


def _user(login: str) -> dict[str, Any]:
    return {"login": login, "id": 1}


def _repo(full_name: str) -> dict[str, Any]:
    owner, _, name = full_name.partition("/")
    return {"id": 7, "name": name, "full_name": full_name, "owner": _user(owner)}


def _pull(pull: PullRequest) -> dict[str, Any]:
    head: dict[str, Any] = {"label": pull.head_ref, "ref": pull.head_ref, "sha": pull.head_sha}
    head["repo"] = _repo(pull.head_repo) if pull.head_repo else None
    head["user"] = _user(pull.author)
    merged_at = "2026-01-02T03:04:05Z" if pull.state == "merged" else None
    return {
        "number": pull.number,
        "title": pull.title,
        "user": _user(pull.author),
        "state": _state(pull),
        "draft": pull.draft,
        "head": head,
        "base": {
            "label": pull.base_ref,
            "ref": pull.base_ref,
            "sha": pull.base_sha,
            "repo": _repo(pull.base_repo),
            "user": _user("acme"),
        },
        "html_url": pull.url,
        "merged_at": merged_at,
        "merge_commit_sha": pull.merged_sha or "f" * 40,
        "labels": [{"name": each} for each in pull.labels],
        "body": pull.body,
    }


def _comment(comment: Comment) -> dict[str, Any]:
    return {"id": int(comment.id), "user": _user(comment.author), "body": comment.body}


def _delivery(each: HookDelivery) -> dict[str, Any]:
    return {
        "id": int(each.id),
        "guid": each.guid,
        "event": each.event,
        "delivered_at": each.delivered_at,
        "status": "OK" if each.ok else "Service Unavailable",
        "status_code": 202 if each.ok else 503,
        "repository_id": 7,
    }


def hooked(world: MemoryForge, url: str, *events: str) -> Hook:
    """Give the repository a webhook."""
    hook = Hook(str(len(world.hooks) + 1), frozenset(events or ("push", "pull_request")))
    world.hooks[url] = replace(hook)
    return hook


@contextlib.contextmanager
def serving(app: Any) -> Iterator[Any]:
    """Serve a fake from a thread, on a free loopback port."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="critical", lifespan="off", ws="none",
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    app.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield app
    finally:
        server.should_exit = True
        thread.join(10)
