"""Functions that ask the host: secrets, key-value pairs, files, logs, HTTP (reference §5.10).

Which files an execution may read is checked here by their address, and by the host by its records.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from app.errors import ExpressionError, MissingVariable
from app.expressions.arguments import boolean_argument, optional_text, text_argument
from app.expressions.evaluation import Evaluation
from app.expressions.registry import declare_function
from app.expressions.values import kind

SCHEME: Final = "kestra://"


@declare_function("secret", "key", "namespace", "subkey")
def secret(evaluation: Evaluation, key: Any, namespace: Any = None, subkey: Any = None) -> Any:
    """A secret of the flow's namespace or one above it; it is masked in logs.

    Refused in texts that came in as data, even through `render`.
    """
    name = text_argument("secret", "key", key)
    if not evaluation.trusted:
        message = (
            f"secret('{name}') is refused here: the text being rendered is data, not part of the "
            "flow; write secret() in the task itself"
        )
        raise ExpressionError(message)
    place = optional_text("secret", "namespace", namespace)
    part = optional_text("secret", "subkey", subkey)
    return evaluation.fetch("secret", name, place, part)


@declare_function("kv", "key", "namespace", "errorOnMissing")
def kv(
    evaluation: Evaluation, key: Any, namespace: Any = None, error_on_missing: Any = True
) -> Any:
    """The value of a key in the flow's namespace or one above it, or in `namespace`.

    A missing key is an error, which `??` and `default` catch as they do for a missing variable;
    with `errorOnMissing=false` it is null.
    """
    name = text_argument("kv", "key", key)
    place = optional_text("kv", "namespace", namespace)
    value = evaluation.fetch("kv", name, place)
    strict = error_on_missing is None or boolean_argument("kv", "errorOnMissing", error_on_missing)
    if value is None and strict:
        shown = place or _namespace(evaluation)
        message = f"The key '{name}' does not exist in the namespace '{shown}'."
        raise MissingVariable(message)
    return value


@declare_function("read", "path", "namespace")
def read(evaluation: Evaluation, path: Any, namespace: Any = None) -> Any:
    """The text of a namespace file, or of a `kestra:///` file of this or the parent execution."""
    return _file(evaluation, "read", path, namespace)


@declare_function("fileSize", "path", "namespace")
def file_size(evaluation: Evaluation, path: Any, namespace: Any = None) -> Any:
    """The size of a file in bytes; which files: see `read`."""
    return _file(evaluation, "fileSize", path, namespace)


@declare_function("fileExists", "path", "namespace")
def file_exists(evaluation: Evaluation, path: Any, namespace: Any = None) -> Any:
    """Whether there is such a file; which files: see `read`."""
    return _file(evaluation, "fileExists", path, namespace)


@declare_function("isFileEmpty", "path", "namespace")
def is_file_empty(evaluation: Evaluation, path: Any, namespace: Any = None) -> bool:
    """Whether a file has no content; which files: see `read`."""
    return bool(_file(evaluation, "fileSize", path, namespace) == 0)


@declare_function("fileURI", "path", "namespace")
def file_uri(evaluation: Evaluation, path: Any, namespace: Any = None) -> str:
    """The `kestra:///` address of a namespace file."""
    name = text_argument("fileURI", "path", path).removeprefix("/")
    place = optional_text("fileURI", "namespace", namespace) or _namespace(evaluation)
    return f"{SCHEME}/{place.replace('.', '/')}/_files/{name}"


@declare_function("errorLogs")
def error_logs(evaluation: Evaluation) -> Any:
    """The error log lines of this execution, as a list of maps."""
    return evaluation.fetch("errorLogs")


@declare_function("encrypt", "key", "plaintext")
def encrypt(evaluation: Evaluation, key: Any, plaintext: Any) -> Any:
    """A text encrypted with AES-GCM; the key is given in Base64."""
    arguments = text_argument("encrypt", "key", key), text_argument("encrypt", "text", plaintext)
    return evaluation.fetch("encrypt", *arguments)


@declare_function("decrypt", "key", "encrypted")
def decrypt(evaluation: Evaluation, key: Any, encrypted: Any) -> Any:
    """The text that `encrypt` has encrypted."""
    arguments = text_argument("decrypt", "key", key), text_argument("decrypt", "text", encrypted)
    return evaluation.fetch("decrypt", *arguments)


@declare_function("randomPort")
def random_port(evaluation: Evaluation) -> Any:
    """A TCP port that is free on the server."""
    return evaluation.fetch("randomPort")


@declare_function("subflow", "namespace", "flowId", "inputs", "revision")
def subflow(
    evaluation: Evaluation, namespace: Any, flow_id: Any, inputs: Any = None, revision: Any = None
) -> Any:
    """The outputs of another flow, run for this expression."""
    place, name = (
        text_argument("subflow", "namespace", namespace),
        optional_text("subflow", "flowId", flow_id),
    )
    return evaluation.fetch("subflow", place, name, inputs, revision)


@declare_function(
    "http", "uri", "method", "query", "body", "contentType", "headers", "options", "accept"
)
def http(  # noqa: PLR0913, PLR0917 - Kestra's arguments
    evaluation: Evaluation,
    uri: Any,
    method: Any = "GET",
    query: Any = None,
    body: Any = None,
    content_type: Any = None,
    headers: Any = None,
    options: Any = None,
    accept: Any = None,
) -> Any:
    """The body of an HTTP answer; JSON becomes a value. Equal requests are sent once."""
    request = {
        "uri": text_argument("http", "uri", uri),
        "method": text_argument("http", "method", method).upper(),
        "query": query,
        "body": body,
        "contentType": optional_text("http", "contentType", content_type),
        "headers": headers,
        "options": options,
        "accept": optional_text("http", "accept", accept),
    }
    return evaluation.fetch("http", request)


def slug(text: str) -> str:
    """Return a text as it stands in addresses of internal storage (reference §3.13)."""
    plain = unicodedata.normalize("NFD", re.sub(r"\s", "-", text))
    dashed = re.sub(r"[^A-Za-z0-9_-]", "", plain).replace("_", "-")
    return re.sub(r"-{2,}", "-", dashed).removeprefix("-").removesuffix("-").lower()


def _file(evaluation: Evaluation, name: str, path: Any, namespace: Any) -> Any:
    if path is None:
        message = f"'{name}' expects a path, not {kind(path)}"
        raise ExpressionError(message)
    text = text_argument(name, "path", path)
    place = optional_text(name, "namespace", namespace)
    if text.startswith(SCHEME):
        _check_own(evaluation, text)
    elif ".." in text.split("/"):
        message = f"Unable to read the file '{text}': a path cannot go up with '..'"
        raise ExpressionError(message)
    return evaluation.fetch(name, text, place)


def _check_own(evaluation: Evaluation, uri: str) -> None:
    """Refuse a file of neither this execution, nor its parent, nor the namespace, nor the host."""
    path = uri.removeprefix(SCHEME)
    flow, execution = _map(evaluation, "flow"), _map(evaluation, "execution")
    trigger = _map(evaluation, "trigger")
    roots = [
        _root(flow.get("namespace"), flow.get("id"), execution.get("id")),
        _root(trigger.get("namespace"), trigger.get("flowId"), trigger.get("executionId")),
    ]
    if isinstance(flow.get("namespace"), str):
        roots.append(f"/{flow['namespace'].replace('.', '/')}/_files/")
    inside = any(root is not None and path.startswith(root) for root in roots)
    if ".." in path.split("/") or not (inside or evaluation.environment.may_read(uri)):
        message = (
            f"Unable to read the file '{uri}': it belongs neither to this execution nor to the one "
            "that started it"
        )
        raise ExpressionError(message)


def _root(namespace: Any, flow: Any, execution: Any) -> str | None:
    if not all(isinstance(part, str) and part for part in (namespace, flow, execution)):
        return None
    return f"/{namespace.replace('.', '/')}/{slug(flow)}/executions/{execution}/"


def _map(evaluation: Evaluation, name: str) -> Mapping[str, Any]:
    value = evaluation.context.get(name)
    return value if isinstance(value, Mapping) else {}


def _namespace(evaluation: Evaluation) -> str:
    value = _map(evaluation, "flow").get("namespace")
    return value if isinstance(value, str) else ""
