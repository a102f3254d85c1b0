"""A flow of a running service does not reach the service itself, whatever port it was given."""

from pathlib import Path
from urllib.parse import urlsplit

import httpx2

from tests.serving import service

FLOW = """
id: f
namespace: shop
inputs: [{{id: host, type: STRING}}]
tasks:
  - id: call
    type: io.kestra.plugin.core.http.Request
    uri: "http://{{{{ inputs.host }}}}:{port}/livez"
"""
HOSTS = ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1")


def test_the_port_of_the_service_is_never_called(tmp_path: Path) -> None:
    with service(tmp_path / "data") as (address, _), httpx2.Client(base_url=address) as http:
        made = http.post("/api/v1/flows", content=FLOW.format(port=urlsplit(address).port))
        assert made.status_code == 200, made.text
        for host in HOSTS:
            path = "/api/v1/executions/shop/f?wait=true"
            ended = http.post(path, files={"host": (None, host)}, timeout=30).json()
            assert ended["state"]["current"] == "FAILED", host
            log = http.get(f"/api/v1/logs/{ended['id']}").text
            assert "must not be called" in log, log
            assert "service's own" in log or "link-local" in log, log
