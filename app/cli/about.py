"""`headwater version` and `headwater openapi`."""

import platform

from app import __version__


def version() -> None:
    """Print the version of Headwater and of Python."""
    print(f"headwater {__version__} (Python {platform.python_version()})")


def openapi() -> None:
    """Print the description of the REST API (OpenAPI 3.1, JSON). No service is needed."""
    import orjson

    from app.api.application import description

    print(orjson.dumps(description(), option=orjson.OPT_INDENT_2).decode())
