"""Looks at what Honk did from outside: exit code, output and the target repository, nothing of its inside."""

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe import Trial
from sources import Cut, git

#: `honk run`'s exit codes for a proposed and for a refused change
PROPOSED, REFUSED = 0, 3
_SETTLED = ("event", "task", "state", "verdict", "pull_request", "cost_usd", "seconds", "seconds_verifying")
_TRAILERS = ("Honk-Task", "Requested-by", "Assisted-by")


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """What `honk run --json` left behind."""

    exit_code: int
    stdout: str
    stderr: str
    seconds: float

    def lines(self) -> list[dict[str, Any]]:
        """Every line as JSON. Raises ValueError when one is not."""
        return [json.loads(line) for line in self.stdout.splitlines()]


def faults(trial: Trial, cut: Cut, output: Output, *, refused: bool) -> list[str]:
    """One sentence for everything that is not as promised; none when all is well."""
    try:
        lines = output.lines()
    except ValueError:
        return ["standard output is not one JSON value a line"]
    if not lines or lines[-1].get("event") != "task.settled":
        return [f"exit {output.exit_code}; the last line is not task.settled"]
    found = _settled(lines[-1], output, refused=refused)
    found += _events(lines[:-1])
    found += _target(cut, lines[-1], refused=refused)
    if not refused:
        found += _proof(trial, lines)
    return found


def _settled(last: dict[str, Any], output: Output, *, refused: bool) -> list[str]:
    answer = (last.get("verdict") or {}).get("answer")
    expected = (REFUSED, "fail", "draft") if refused else (PROPOSED, "pass", "proposed")
    real = (output.exit_code, answer, last.get("state"))
    found = [] if real == expected else [f"exit, verdict and state are {real}, not {expected}{_why(last)}"]
    missing = [key for key in _SETTLED if key not in last]
    missing += [key for key in ("branch", "head", "base", "url") if key not in (last.get("pull_request") or {})]
    if missing:
        found.append(f"the last line lacks {missing}")
    return found


def _why(last: dict[str, Any]) -> str:
    verdict = last.get("verdict") or {}
    return f": {json.dumps([last.get('reason'), verdict.get('findings'), verdict.get('not_proven')])[:1200]}"


def _events(lines: list[dict[str, Any]]) -> list[str]:
    found = []
    if [line.get("seq") for line in lines] != list(range(1, len(lines) + 1)):
        found.append("the events are not numbered without a gap")
    data = [(line.get("type") or line.get("event"), line.get("data") or line) for line in lines]
    calls = {one["call"]: one["tool"] for kind, one in data if kind == "agent.called_tool"}
    answers = {calls.get(one["call"]): one for kind, one in data if kind == "agent.tool_answered"}
    for tool, answer in answers.items():
        if not answer["ok"]:
            found.append(f"the agent's tool {tool} failed: {answer['output'][:300]}")
    if "verify" not in answers:
        found.append("the agent's own verify did not answer")
    return found


def leaks(folder: Path, secret: str) -> list[str]:
    """Where the key stands: in files of Honk, in the output, or in the agent's home."""
    found = []
    for path in folder.rglob("*"):
        # copies of interpreter and agent, which are what they were before there was a key
        copied = "runtime" in path.relative_to(folder).parts[:2]
        if not copied and path.is_file() and not path.is_symlink() and secret.encode() in path.read_bytes():
            found.append(f"the key stands in {path.relative_to(folder)}")
    return found


def alive(folder: Path) -> list[str]:
    """Processes that work for this trial although `honk run` has ended."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in words:
                found.append(f"process {process.parent.name} is still there: {words[:200]}")
    return found


def _target(cut: Cut, last: dict[str, Any], *, refused: bool) -> list[str]:
    """The repository that Honk was pointed at."""
    found = []
    if git(cut.repository, "rev-parse", "main") != cut.base or git(cut.repository, "status", "--porcelain"):
        found.append("the base branch or the person's working tree was touched")
    pull_request = last.get("pull_request") or {}
    branch = str(pull_request.get("branch"))
    heads = git(cut.repository, "for-each-ref", "--format=%(refname:short)", "refs/heads/honk/").split()
    if branch not in heads:
        return [*found, f"no branch {branch} in the target, only {heads}"]
    ref = f"refs/heads/{branch}"
    if git(cut.repository, "rev-parse", ref) != pull_request.get("head"):
        found.append("the branch is not at the head of the pull request")
    if git(cut.repository, "rev-list", f"main..{ref}").split() != [pull_request.get("head")]:
        found.append("the branch is not one commit on top of the base")
    tree = cut.tests_only if refused else cut.fix
    if git(cut.repository, "rev-parse", f"{ref}^{{tree}}") != tree:
        found.append("the tree is wrong: " + _difference(cut, ref, tree))
    message = git(cut.repository, "log", "-1", "--format=%(trailers:only)", ref)
    missing = [name for name in _TRAILERS if not re.search(rf"^{name}: \S", message, re.MULTILINE)]
    return [*found, *([f"the commit lacks the trailers {missing}"] if missing else [])]


def _difference(cut: Cut, ref: str, tree: str) -> str:
    git(cut.truth, "fetch", "-q", str(cut.repository), f"+{ref}:refs/honk/last")
    return git(cut.truth, "diff", "--stat", tree, "refs/honk/last")[-600:]


def _proof(trial: Trial, lines: list[dict[str, Any]]) -> list[str]:
    """The tests that were red without the change and green with it."""
    verdicts = [line for line in lines if line.get("type") == "verdict.given" or line.get("event") == "verdict.given"]
    proof = [test for verdict in verdicts for test in (verdict.get("data") or verdict).get("proof", ())]
    if not proof:
        return ["no test is recorded as red without the change and green with it"]
    if trial.proof and not any(trial.proof in test for test in proof):
        return [f"{trial.proof} is not among the tests of the proof: {proof[:5]}"]
    return []
