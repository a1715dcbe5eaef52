"""Ctrl-C: contexts are left properly, within a bounded time, and a second one does not wait for them."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

#: a command that says when it works, when it is told to end, and when a second signal counts; then it never ends
STUCK = """
import asyncio, sys
from honk.doors.cli.output import Output
from honk.doors.cli.session import guarded

async def work():
    try:
        print("works", flush=True)
        await asyncio.sleep(3600)
    finally:
        print("ending", flush=True)
        if sys.argv[1] != "properly":
            await asyncio.sleep(0.4)
            print("still there", flush=True)
            await asyncio.sleep(3600)
    return 0

sys.exit(guarded(work, Output(), kept=lambda: "it is kept.", end_within=float(sys.argv[2])))
"""


@contextmanager
def stuck(how: str, end_within: str) -> Iterator[subprocess.Popen[str]]:
    """That command, at work."""
    with subprocess.Popen(
        [sys.executable, "-c", STUCK, how, end_within], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            says(process, "works")
            yield process
        finally:
            process.kill()


def says(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == words + "\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_can_end_ends_properly(number: int) -> None:
    with stuck("properly", "60") as process:
        process.send_signal(number)
        out, err = process.communicate()
        assert (process.returncode, out, err) == (130, "ending\nstopped. it is kept.\n", "")


def test_what_does_not_end_in_time_is_ended() -> None:
    with stuck("never", "0.6") as process:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
        assert process.returncode == 130 and out.startswith("ending\n")
        assert "ended at once: it did not end in time" in err and "goes on at the next start" in err


def test_a_second_signal_does_not_wait() -> None:
    with stuck("never", "3600") as process:
        process.send_signal(signal.SIGINT)
        says(process, "ending")
        # one Ctrl-C may come twice: from the terminal, and from a supervisor that passes it on
        process.send_signal(signal.SIGINT)
        says(process, "still there")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
        assert process.returncode == 130 and "ended at once: asked twice" in err
