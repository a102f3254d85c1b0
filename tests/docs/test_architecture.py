"""The layer table that people read is the contract that the linter holds."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+) \| (.+?) \| .+ \|$", re.MULTILINE)
NAME = re.compile(r"`(\w+)`( \(later\))?")


def contract() -> dict[str, object]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    return next(each for each in contracts if each["id"] == "layers")


def test_the_table_is_the_contract() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    told = [
        {f"({name})" if later else name for name, later in NAME.findall(packages)}
        for _, packages in ROW.findall(page)
    ]
    held = [set(layer.split(" | ")) for layer in contract()["layers"]]
    assert told == held


def test_what_is_marked_as_later_is_not_there_and_the_rest_is() -> None:
    for layer in contract()["layers"]:
        for name in layer.split(" | "):
            package = ROOT / "app" / name.strip("()")
            exists = package.with_suffix(".py").is_file() or (package / "__init__.py").is_file()
            assert exists == (not name.startswith("(")), name
