"""What every test gets: asyncio as the only backend, a time limit, and short temporary paths."""

import faulthandler
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest
import structlog

sys.path.insert(0, str(Path(__file__).resolve().parent))
import migrated
import postgres_server
from partners import android_tools, emulate, local_slack

#: seconds that a test may take before it fails with the stacks of every thread
LIMIT = 20.0
#: the same for tests with real servers and the real agent binary
LIMIT_E2E = 120.0


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "seconds(limit): how long this test may take, in place of the usual limit")
    config.addinivalue_line("markers", "partner(name): needs that program, which scripts/partners installs")
    migrated.fill_in_memory()
    # As the command has it: the default draws every local of a traceback, for seconds, on the event loop.
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, renderer])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test without its partner is skipped, but failed in CI."""
    for marker in item.iter_markers("partner"):
        if not _installed(str(marker.args[0])):
            _missing(str(marker.args[0]))


def program(name: str) -> str | None:
    """Where a partner is; Debian keeps servers where only root looks."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin")))


def _installed(name: str) -> bool:
    """Whether a partner is there: a program, several, or one of npm's in tests/partners."""
    of_several = {
        "local-slack": local_slack.installed,
        "emulate": emulate.installed,
        "android-tools": android_tools.installed,
    }
    return of_several[name]() if name in of_several else program(name) is not None


def _missing(name: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed; scripts/partners installs it")
    pytest.skip(f"{name} is not installed: scripts/partners installs it")


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


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """The alarm is held back meanwhile: in the middle of a report it would end not a test, but all of them."""
    left, _ = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        return (yield)
    finally:
        if left:
            signal.setitimer(signal.ITIMER_REAL, left, 5.0)


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A folder with a path short enough for unix sockets (108 bytes), removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="hk", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.Server]:
    """One PostgreSQL server for all tests of this process. Not installed: skipped, but failed in CI."""
    where = postgres_server.programs()
    if where is None:
        _missing("PostgreSQL")
    with postgres_server.running(where) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/honk.db"
    server: postgres_server.Server = request.getfixturevalue("postgres")
    return server.database()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A missing partner is said aloud, not hidden in a count."""
    said = "is not installed: scripts/partners installs it"
    missing: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        if found := re.search(rf"([\w-]+) {said}", str(report.longrepr)):
            missing[found[1]] = missing.get(found[1], 0) + 1
    for name, count in missing.items():
        terminalreporter.write_line(f"{name} {said}; {count} tests were skipped", red=True)
