import platform
import subprocess
import sys

import pytest

from core.training import memory

FILLED_AGAIN = """
import resource
import torch
from core.training.memory import keep_freed_memory
{call}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
torch.ones(2**24)
before = faults()
torch.ones(2**23)
print(faults() - before)
"""


def new_pages(call: str) -> int:
    """Pages the system must hand to a process that fills 32 MiB after freeing twice as much."""
    program = [sys.executable, "-c", FILLED_AGAIN.format(call=call)]
    return int(subprocess.run(program, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="this C library has no such setting")
def test_memory_a_step_gave_back_serves_the_next():
    assert new_pages("keep_freed_memory()") < new_pages("") / 4


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: pytest.fail("it was called"))
    memory.keep_freed_memory()
