"""Flows for the tests with Kestra's SDK, and waiting with it."""

import time
from typing import Any

FLOW = """
id: {id}
namespace: {namespace}
labels:
  team: a
inputs:
  - {{id: name, type: STRING, defaults: world}}
  - {{id: count, type: INT, required: false}}
  - {{id: data, type: FILE, required: false}}
tasks:
  - {{id: say, type: io.kestra.plugin.core.debug.Return, format: "Hello {{{{ inputs.name }}}}"}}
  - {{id: log, type: io.kestra.plugin.core.log.Log, message: "said to {{{{ inputs.name }}}}"}}
"""

PAUSED = """
id: {id}
namespace: {namespace}
tasks:
  - id: ask
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - {{id: approved, type: BOOLEAN}}
  - {{id: after, type: io.kestra.plugin.core.debug.Return, format: done}}
"""


def until(client: Any, execution_id: str, state: str) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        execution = client.executions.execution(execution_id, "main")
        if execution.state.current == state:
            return execution
        time.sleep(0.02)
    raise AssertionError(execution.state)
