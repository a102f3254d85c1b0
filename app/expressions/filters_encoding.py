"""Filters that encode text: Base64, hashes, addresses. Null stays null."""

import base64
import binascii
import hashlib
import urllib.parse
from typing import Any

from app.errors import ExpressionError
from app.expressions.arguments import text_input
from app.expressions.evaluation import Evaluation
from app.expressions.registry import declare_filter
from app.expressions.values import java_text


@declare_filter("base64encode")
def base64_encode(evaluation: Evaluation, value: Any) -> str | None:
    """The text's UTF-8 bytes in Base64."""
    if value is None:
        return None
    content = _bytes("base64encode", value)
    evaluation.meter.grow(len(content) * 4 // 3)
    return base64.b64encode(content).decode("ascii")


@declare_filter("base64decode")
def base64_decode(value: Any) -> str | None:
    """The text whose UTF-8 bytes are given in Base64."""
    if value is None:
        return None
    try:
        content = base64.b64decode(_bytes("base64decode", value), validate=True)
    except binascii.Error as error:
        message = f"'base64decode' is given no Base64: {error}"
        raise ExpressionError(message) from error
    return content.decode("utf-8", "replace")


@declare_filter("sha1")
def sha1(value: Any) -> str | None:
    """The SHA-1 of a text, in hexadecimal."""
    if value is None:
        return None
    return hashlib.sha1(_bytes("sha1", value), usedforsecurity=False).hexdigest()


@declare_filter("sha256")
def sha256(value: Any) -> str | None:
    """The SHA-256 of a text, in hexadecimal."""
    return None if value is None else hashlib.sha256(_bytes("sha256", value)).hexdigest()


@declare_filter("sha512")
def sha512(value: Any) -> str | None:
    """The SHA-512 of a text, in hexadecimal."""
    return None if value is None else hashlib.sha512(_bytes("sha512", value)).hexdigest()


@declare_filter("md5")
def md5(value: Any) -> str | None:
    """The MD5 of a text, in hexadecimal."""
    if value is None:
        return None
    return hashlib.md5(_bytes("md5", value), usedforsecurity=False).hexdigest()


@declare_filter("urlencode")
def url_encode(evaluation: Evaluation, value: Any) -> str | None:
    """The text as part of an address; a space becomes `+`, as Java's `URLEncoder` writes it."""
    if value is None:
        return None
    text = text_input("urlencode", value)
    evaluation.meter.grow(len(text))
    encoded = urllib.parse.quote_plus(text, safe="*", errors="replace")
    return encoded.replace("~", "%7E")


@declare_filter("urldecode")
def url_decode(evaluation: Evaluation, value: Any) -> str | None:
    """The text that `urlencode` has encoded."""
    if value is None:
        return None
    return urllib.parse.unquote_plus(java_text(value, evaluation.meter))


def _bytes(name: str, value: Any) -> bytes:
    return text_input(name, value).encode("utf-8", "replace")
