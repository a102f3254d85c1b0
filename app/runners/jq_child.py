"""The child process that runs jq programs: started by path, imports nothing of ours.

It reads frames from standard input: the lengths of program and document (4 bytes each, big-endian),
then both as UTF-8. To each it answers with one frame: a byte that tells how it went, 4 bytes of
length, then the results as one JSON list, or the reason why there are none. The first frame, empty,
says that it is ready.
"""

import json
import os
import resource
import struct
import sys
from typing import Any, Final

OK: Final = b"+"
FAILED: Final = b"-"
LENGTHS: Final = struct.Struct(">II")
HEAD: Final = struct.Struct(">cI")
_KEPT = 64

# What a program must not reach. `include` and `import` may stand only before everything else, so
# that nothing that comes after these definitions can use them.
_PRELUDE: Final = (
    'def input_filename: error("input_filename is not available"); '
    'def modulemeta: error("modulemeta is not available"); '
    "def get_search_list: []; def env: {};\n"
)


def serve(memory_bytes: int, result_bytes: int) -> None:
    """Answer frames until standard input ends."""
    import jq  # noqa: PLC0415 - the parent needs nothing but the format of the frames

    _limit(memory_bytes)
    programs: dict[str, Any] = {}
    source = sys.stdin.buffer
    _answer(OK, b"")
    while head := source.read(LENGTHS.size):
        program, document = (source.read(size).decode() for size in LENGTHS.unpack(head))
        try:
            if program not in programs:
                if len(programs) >= _KEPT:
                    programs.clear()
                programs[program] = jq.compile(_PRELUDE + program)
            results = programs[program].input_text(document).all()
            content = json.dumps(results, separators=(",", ":")).encode()
        except ValueError as error:
            _answer(FAILED, str(error).encode("utf-8", "replace"))
        except RecursionError:
            _answer(FAILED, b"a result is nested too deeply")
        else:
            if len(content) > result_bytes:
                _answer(FAILED, f"the results have more than {result_bytes} bytes".encode())
            else:
                _answer(OK, content)


def _answer(kind: bytes, content: bytes) -> None:
    sys.stdout.buffer.write(HEAD.pack(kind, len(content)) + content)
    sys.stdout.buffer.flush()


def _limit(memory_bytes: int) -> None:
    """Take from this process what a program does not need."""
    os.environ.clear()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
