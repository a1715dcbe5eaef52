"""Verifiers that a person wrote down: in `.honk.toml` on the base, or with the task."""

from collections.abc import Iterable

from honk.checks.plan import Verifier
from honk.domain.repository_config import RepositoryConfig, VerifyCommand
from honk.domain.verdict import Kind


def from_config(config: RepositoryConfig) -> list[Verifier]:
    return _all(config.verify)


def from_task(lines: Iterable[str]) -> list[Verifier]:
    """Commands given with the task: tests, all of them."""
    return _all(VerifyCommand(command=line) for line in lines)


def _all(commands: Iterable[VerifyCommand]) -> list[Verifier]:
    result: list[Verifier] = []
    for one in commands:
        taken = {verifier.name for verifier in result}
        name = one.title if one.title not in taken else f"{one.title} #{len(result) + 1}"
        kind = Kind(one.kind)
        result.append(
            Verifier(
                name=name,
                kind=kind,
                argv=("sh", "-c", one.command),
                timeout=one.timeout,
                reader="any" if kind is Kind.TEST else "lines",
                declared=True,
            )
        )
    return result
