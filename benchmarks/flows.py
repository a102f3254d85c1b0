"""The flows of the workloads, as YAML."""

NAMESPACE = "benchmarks"

STEPS = (
    ("checkInventory", "inventory-service/check"),
    ("processPayment", "payment-service/process"),
    ("orderConfirmation", "order-service/confirm"),
    ("arrangeShipping", "shipping-service/arrange"),
    ("updateDeliveryStatus", "delivery-service/updateStatus"),
)

_RETURN = "io.kestra.plugin.core.debug.Return"


def order(answers: str) -> str:
    """Return the order flow: five POSTs, each only if the one before was answered 201."""
    lines = [
        "id: order",
        f"namespace: {NAMESPACE}",
        "inputs:",
        "  - {id: orderId, type: STRING, defaults: myorder}",
        "tasks:",
    ]
    before = None
    for name, path in STEPS:
        lines += [f"  - id: {name}", "    type: io.kestra.plugin.core.http.Request"]
        if before:
            lines.append(f'    runIf: "{{{{ outputs.{before}.code == 201 }}}}"')
        lines.append(f"    uri: {answers}/api/{path}")
        before = name
    lines += [
        "pluginDefaults:",
        "  - type: io.kestra.plugin.core.http.Request",
        "    values:",
        "      contentType: multipart/form-data",
        "      method: POST",
        "      formData:",
        '        orderId: "{{inputs.orderId}}"',
    ]
    return "\n".join(lines) + "\n"


def parallel(count: int = 1000) -> str:
    """Return a flow of one Parallel with `count` Return tasks."""
    kind = "io.kestra.plugin.core.flow.Parallel"
    head = f"id: parallel\nnamespace: {NAMESPACE}\ntasks:\n  - id: all\n    type: {kind}\n"
    return head + "    tasks:\n" + _returns(count, "      ")


def chain(count: int = 100) -> str:
    """Return a flow of `count` Return tasks, one after another."""
    return f"id: chain\nnamespace: {NAMESPACE}\ntasks:\n" + _returns(count, "  ")


def single() -> str:
    """Return a flow of one Return task."""
    return f"id: single\nnamespace: {NAMESPACE}\ntasks:\n" + _returns(1, "  ")


def _returns(count: int, indent: str) -> str:
    lines = (
        f'{indent}- {{id: t{number}, type: {_RETURN}, format: "{{{{ execution.id }}}} {number}"}}\n'
        for number in range(count)
    )
    return "".join(lines)
