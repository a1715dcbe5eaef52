"""What is to be run for one repository: verifiers, and how their environment is made."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from honk.domain.repository_config import RepositoryConfig
from honk.domain.verdict import Kind

#: Folder for reports of tests: beside the workspace, never in it.
REPORTS = "/honk/out"
#: The Python of the repository's environment.
PYTHON = "/env/venv/bin/python"
VERIFIER_SECONDS = 900.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Verifier:
    """One command that answers. Fixed by the base commit."""

    name: str
    kind: Kind
    argv: tuple[str, ...]
    timeout: float = VERIFIER_SECONDS
    #: how its output is read: of tests "pytest", "unittest", "javascript" or "any"; else "findings" (one a line)
    #: or "lines" (of an unknown program)
    reader: str = "any"
    environment: Mapping[str, str] = field(default_factory=dict)
    #: declared by a person: exit code 0 is a pass, also where no number of tests can be read
    declared: bool = False
    #: whether paths of test files may be appended to run only these
    narrows: bool = False
    #: files of the repository that say what is run, besides the usual configuration files
    definition: tuple[str, ...] = ()
    #: why it is only mentioned and not run; "" when it runs
    not_run: str = ""

    @property
    def command(self) -> str:
        """The command as a person would type it."""
        if self.argv[:2] == ("sh", "-c"):
            return self.argv[2]
        return " ".join(argument.replace(PYTHON, "python") for argument in self.argv)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One command of a set-up. An `optional` one may fail."""

    title: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How a toolchain's environment is made in a copy of the tree at `/workspace`, into `/env`."""

    toolchain: str
    #: ways to make it, in order of preference; the next is tried when one fails
    ways: tuple[tuple[Step, ...], ...]
    #: after whichever way worked
    afterwards: tuple[Step, ...] = ()
    #: files whose content decides whether an environment still fits
    manifests: tuple[str, ...] = ()
    #: whether package registries are needed
    network: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    config: RepositoryConfig
    verifiers: tuple[Verifier, ...]
    recipes: tuple[Recipe, ...]
    #: for verifiers and the agent
    environment: Mapping[str, str] = field(default_factory=dict)
