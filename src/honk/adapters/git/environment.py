"""The two environments in which the host runs git: Honk's own, and the operator's for talking to remotes."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: What an operator may set for git and what still matters when Honk calls a remote.
_OPERATORS = frozenset(
    {
        *("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_ASKPASS", "GIT_PROXY_COMMAND"),
        *("GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"),
    }
)
_OPERATORS_PREFIXES = ("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_", "GIT_HTTP_", "GIT_SSL_")

_ALWAYS = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
}

#: Honk's own repositories: no hook, no helper, no clean-up behind the back of workspaces that borrow objects.
_OWN = """\
[safe]
\tdirectory = *
[core]
\thooksPath = /dev/null
\tattributesFile = /dev/null
\texcludesFile = /dev/null
\tfsmonitor = false
\tquotePath = false
\tbigFileThreshold = 16m
\tpackedGitLimit = 512m
\tpackedGitWindowSize = 32m
[gc]
\tauto = 0
[maintenance]
\tauto = false
[init]
\tdefaultBranch = main
[uploadpack]
\tallowAnySHA1InWant = true
[advice]
\tdetachedHead = false
"""

_REMOTE_BEFORE = """\
[http]
\tlowSpeedLimit = 1000
\tlowSpeedTime = 60
"""


@dataclass(frozen=True, slots=True)
class Environments:
    """Environments for git, and the configuration files that they name (written on `prepare`).

    The operator's configuration counts only for remotes: credential helpers, proxies, `insteadOf`.
    It goes through a file, since git clears configuration given by variables before it starts
    `git upload-pack` on a local path.
    """

    home: Path
    operator: Mapping[str, str]

    @property
    def _own_file(self) -> Path:
        return self.home / "git" / "own.gitconfig"

    @property
    def _remote_file(self) -> Path:
        return self.home / "git" / "remote.gitconfig"

    def prepare(self) -> None:
        """Writes both files when they are missing or stale."""
        _write(self._own_file, _OWN)
        includes = "".join(f"[include]\n\tpath = {_quoted(path)}\n" for path in self._operators_files())
        _write(self._remote_file, f"{_REMOTE_BEFORE}{includes}[safe]\n\tdirectory = *\n")

    def own(self) -> dict[str, str]:
        """For Honk's own bare repositories and fresh checkouts: nothing of the operator's counts."""
        return {
            **_ALWAYS,
            "PATH": self._path,
            "HOME": str(self.home / "git"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self._own_file),
            "GIT_ALLOW_PROTOCOL": "file",
        }

    def remote(self) -> dict[str, str]:
        """For remotes: the operator's environment, without variables that would redirect git itself."""
        kept = {
            name: value
            for name, value in self.operator.items()
            if not name.startswith("GIT_") or name in _OPERATORS or name.startswith(_OPERATORS_PREFIXES)
        }
        return {
            **kept,
            **_ALWAYS,
            "PATH": self._path,
            "GIT_CONFIG_GLOBAL": str(self._remote_file),
            "GIT_ALLOW_PROTOCOL": "file:http:https:ssh:git",
        }

    @property
    def _path(self) -> str:
        return self.operator.get("PATH") or os.defpath

    def _operators_files(self) -> tuple[str, ...]:
        if (named := self.operator.get("GIT_CONFIG_GLOBAL")) is not None:
            return (named,) if named else ()
        home = self.operator.get("HOME", "")
        below = self.operator.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
        return tuple(
            path for path in (f"{below}/git/config" if below else "", f"{home}/.gitconfig" if home else "") if path
        )


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _write(path: Path, content: str) -> None:
    if path.is_file() and path.read_text() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(content)
    Path(name).replace(path)
