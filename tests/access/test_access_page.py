"""docs/access.md: its table of roles is what there is, and its `access.yaml` can be read."""

import re
from pathlib import Path

from app.access import ROLES
from app.sync.access_file import read_access
from tests.serving import ROOT

PAGE = ROOT / "docs" / "access.md"
_TABLE = re.compile(r"(<!-- roles -->\n).*?(<!-- /roles -->)", re.DOTALL)


def table() -> str:
    """The rows of the built-in roles: each with what it has beyond the roles that it holds."""
    lines = ["| role | what it is for | permissions |\n", "|---|---|---|\n"]
    for name, role in ROLES.items():
        smaller = (each for each in ROLES.values() if each.permissions < role.permissions)
        below = [each for each in smaller if each.permissions]
        held = {each for one in below for each in one.permissions}
        names = ", ".join(f"`{each}`" for each in sorted(role.permissions - held))
        widest = [
            each.name
            for each in below
            if not any(each.permissions < other.permissions for other in below)
        ]
        beyond = f"those of {' and '.join(widest)}; " if widest else ""
        lines.append(f"| `{name}` | {role.description} | {beyond}{names or 'none'} |\n")
    return "".join(lines)


def write(page: Path) -> None:
    page.write_text(_TABLE.sub(lambda found: found[1] + table() + found[2], page.read_text()))


def test_the_table_of_roles_is_what_there_is() -> None:
    found = _TABLE.search(PAGE.read_text())
    assert found
    way_out = "run: python -m tests.access.test_access_page"
    assert found[0] == f"{found[1]}{table()}{found[2]}", way_out


def test_the_example_can_be_read() -> None:
    (example,) = re.findall(r"```yaml\n(roles:.*?)```", PAGE.read_text(), re.DOTALL)
    said = read_access(example.encode())
    assert said.found == ()
    assert said.document
    assert len(said.document.bindings) == 4


if __name__ == "__main__":
    write(PAGE)
