"""Log lines and figures."""

import io
import json
import logging

import pytest
import structlog

from app.telemetry import Metrics, configure_logging


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_our_lines_and_those_of_libraries_are_json(stream: io.StringIO) -> None:
    configure_logging("INFO", "auto", stream)
    structlog.get_logger("app.x").info("ran %s", "it", execution="e1", token="canary")
    logging.getLogger("library").warning("slow: %d ms", 7)
    structlog.get_logger("app.x").debug("not written")
    ours, theirs = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (ours["event"], ours["execution"], ours["level"]) == ("ran it", "e1", "info")
    assert (theirs["event"], theirs["logger"]) == ("slow: 7 ms", "library")
    assert ours["timestamp"].endswith("Z")
    assert "canary" not in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "pretty"])
def test_a_traceback_shows_no_local_variables(stream: io.StringIO, log_format: str) -> None:
    configure_logging("INFO", log_format, stream)
    password = "can" + "ary"
    try:
        raise ValueError(str(len(password)))
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "ValueError: 6" in stream.getvalue()
    assert "canary" not in stream.getvalue()


def test_context_travels_with_every_line(stream: io.StringIO) -> None:
    configure_logging("INFO", "json", stream)
    with structlog.contextvars.bound_contextvars(commit="abc"):
        logging.getLogger("library").error("x")
    assert json.loads(stream.getvalue())["commit"] == "abc"


def test_figures_are_rendered_for_prometheus() -> None:
    metrics = Metrics()
    metrics.late_results.inc()
    metrics.executions_ended.labels("SUCCESS").inc(2)
    metrics.git_sync_duration_seconds.labels("FETCH").observe(0.2)
    body, content_type = metrics.render()
    lines = body.decode().splitlines()
    assert "late_results_total 1.0" in lines
    assert 'executions_ended_total{state="SUCCESS"} 2.0' in lines
    assert 'git_sync_duration_seconds_bucket{le="0.25",phase="FETCH"} 1.0' in lines
    assert content_type.startswith("text/plain")


def test_two_services_in_one_process_keep_their_own_figures() -> None:
    first, second = Metrics(), Metrics()
    first.late_results.inc()
    assert "late_results_total 0.0" in second.render()[0].decode()
