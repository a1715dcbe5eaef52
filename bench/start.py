"""What a command costs before it does anything: seconds of a processor, beside a Python that only loads libraries.

Samples of Honk and of its alternatives are taken one after the other in one run, and medians are compared.
"""

import argparse
import contextlib
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

HONK = (sys.executable, "-m", "honk")
#: what a command of a server loads besides Honk, and what one on this machine does
CLIENT = "import typer, pydantic.main, rich.table, structlog, httpx"
LOCAL = f"{CLIENT}, sqlalchemy"
#: an empty app behind the server that Honk uses
BARE = (
    "import fastapi, uvicorn; app = fastapi.FastAPI(); app.get('/healthz')(lambda: 'alive');"
    " uvicorn.run(app, port={port}, log_level='error')"
)
#: seconds in which a server must answer
_PATIENCE = 60.0
Sample = Callable[[], float]


def python(code: str) -> tuple[str, ...]:
    """A Python that does only this."""
    return (sys.executable, "-c", code)


def seconds(command: tuple[str, ...], environment: dict[str, str]) -> float:
    """Seconds of a processor that the command needed to its end."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    said = process.stdout.read() if process.stdout else b""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed:\n{said.decode()}")
    return used.ru_utime + used.ru_stime


def free_port() -> int:
    """One that nobody listens to now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def served(command: tuple[str, ...], port: int, environment: dict[str, str]) -> Iterator[float]:
    """Seconds until the server there answered; it is ended on leaving."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        while True:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
                break
            if process.poll() is not None or time.monotonic() - begun > _PATIENCE:
                raise SystemExit(f"{command} did not come up")
            time.sleep(0.01)
        yield time.monotonic() - begun
    finally:
        process.terminate()
        process.wait()


def until_ready(command: Callable[[int], tuple[str, ...]], environment: dict[str, str]) -> float:
    """Seconds from the start of a server to its first answer."""
    port = free_port()
    with served(command(port), port, environment) as took:
        return took


def rows(here: dict[str, str], there: dict[str, str]) -> dict[str, tuple[Sample, str, Sample]]:
    """What is measured: Honk, and the alternative by its name."""

    def honk(words: str, environment: dict[str, str] = here) -> Sample:
        return lambda: seconds((*HONK, *words.split()), environment)

    def beside(code: str) -> Sample:
        return lambda: seconds(python(code), here)

    typer = ('python -c "import typer"', beside("import typer"))
    return {
        "honk --version": (honk("--version"), *typer),
        "honk --help": (honk("--help"), *typer),
        "honk run --help": (honk("run --help"), f'python -c "{CLIENT}"', beside(CLIENT)),
        "honk tasks, of a server": (honk("tasks", there), f'python -c "{CLIENT}"', beside(CLIENT)),
        "honk tasks, on this machine": (honk("tasks"), f'python -c "{LOCAL}"', beside(LOCAL)),
        "honk serve, until it answers": (
            lambda: until_ready(lambda port: (*HONK, "serve", "--port", str(port)), here),
            "an empty FastAPI app",
            lambda: until_ready(lambda port: python(BARE.format(port=port)), here),
        ),
    }


def measure(samples: int, here: dict[str, str], there: dict[str, str]) -> None:
    """Prints a line a row."""
    found = [(name, *row, [], []) for name, row in rows(here, there).items()]  # type: ignore[var-annotated]
    empty: list[float] = []
    for _ in range(samples):
        empty.append(seconds(python("pass"), here))
        for _, honk, _, other, mine, others in found:
            mine.append(honk())
            others.append(other())
    print(f"python -c pass: {statistics.median(empty) * 1000:.0f} ms")
    for name, _, beside, _, mine, others in found:
        took, took_beside = statistics.median(mine) * 1000, statistics.median(others) * 1000
        spread = f"{min(mine) * 1000:.0f} to {max(mine) * 1000:.0f}"
        print(f"{name:29} {took:5.0f} ms ({spread}) beside {took_beside:4.0f}: {took / took_beside:4.2f}   {beside}")


def main(samples: int) -> None:
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("HONK_", "OTEL_"))}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        here = {**outside, "HONK_HOME": str(Path(name) / "here"), "ANTHROPIC_API_KEY": "x"}
        server = {**here, "HONK_HOME": str(Path(name) / "server")}
        seconds((*HONK, "tasks"), here)  # the databases are made by the first command
        made = subprocess.run(
            (*HONK, "token", "create", "--name", "bench", "--scope", "read"), env=server, capture_output=True, text=True
        )
        token = re.search(r"honk_\S+", made.stdout)
        if token is None:
            raise SystemExit(f"no token was made:\n{made.stdout}{made.stderr}")
        port = free_port()
        with served((*HONK, "serve", "--port", str(port)), port, server):
            there = {**here, "HONK_URL": f"http://127.0.0.1:{port}", "HONK_TOKEN": token[0]}
            print(
                f"seconds of a processor (`serve`: of the clock), medians of {samples}, load {os.getloadavg()[0]:.1f}"
            )
            measure(samples, here, there)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=7)
    main(parser.parse_args().samples)
