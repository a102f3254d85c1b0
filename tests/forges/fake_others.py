"""A GitLab, a Gitea and a Bitbucket on loopback: as much of their REST APIs as we ask for.

Their worlds are a `MemoryForge`; the shapes are those of the vendors' own API documentation.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import orjson

from app.ports import Check, PullRequest
from tests.forges.fake_github import Answer, Request
from tests.forges.memory import Deployment, MemoryForge

Handler = Callable[[Any, Request], Answer]


def _refusal(status: int, message: str) -> Answer:
    return Answer(status, {"message": message})


class RestFake:
    """Answers routes; checks the token; pages lists."""

    routes: list[tuple[re.Pattern[str], Handler]]
    prefix = ""
    token = "s3cret"
    size_name = "per_page"

    def __init__(self) -> None:
        self.world = MemoryForge()
        self.port = 0
        self.requests: list[str] = []
        self.problems: list[str] = []
        self.answers: list[Answer] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        body = b""
        while (message := await receive()).get("more_body") or message.get("body"):
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        request = Request(
            scope["method"],
            scope["raw_path"].decode().removeprefix(self.prefix),
            dict(parse_qsl(scope["query_string"].decode())),
            {key.decode().lower(): value.decode() for key, value in scope["headers"]},
            orjson.loads(body) if body else None,
        )
        answer = self._answer(request)
        headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        content = b"" if answer.body is None else orjson.dumps(answer.body)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _answer(self, request: Request) -> Answer:
        self.requests.append(f"{request.method} {request.path}")
        try:
            if self.answers:
                raise self.answers.pop(0)
            if request.headers.get("authorization") != f"Bearer {self.token}":
                raise _refusal(401, "401 Unauthorized")
            return self._paged(request, self._find(request)(self, request))
        except Answer as early:
            return early

    def _find(self, request: Request) -> Handler:
        for pattern, handler in self.routes:
            if found := pattern.fullmatch(f"{request.method} {request.path}"):
                request.named = {name: unquote(text) for name, text in found.groupdict().items()}
                if request.named.get("repo", self.world.repository) != self.world.repository:
                    raise _refusal(404, "404 Project Not Found")
                return handler
        self.problems.append(f"{request.method} {request.path} is no route")
        raise _refusal(404, "404 Not Found")

    def _paged(self, request: Request, answer: Answer) -> Answer:
        if not isinstance(answer.body, list) or self.size_name not in request.query:
            return answer
        size, page = int(request.query[self.size_name]), int(request.query.get("page", 1))
        if page * size < len(answer.body):
            query = urlencode(request.query | {"page": page + 1})
            answer.headers["link"] = f'<{self.url}{request.path}?{query}>; rel="next"'
        answer.body = answer.body[(page - 1) * size : page * size]
        return answer

    def pull(self, request: Request) -> PullRequest:
        found = self.world.pull_requests.get(int(request.named["number"]))
        if found is None:
            raise _refusal(404, "404 Not found")
        return found

    def find_comment(self, comment_id: str) -> tuple[int, int]:
        for number, thread in self.world.threads.items():
            for place, comment in enumerate(thread):
                if comment.id == comment_id:
                    return number, place
        raise _refusal(404, "404 Not found")

    def edit(self, comment_id: str, body: str) -> Any:
        number, place = self.find_comment(comment_id)
        edited = self.world.threads[number][place]._replace(body=body)
        self.world.threads[number][place] = edited
        return edited

    def told(self, sha: str, context: str, state: str, title: str, url: str) -> None:
        check = Check(sha, context, state, title, url=url)  # type: ignore[arg-type]
        self.world.published.append(check)
        self.world.checks[f"{sha}/{context}"] = check

    def opened(self, head: str, base: str, **values: Any) -> PullRequest:
        for each in self.world.pull_requests.values():
            if (each.head_ref, each.base_ref, each.state) == (head, base, "open"):
                raise _refusal(409, "a pull request for these targets already exists")
        return self.world.add_pull(author="headwater[bot]", head_ref=head, base_ref=base, **values)


def _router(fake: type[RestFake]) -> Callable[[str], Callable[[Handler], Handler]]:
    fake.routes = []

    def route(pattern: str) -> Callable[[Handler], Handler]:
        named = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)

        def register(handler: Handler) -> Handler:
            fake.routes.append((re.compile(named), handler))
            return handler

        return register

    return route


# -- GitLab -------------------------------------------------------------------------------------


class FakeGitLab(RestFake):
    """GitLab below a path, as some are."""

    prefix = "/gitlab/api/v4"
    users: tuple[str, ...] = ("ann", "bob", "cid", "dan")


gitlab = _router(FakeGitLab)
_GITLAB_STATES = {"open": "opened", "closed": "closed", "merged": "merged"}
_PROJECT = "/projects/{repo}"


def _merge_request(fake: FakeGitLab, pull: PullRequest) -> dict[str, Any]:
    own = pull.head_repo == fake.world.repository
    return {
        "iid": pull.number,
        "title": pull.title,
        "author": {"username": pull.author},
        "state": _GITLAB_STATES[pull.state],
        "draft": pull.draft,
        "sha": pull.head_sha,
        "source_branch": pull.head_ref,
        "source_project_id": 7 if own else 8 if pull.head_repo else None,
        "target_project_id": 7,
        "target_branch": pull.base_ref,
        "diff_refs": {"base_sha": pull.base_sha},
        "web_url": pull.url,
        "merge_commit_sha": pull.merged_sha,
        "labels": list(pull.labels),
        "description": pull.body,
        "reviewers": [
            {"id": fake.users.index(each) + 1, "username": each}
            for each in fake.world.reviewers.get(pull.number, ())
        ],
    }


@gitlab("GET /projects/8")
def _fork(fake: FakeGitLab, request: Request) -> Answer:
    return Answer(200, {"id": 8, "path_with_namespace": "mallory/flows"})


@gitlab(f"GET {_PROJECT}")
def _project(fake: FakeGitLab, request: Request) -> Answer:
    return Answer(200, {"id": 7, "path_with_namespace": fake.world.repository})


@gitlab(f"GET {_PROJECT}/merge_requests")
def _requests(fake: FakeGitLab, request: Request) -> Answer:
    found = [fake.world.pull_requests[number] for number in sorted(fake.world.pull_requests)]
    assert request.query["state"] == "opened"
    return Answer(200, [_merge_request(fake, each) for each in found if each.state == "open"])


@gitlab(f"GET {_PROJECT}/repository/commits/{{sha}}/merge_requests")
def _requests_of(fake: FakeGitLab, request: Request) -> Answer:
    world, sha = fake.world, request.named["sha"]
    found = [each for each in world.pull_requests.values() if sha in world._commits(each)]
    return Answer(200, [_merge_request(fake, each) for each in found])


@gitlab(f"POST {_PROJECT}/merge_requests")
def _open_request(fake: FakeGitLab, request: Request) -> Answer:
    body = request.body
    draft = body["title"].startswith("Draft: ")
    labels = tuple(filter(None, body.get("labels", "").split(",")))
    pull = fake.opened(
        body["source_branch"],
        body["target_branch"],
        title=body["title"].removeprefix("Draft: "),
        draft=draft,
        labels=labels,
        body=body["description"],
    )
    reviewers = tuple(fake.users[each - 1] for each in body.get("reviewer_ids", ()))
    fake.world.reviewers[pull.number] = reviewers
    return Answer(201, _merge_request(fake, pull))


@gitlab(f"GET {_PROJECT}/merge_requests/{{number}}")
def _one_request(fake: FakeGitLab, request: Request) -> Answer:
    return Answer(200, _merge_request(fake, fake.pull(request)))


@gitlab(f"PUT {_PROJECT}/merge_requests/{{number}}")
def _close_request(fake: FakeGitLab, request: Request) -> Answer:
    pull = fake.pull(request)
    if reviewers := request.body.get("reviewer_ids"):
        fake.world.reviewers[pull.number] = tuple(fake.users[each - 1] for each in reviewers)
    else:
        assert request.body == {"state_event": "close"}
        pull = fake.world.change_pull(pull.number, state="closed")
    return Answer(200, _merge_request(fake, pull))


@gitlab(f"GET {_PROJECT}/merge_requests/{{number}}/approvals")
def _approvals(fake: FakeGitLab, request: Request) -> Answer:
    reviews = fake.world.reviews.get(fake.pull(request).number, [])
    last = {each.user: each.state for each in reviews if each.state != "COMMENTED"}
    approved = [user for user, state in last.items() if state == "APPROVED"]
    return Answer(200, {"approved_by": [{"user": {"username": user}} for user in approved]})


@gitlab("GET /users")
def _users(fake: FakeGitLab, request: Request) -> Answer:
    wanted = request.query["username"]
    found = [(n, each) for n, each in enumerate(fake.users, 1) if each == wanted]
    return Answer(200, [{"id": number, "username": name} for number, name in found])


@gitlab(f"GET {_PROJECT}/members/all/{{user}}")
def _member(fake: FakeGitLab, request: Request) -> Answer:
    name = fake.users[int(request.named["user"]) - 1]
    levels = {"admin": 40, "write": 30, "read": 20, "none": 0}
    if name not in fake.world.permissions:
        raise _refusal(404, "404 Not found")
    return Answer(200, {"access_level": levels[fake.world.permissions[name]], "state": "active"})


_NOTES = f"{_PROJECT}/merge_requests/{{number}}/notes"


def _note(comment: Any) -> dict[str, Any]:
    return {"id": int(comment.id), "author": {"username": comment.author}, "body": comment.body}


@gitlab(f"GET {_NOTES}")
def _notes(fake: FakeGitLab, request: Request) -> Answer:
    assert request.query["sort"] == "asc"
    system = {"id": 0, "author": None, "body": "added 1 commit", "system": True}
    thread = fake.world.threads[fake.pull(request).number]
    return Answer(200, [system, *map(_note, thread)])


@gitlab(f"POST {_NOTES}")
def _new_note(fake: FakeGitLab, request: Request) -> Answer:
    number = fake.pull(request).number
    fake.world.say(number, "headwater[bot]", request.body["body"])
    return Answer(201, _note(fake.world.threads[number][-1]))


@gitlab(f"PUT {_NOTES}/{{comment}}")
def _edit_note(fake: FakeGitLab, request: Request) -> Answer:
    return Answer(200, _note(fake.edit(request.named["comment"], request.body["body"])))


@gitlab(f"POST {_NOTES}/{{comment}}/award_emoji")
def _award(fake: FakeGitLab, request: Request) -> Answer:
    number, _ = fake.find_comment(request.named["comment"])
    assert request.body == {"name": "eyes"}
    fake.world.eyes.append((number, request.named["comment"]))
    return Answer(201, {})


@gitlab(f"POST {_PROJECT}/statuses/{{sha}}")
def _gitlab_status(fake: FakeGitLab, request: Request) -> Answer:
    body, sha = request.body, request.named["sha"]
    states = {"pending": "queued", "running": "in_progress", "failed": "failure"}
    state = states.get(body["state"], "cancelled" if body["state"] == "canceled" else "success")
    there = fake.world.checks.get(f"{sha}/{body['name']}")
    if there is not None and there.state == state:
        raise _refusal(400, f"Cannot transition status via :run from :{body['state']}")
    fake.told(sha, body["name"], state, body["description"], body.get("target_url", ""))
    return Answer(201, {})


@gitlab(f"GET {_PROJECT}/deployments")
def _deployments(fake: FakeGitLab, request: Request) -> Answer:
    wanted = request.query["environment"]
    found = [
        {"id": number, "sha": each.sha}
        for number, each in enumerate(fake.world.deployments, 1)
        if each.environment == wanted
    ]
    return Answer(200, found[::-1])


_STATUSES = {"running": "in_progress", "success": "success", "failed": "failure"}


@gitlab(f"POST {_PROJECT}/deployments")
def _deploy(fake: FakeGitLab, request: Request) -> Answer:
    body = request.body
    assert body["ref"] == "main"
    state: Any = _STATUSES[body["status"]]
    fake.world.deployments.append(Deployment(body["sha"], body["environment"], state, "", ""))
    return Answer(201, {"id": len(fake.world.deployments)})


@gitlab(f"PUT {_PROJECT}/deployments/{{deployment}}")
def _redeploy(fake: FakeGitLab, request: Request) -> Answer:
    place = int(request.named["deployment"]) - 1
    state: Any = _STATUSES[request.body["status"]]
    fake.world.deployments[place] = fake.world.deployments[place]._replace(state=state)
    return Answer(200, {})


@gitlab(f"GET {_PROJECT}/hooks")
def _gitlab_hooks(fake: FakeGitLab, request: Request) -> Answer:
    names = {"push": "push_events", "pull_request": "merge_requests_events"}
    return Answer(
        200,
        [
            {"id": int(hook.id), "url": url, "alert_status": "executable"}
            | {names[each]: True for each in hook.events}
            for url, hook in fake.world.hooks.items()
        ],
    )


@gitlab(f"GET {_PROJECT}/hooks/{{hook}}/events")
def _events(fake: FakeGitLab, request: Request) -> Answer:
    return Answer(
        200,
        [
            {
                "id": int(each.id),
                "trigger": each.event,
                "request_headers": {"Idempotency-Key": each.guid},
                "response_status": "202" if each.ok else "internal error",
                "created_at": each.delivered_at,
            }
            for each in reversed(fake.world.deliveries)
        ],
    )


@gitlab(f"POST {_PROJECT}/hooks/{{hook}}/events/{{event}}/resend")
def _resend(fake: FakeGitLab, request: Request) -> Answer:
    fake.world.redelivered.append(request.named["event"])
    return Answer(201, {})


# -- Gitea --------------------------------------------------------------------------------------


class FakeGitea(RestFake):
    """Gitea, or Forgejo."""

    prefix = "/api/v1"
    size_name = "limit"

    def _find(self, request: Request) -> Handler:
        own = f"/repos/{self.world.repository}"
        if not request.path.startswith(own):
            raise _refusal(404, "The target couldn't be found.")
        request.path = request.path.removeprefix(own)
        return super()._find(request)

    def _paged(self, request: Request, answer: Answer) -> Answer:
        request.path = f"/repos/{self.world.repository}{request.path}"
        return super()._paged(request, answer)


gitea = _router(FakeGitea)


def _gitea_repo(name: str) -> dict[str, Any] | None:
    return {"full_name": name} if name else None


def _gitea_pull(pull: PullRequest) -> dict[str, Any]:
    return {
        "number": pull.number,
        "title": pull.title,
        "user": {"login": pull.author},
        "state": "open" if pull.state == "open" else "closed",
        "merged": pull.state == "merged",
        "draft": pull.draft,
        "head": {
            "sha": pull.head_sha,
            "ref": pull.head_ref,
            "repo": _gitea_repo(pull.head_repo),
        },
        "base": {
            "sha": pull.base_sha,
            "ref": pull.base_ref,
            "repo": _gitea_repo(pull.base_repo),
        },
        "html_url": pull.url,
        "merge_commit_sha": pull.merged_sha,
        "labels": [{"name": each} for each in pull.labels],
        "body": pull.body,
    }


@gitea("GET ")
def _gitea_repository(fake: FakeGitea, request: Request) -> Answer:
    return Answer(200, {"full_name": fake.world.repository})


@gitea("GET /pulls")
def _gitea_pulls(fake: FakeGitea, request: Request) -> Answer:
    found = [fake.world.pull_requests[number] for number in sorted(fake.world.pull_requests)]
    return Answer(200, [_gitea_pull(each) for each in found if each.state == "open"])


@gitea("GET /pulls/{number}")
def _gitea_one(fake: FakeGitea, request: Request) -> Answer:
    return Answer(200, _gitea_pull(fake.pull(request)))


@gitea("GET /commits/{sha}/pull")
def _gitea_of(fake: FakeGitea, request: Request) -> Answer:
    for each in fake.world.pull_requests.values():
        if each.merged_sha == request.named["sha"]:
            return Answer(200, _gitea_pull(each))
    raise _refusal(404, "The target couldn't be found.")


@gitea("POST /pulls")
def _gitea_open(fake: FakeGitea, request: Request) -> Answer:
    body = request.body
    pull = fake.opened(body["head"], body["base"], title=body["title"], body=body["body"])
    return Answer(201, _gitea_pull(pull))


@gitea("PATCH /pulls/{number}")
def _gitea_close(fake: FakeGitea, request: Request) -> Answer:
    pull = fake.world.change_pull(fake.pull(request).number, state=request.body["state"])
    return Answer(201, _gitea_pull(pull))


@gitea("POST /issues/{number}/labels")
def _gitea_labels(fake: FakeGitea, request: Request) -> Answer:
    fake.world.change_pull(fake.pull(request).number, labels=tuple(request.body["labels"]))
    return Answer(200, [])


@gitea("POST /pulls/{number}/requested_reviewers")
def _gitea_reviewers(fake: FakeGitea, request: Request) -> Answer:
    number = fake.pull(request).number
    asked = [*request.body.get("reviewers", ()), *request.body.get("team_reviewers", ())]
    if "eve" in asked:
        raise _refusal(422, "reviewer is not a collaborator")
    fake.world.reviewers[number] = (*fake.world.reviewers.get(number, ()), *asked)
    return Answer(201, [])


@gitea("GET /pulls/{number}/reviews")
def _gitea_reviews(fake: FakeGitea, request: Request) -> Answer:
    states = {"COMMENTED": "COMMENT", "CHANGES_REQUESTED": "REQUEST_CHANGES"}
    reviews = fake.world.reviews.get(fake.pull(request).number, [])
    return Answer(
        200,
        [
            {
                "user": {"login": each.user},
                "state": states.get(each.state, "APPROVED"),
                "dismissed": each.state == "DISMISSED",
                "commit_id": each.sha,
            }
            for each in reviews
        ],
    )


@gitea("GET /collaborators/{user}/permission")
def _gitea_permission(fake: FakeGitea, request: Request) -> Answer:
    if request.named["user"] not in fake.world.permissions:
        raise _refusal(404, "user does not exist")
    return Answer(200, {"permission": fake.world.permissions[request.named["user"]]})


def _gitea_comment(comment: Any) -> dict[str, Any]:
    return {"id": int(comment.id), "user": {"login": comment.author}, "body": comment.body}


@gitea("GET /issues/{number}/comments")
def _gitea_comments(fake: FakeGitea, request: Request) -> Answer:
    thread = fake.world.threads[fake.pull(request).number]
    return Answer(200, [_gitea_comment(each) for each in thread])


@gitea("POST /issues/{number}/comments")
def _gitea_write(fake: FakeGitea, request: Request) -> Answer:
    number = fake.pull(request).number
    fake.world.say(number, "headwater[bot]", request.body["body"])
    return Answer(201, _gitea_comment(fake.world.threads[number][-1]))


@gitea("PATCH /issues/comments/{comment}")
def _gitea_edit(fake: FakeGitea, request: Request) -> Answer:
    return Answer(200, _gitea_comment(fake.edit(request.named["comment"], request.body["body"])))


@gitea("POST /issues/comments/{comment}/reactions")
def _gitea_react(fake: FakeGitea, request: Request) -> Answer:
    number, _ = fake.find_comment(request.named["comment"])
    assert request.body == {"content": "eyes"}
    fake.world.eyes.append((number, request.named["comment"]))
    return Answer(201, {})


@gitea("POST /statuses/{sha}")
def _gitea_status(fake: FakeGitea, request: Request) -> Answer:
    body = request.body
    state = {"pending": "in_progress", "error": "cancelled"}.get(body["state"], body["state"])
    url = body.get("target_url", "")
    fake.told(request.named["sha"], body["context"], state, body["description"], url)
    return Answer(201, {})


@gitea("GET /hooks")
def _gitea_hooks(fake: FakeGitea, request: Request) -> Answer:
    return Answer(
        200,
        [
            {
                "id": int(hook.id),
                "config": {"url": url},
                "events": sorted(hook.events),
                "active": hook.active,
            }
            for url, hook in fake.world.hooks.items()
        ],
    )


# -- Bitbucket ----------------------------------------------------------------------------------


class FakeBitbucket(RestFake):
    """Bitbucket Cloud: pages have their next one in the body, pull requests short object ids."""

    prefix = "/2.0"
    size_name = "pagelen"

    def _find(self, request: Request) -> Handler:
        own = f"/repositories/{self.world.repository}"
        request.path = request.path.replace(own, "", 1)
        return super()._find(request)

    def _paged(self, request: Request, answer: Answer) -> Answer:
        own = f"/repositories/{self.world.repository}"
        request.path = own + request.path
        is_list = isinstance(answer.body, list)
        answer = super()._paged(request, answer)
        if is_list:
            answer.body = {"values": answer.body}
            if link := answer.headers.pop("link", ""):
                answer.body["next"] = link.partition(">")[0].removeprefix("<")
        return answer


bitbucket = _router(FakeBitbucket)
_BITBUCKET_STATES = {"open": "OPEN", "closed": "DECLINED", "merged": "MERGED"}


def _bitbucket_pull(pull: PullRequest) -> dict[str, Any]:
    merged = {"hash": pull.merged_sha[:12]} if pull.merged_sha else None
    return {
        "id": pull.number,
        "title": pull.title,
        "author": {"uuid": pull.author, "nickname": "anybody"},
        "state": _BITBUCKET_STATES[pull.state],
        "draft": pull.draft,
        "source": {
            "commit": {"hash": pull.head_sha[:12]},
            "branch": {"name": pull.head_ref},
            "repository": {"full_name": pull.head_repo} if pull.head_repo else None,
        },
        "destination": {
            "commit": {"hash": pull.base_sha[:12]},
            "branch": {"name": pull.base_ref},
            "repository": {"full_name": pull.base_repo},
        },
        "merge_commit": merged,
        "links": {"html": {"href": pull.url}},
        "description": pull.body,
    }


@bitbucket("GET ")
def _bitbucket_repository(fake: FakeBitbucket, request: Request) -> Answer:
    return Answer(200, {"full_name": fake.world.repository})


@bitbucket("GET /commit/{short}")
def _whole(fake: FakeBitbucket, request: Request) -> Answer:
    short = request.named["short"]
    for pull in fake.world.pull_requests.values():
        for sha in (pull.head_sha, pull.base_sha, pull.merged_sha):
            if sha and sha.startswith(short):
                return Answer(200, {"hash": sha})
    raise _refusal(404, "Commit not found")


@bitbucket("GET /pullrequests")
def _bitbucket_pulls(fake: FakeBitbucket, request: Request) -> Answer:
    found = [fake.world.pull_requests[number] for number in sorted(fake.world.pull_requests)]
    return Answer(200, [_bitbucket_pull(each) for each in found if each.state == "open"])


@bitbucket("GET /commit/{sha}/pullrequests")
def _bitbucket_of(fake: FakeBitbucket, request: Request) -> Answer:
    world, sha = fake.world, request.named["sha"]
    found = [each for each in world.pull_requests.values() if sha in world._commits(each)]
    return Answer(200, [{"id": each.number} for each in found])


@bitbucket("GET /pullrequests/{number}")
def _bitbucket_one(fake: FakeBitbucket, request: Request) -> Answer:
    pull = fake.pull(request)
    reviews = fake.world.reviews.get(pull.number, [])
    last = {each.user: each.state for each in reviews if each.state != "COMMENTED"}
    participants = [
        {"user": {"uuid": user}, "approved": state == "APPROVED"} for user, state in last.items()
    ]
    return Answer(200, _bitbucket_pull(pull) | {"participants": participants})


@bitbucket("POST /pullrequests")
def _bitbucket_open(fake: FakeBitbucket, request: Request) -> Answer:
    body = request.body
    head, base = (body[each]["branch"]["name"] for each in ("source", "destination"))
    title, draft = body["title"], body["draft"]
    pull = fake.opened(head, base, title=title, draft=draft, body=body["description"])
    return Answer(201, _bitbucket_pull(pull))


@bitbucket("POST /pullrequests/{number}/decline")
def _decline(fake: FakeBitbucket, request: Request) -> Answer:
    pull = fake.world.change_pull(fake.pull(request).number, state="closed")
    return Answer(200, _bitbucket_pull(pull))


@bitbucket("GET /workspaces/acme/permissions/repositories/flows")
def _bitbucket_permission(fake: FakeBitbucket, request: Request) -> Answer:
    found = re.fullmatch(r'user\.uuid="([^"\\]*)"', request.query["q"])
    assert found is not None
    user = found.group(1)
    levels = {user: level for user, level in fake.world.permissions.items() if level != "none"}
    listed = [{"user": {"uuid": user}, "permission": levels[user]}] if user in levels else []
    return Answer(200, {"values": listed})


def _bitbucket_comment(comment: Any) -> dict[str, Any]:
    user = {"uuid": comment.author}
    return {"id": int(comment.id), "user": user, "content": {"raw": comment.body}}


@bitbucket("GET /pullrequests/{number}/comments")
def _bitbucket_comments(fake: FakeBitbucket, request: Request) -> Answer:
    thread = fake.world.threads[fake.pull(request).number]
    others = [{"id": 0, "deleted": True}, {"id": 1, "inline": {"path": "a.yaml"}}]
    return Answer(200, [*others, *map(_bitbucket_comment, thread)])


@bitbucket("POST /pullrequests/{number}/comments")
def _bitbucket_write(fake: FakeBitbucket, request: Request) -> Answer:
    number = fake.pull(request).number
    fake.world.say(number, "headwater[bot]", request.body["content"]["raw"])
    return Answer(201, _bitbucket_comment(fake.world.threads[number][-1]))


@bitbucket("PUT /pullrequests/{number}/comments/{comment}")
def _bitbucket_edit(fake: FakeBitbucket, request: Request) -> Answer:
    edited = fake.edit(request.named["comment"], request.body["content"]["raw"])
    return Answer(200, _bitbucket_comment(edited))


@bitbucket("POST /commit/{sha}/statuses/build")
def _build(fake: FakeBitbucket, request: Request) -> Answer:
    body = request.body
    if len(body["key"]) > 40 or not body["url"]:
        raise _refusal(400, "Bad request")
    states = {"INPROGRESS": "in_progress", "SUCCESSFUL": "success", "FAILED": "failure"}
    state = states.get(body["state"], "cancelled")
    fake.told(request.named["sha"], body["name"], state, body["description"], body["url"])
    return Answer(201, {})


@bitbucket("GET /hooks")
def _bitbucket_hooks(fake: FakeBitbucket, request: Request) -> Answer:
    return Answer(
        200,
        [
            {"uuid": hook.id, "url": url, "events": sorted(hook.events), "active": hook.active}
            for url, hook in fake.world.hooks.items()
        ],
    )
