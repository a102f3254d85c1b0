"""Runs the three parts of the conformance data in a folder, and prints the total of each."""

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.serving import ROOT, service

KEY = base64.b64encode(b"conformance-key-of-thirty-two-by").decode()
SECRETS = {
    "MY_SECRET": '{"secretKey":"secretValue"}',
    "NEW_LINE": "passwordveryveryveyrlong" * 5,
    "WEBHOOK_KEY": "secretKey",
    "PASSWORD": "password",
}
"""Secrets that the data asks for (fixtures.json)."""


def main() -> int:
    """Run all parts; return 0 when each holds as far as it must."""
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__)
    parser.add_argument("data", type=Path, help="the folder of run_conformance.py")
    data = parser.parse_args().data
    if not (data / "run_conformance.py").is_file():
        print(f"{data} has no run_conformance.py", file=sys.stderr)
        return 2
    outcome = against_service(data)
    totals = {"service": f"{outcome.total} ({outcome.share:.1f} % of the tiers core and api)"}
    for part in ("render", "extra"):
        found = harness(data, [f"--{part}", f"tests.conformance:{part}"])
        totals[part] = found.splitlines()[-1]
    for part, total in totals.items():
        print(f"{part}: {total}")
    return 0


class Outcome(NamedTuple):
    """How a service did: the harness's total, the percentage that counts, what failed."""

    total: str
    share: float
    failed: Sequence[str]


def against_service(data: Path) -> Outcome:
    """Run the manifest against a fresh service.

    Entries that use the same keys at once can fail by each other: what fails is tried again alone.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        with service(Path(folder) / "data", **environment()) as (address, _):
            arguments = [
                address,
                "--prefix",
                "/api/v1/main",
                "--flows",
                ".",
                "--report",
                str(report),
            ]
            arguments += ["--have", "secret:*", "--have", "config:*", "--have", "env:*"]
            harness(data, [*arguments, "--jobs", "4"])
            results: dict[str, Mapping[str, str]] = json.loads(report.read_text())
            for name in _failed(results):
                harness(data, [*arguments, "--match", name])
                results |= json.loads(report.read_text())
    failed = _failed(results)
    return Outcome(_total(results), share(data, results), failed)


def _failed(results: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [name for name, each in results.items() if each["result"] == "FAIL"]


def _total(results: Mapping[str, Mapping[str, str]]) -> str:
    count = Counter(each["result"] for each in results.values())
    return f"{count['PASS']} passed, {count['FAIL']} failed, {count['SKIP']} skipped"


def environment() -> dict[str, str]:
    """Return the variables of a service that has what the data asks for."""
    return {f"SECRET_{name}": base64.b64encode(value.encode()).decode()
            for name, value in SECRETS.items()} | {
        "ENV_TEST1": "true",
        "ENV_TEST2": "Pass by env",
        "HEADWATER_ENCRYPTION__KEY": KEY,
        "HEADWATER_HTTP__ALLOW_LOOPBACK": "true",
    }  # fmt: skip


def harness(data: Path, arguments: Sequence[str]) -> str:
    """Run the harness; return what it printed."""
    command = [sys.executable, str(data / "run_conformance.py"), *arguments]
    path = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=data, env=path, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr, sep="", file=sys.stderr)
    return done.stdout.strip() or done.stderr.strip()


def share(data: Path, results: Mapping[str, Mapping[str, str]]) -> float:
    """Return how many percent of the entries that count and ran hold."""
    manifest = json.loads((data / "manifest.json").read_text())
    entries = manifest["entries"] if isinstance(manifest, dict) else manifest
    counted = {entry["id"] for entry in entries if entry.get("tier") in ("core", "api")}
    outcomes = [each["result"] for name, each in results.items() if name in counted]
    ran = [outcome for outcome in outcomes if outcome != "SKIP"]
    return 100.0 * sum(outcome == "PASS" for outcome in ran) / max(1, len(ran))


if __name__ == "__main__":
    sys.exit(main())
