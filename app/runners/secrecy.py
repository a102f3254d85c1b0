"""What programs of script tasks must not learn about the service, though they run as its user."""

import ctypes
import resource
import sys

_SET_DUMPABLE = 4  # PR_SET_DUMPABLE


def keep_no_core() -> None:
    """Leave no image of our memory on the disk when the process crashes: it holds secrets."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def hide() -> None:
    """Let no other process of our user read our environment and memory (Linux; elsewhere nothing).

    The kernel gives the files of a process that may not be dumped to root: `/proc/<pid>/environ`
    and `mem` can then be read by root alone, and nobody else can trace it. Against programs that
    run as root, only the setting `runners.user` helps.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, ctypes.c_ulong(0), 0, 0, 0)
