"""The agents that this machine offers, by name."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.command import Command
from honk.ports import Agent
from honk.settings import Settings


def agents_of(settings: Settings, sandboxes: Bubblewrap) -> Mapping[str, Agent]:
    """Claude Code, and the plain command."""

    def claude() -> Agent:
        from honk.adapters.claude_code import ClaudeCode, Key

        key = Key.API_KEY if settings.api_key else Key.AUTH_TOKEN if settings.auth_token else Key.NONE
        telemetry = bool(settings.file.telemetry.otlp_endpoint)
        return ClaudeCode(partial(sandboxes.runtime, "claude"), key=key, telemetry=telemetry)

    return _Agents({"claude": claude, "command": Command})


class _Agents(Mapping[str, Agent]):
    """Agents by name, made when asked for: loading one's SDK takes a second that `honk tasks` need not pay."""

    def __init__(self, makers: Mapping[str, Callable[[], Agent]]) -> None:
        self._makers = makers
        self._made: dict[str, Agent] = {}

    def __getitem__(self, name: str) -> Agent:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)
