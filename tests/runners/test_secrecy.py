"""The service hides its memory and environment from other processes of its user."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_process_cannot_be_dumped() -> None:
    program = (
        "import ctypes; from app.runners.secrecy import hide; hide(); "
        "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0"


def test_71_a_crash_leaves_no_memory_behind() -> None:
    program = (
        "import resource; from app.runners.secrecy import keep_no_core; keep_no_core(); "
        "print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(0, 0)"
