"""What every test gets: asyncio as the only backend, a time limit, and short temporary paths."""

import faulthandler
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

#: seconds that a test may take before it fails with the stacks of every thread
LIMIT = 20.0
#: the same for tests with real servers and the real agent binary
LIMIT_E2E = 120.0


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "seconds(limit): how long this test may take, in place of the usual limit")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def _limit(item: pytest.Item) -> float:
    marker = item.get_closest_marker("seconds")
    if marker is not None:
        return float(marker.args[0])
    return LIMIT_E2E if item.get_closest_marker("e2e") or item.get_closest_marker("slow") else LIMIT


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Fails a test that hangs, fixtures included; a second alarm ends one that swallows the first."""
    limit = _limit(item)

    def late(number: int, frame: FrameType | None) -> None:
        faulthandler.dump_traceback(file=sys.__stderr__ or 2)
        raise TimeoutError(f"{item.nodeid} took longer than {limit:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, limit, 5.0)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A folder with a path short enough for unix sockets (108 bytes), removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="hk", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
