"""Tries Honk on real third-party repositories: real past fixes, replayed through the real Claude Code.

Every trial is run twice: the whole fix must become a pull request with exactly that tree, a passing verdict and a
proof; its tests alone, without the change of the source, must be refused. README.md says how to add a trial.
"""

import argparse
import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import judge
import plain
from recipe import Trial, load
from replay import scenario
from sources import Cut, TrialUnusable, cut

from honk.testing.scripted_model import ScriptedModel

#: seconds for one `honk run`; the first of a trial also installs what the project needs
_LIMIT = 900.0
#: what is handed in, and whether it must be refused
_CASES = {"fix": False, "tests-only": True}
_HONK = Path(sys.executable).with_name("honk")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of the table."""

    trial: str
    case: str
    seconds: float
    faults: tuple[str, ...]


def main() -> int:
    options = _options()
    chosen = [trial for trial in load() if not options.only or trial.name in options.only]
    if not chosen:
        _say(f"no trial is named so; there are {', '.join(trial.name for trial in load())}")
        return 2
    rows: list[Row] = []
    for trial in chosen:
        for row in _tried(trial, options):
            rows.append(row)
            _show(row)
    passed = sum(not row.faults for row in rows)
    _say(f"{passed} passed, {len(rows) - passed} failed")
    return 0 if rows and passed == len(rows) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME", help="this trial alone; may be given again")
    parser.add_argument("--case", action="append", choices=_CASES, help="this case alone")
    parser.add_argument("--keep", action="store_true", help="keep repositories, output and Honk's own folder")
    parser.add_argument("--plain", action="store_true", help="without Honk: is every recipe itself true?")
    parser.add_argument("--archives", type=Path, metavar="FOLDER", help="keep the downloads there, and use them again")
    return parser.parse_args()


def _tried(trial: Trial, options: argparse.Namespace) -> Iterator[Row]:
    folder = Path(tempfile.mkdtemp(prefix="honk-trial-"))
    began = time.monotonic()
    try:
        repository = cut(trial, folder, options.archives or folder / "archives")
        if options.plain:
            yield from _plain(trial, repository, folder)
        else:
            yield from _with_honk(trial, repository, folder, options.case or tuple(_CASES))
    except (TrialUnusable, plain.NotInstalled) as error:
        yield Row(trial=trial.name, case="recipe", seconds=time.monotonic() - began, faults=(str(error),))
    finally:
        if options.keep:
            _say(f"  kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _plain(trial: Trial, repository: Cut, folder: Path) -> Iterator[Row]:
    """Green before, red with the tests alone, green with the fix."""
    for branch, code, tail, seconds in plain.check(trial, repository, folder):
        wrong = (code == 0) is (branch == "tests-only")
        yield Row(trial=trial.name, case=branch, seconds=seconds, faults=(f"exit {code}: {tail}",) if wrong else ())


def _with_honk(trial: Trial, repository: Cut, folder: Path, cases: Sequence[str]) -> Iterator[Row]:
    for branch in cases:
        refused = _CASES[branch]
        key = f"sk-ant-trial-{secrets.token_hex(16)}"
        output, complaints = asyncio.run(_honk(trial, repository, folder, branch, key))
        found = judge.faults(trial, repository, output, refused=refused)
        found += judge.leaks(folder, key) + judge.alive(folder)
        if found and output.stderr.strip():
            found.append(f"it said: {output.stderr.strip()[-800:]}")
        faults = (*found, *(f"the model was asked for the unforeseen: {one[:800]}" for one in complaints))
        yield Row(trial=trial.name, case=branch, seconds=output.seconds, faults=faults)


async def _honk(trial: Trial, repository: Cut, folder: Path, branch: str, key: str) -> tuple[judge.Output, list[str]]:
    """`honk run` as a person would type it, with a model of its own."""
    replay = scenario(trial.name, repository.truth, branch)
    async with ScriptedModel([], otherwise=replay, key=key, strict=False) as model:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANTHROPIC_")} | {
            "HONK_HOME": str(folder / "home"),
            "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": key,
        }
        argv = (str(_HONK), "run", str(repository.repository), trial.instruction, "--json")
        output = await _finished(argv, environment, folder / f"{branch}.jsonl", folder / f"{branch}.err")
    return output, model.complaints


async def _finished(argv: tuple[str, ...], environment: dict[str, str], stdout: Path, stderr: Path) -> judge.Output:
    began = time.monotonic()
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = await asyncio.create_subprocess_exec(
            *argv, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        try:
            async with asyncio.timeout(_LIMIT):
                await process.wait()
        except TimeoutError:
            err.write(f"\nnot done after {_LIMIT:g} s".encode())
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return judge.Output(
        exit_code=await process.wait(),
        stdout=stdout.read_text(encoding="utf-8", errors="replace"),
        stderr=stderr.read_text(encoding="utf-8", errors="replace"),
        seconds=time.monotonic() - began,
    )


def _show(row: Row) -> None:
    _say(f"{'FAILED' if row.faults else 'passed'}  {row.trial:<16} {row.case:<11} {row.seconds:6.1f} s")
    for fault in row.faults:
        _say("        " + fault.replace("\n", "\n        "))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
