"""`headwater secret rotate`: a new data key, for the same or other recipients."""

from typing import Annotated

from cyclopts import Parameter

from app.cli.outcome import USAGE, CommandError
from app.cli.printing import progress
from app.cli.secret_files import Where, bound, creation_recipients, telling, written

HERE = Where()


def rotate(
    *,
    recipient: Annotated[
        list[str] | None,
        Parameter(negative=(), help="For whom from now on; else as it is. All are to be named."),
    ] = None,
    update: Annotated[
        bool, Parameter(negative=(), help="For those that .sops.yaml names (as sops updatekeys).")
    ] = False,
    where: Where = HERE,
) -> None:
    """Encrypt a file anew: another data key, and other cipher texts of all values.

    The values stay what they are: change a secret that leaked with `headwater secret set`.
    """
    if recipient and update:
        raise CommandError("say either --recipient or --update", USAGE)
    document = bound(where, where.opened())
    wanted = recipient or list(document.metadata.recipients)
    if update:
        wanted = list(creation_recipients(where))
        if not wanted:
            raise CommandError("no rule of .sops.yaml names an age recipient for it", USAGE)
    with telling(where.path):
        written(where.path, document.with_key(wanted))
    progress(f"{where.path} has a new data key for {len(set(wanted))} recipients; commit it")
