"""`headwater doctor`: what is unsafe or broken, and what to do about it."""

import os
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from app.cli.addresses import service_address
from app.cli.doctor_findings import FAILING, ORDER, Finding
from app.cli.options import Format
from app.cli.outcome import FAILED, OK, CommandError
from app.cli.printing import Table, show
from app.cli.serve import settings_of


def doctor(
    *,
    server: Annotated[
        str | None,
        Parameter(help="Address of a running service to look at as well; HEADWATER_SERVER."),
    ] = None,
    data: Annotated[Path | None, Parameter(help="Folder of the service's data.")] = None,
    strict: Annotated[bool, Parameter(negative=(), help="Fail for warnings, too.")] = False,
    everything: Annotated[
        bool,
        Parameter(name="--all", negative=(), help="Tell also what is as it should be."),
    ] = False,
    output: Annotated[Format, Parameter(name=["--output", "-o"], help="How to print.")] = "table",
) -> int:
    """Look at settings, files and programs of this machine, and at a running service.

    Run it where the service runs, with its environment. The exit code is 1 when something is unsafe
    or broken.
    """
    found = sorted(_found(server, data), key=lambda each: ORDER.index(each.level))
    shown = [each for each in found if everything or each.level != "ok"]
    rows = [(each.level, each.check, each.message, each.fix) for each in shown]
    values = [each._asdict() for each in shown]
    table = Table(("LEVEL", "WHAT", "FOUND", "WAY OUT"), rows)
    show(values, output, names=[each.check for each in shown], table=table)
    if output == "table" and not shown:
        print("nothing is unsafe or broken")
    failing = FAILING | {"warning"} if strict else FAILING
    return FAILED if any(each.level in failing for each in found) else OK


def _found(server: str | None, data: Path | None) -> list[Finding]:
    from app.cli import doctor_data, doctor_machine, doctor_service, doctor_settings

    address = server or os.environ.get("HEADWATER_SERVER")
    flags: dict[str, Any] = {} if data is None else {"data_dir": data}
    found: list[Finding] = []
    try:
        settings = settings_of(**flags)
    except CommandError as error:
        found.append(Finding("broken", "settings", str(error), "correct it; nothing starts before"))
    else:
        for check in (*doctor_settings.CHECKS, *doctor_machine.CHECKS, doctor_data.look):
            found += check(settings)
    if address:
        found += doctor_service.look(service_address(address))
    return found
