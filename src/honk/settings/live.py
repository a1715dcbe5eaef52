"""honk.toml while Honk is in service: policy and budgets are as the file says now, not as it said at the start."""

from pathlib import Path

from honk.domain.budget import Budget
from honk.domain.repository import Named
from honk.domain.rules import Rules
from honk.errors import SettingsWrong, Usage
from honk.settings.file import File, parse
from honk.settings.policy import budget_of, rules_of
from honk.settings.repositories import named


class Live:
    """Reads the file again at each question, and parses it when its content is another.

    A file that is wrong, or gone after it was there, answers no question about rights: `rules` raises. What was
    good last still says who is who and what may be spent.
    """

    def __init__(self, path: Path) -> None:
        """Raises SettingsWrong. No file means that every setting has its default."""
        self._path = path
        self._content = _content(path)
        self._good = File() if isinstance(self._content, str) else parse(path, self._content)
        self._rules = _rules(self._good)
        self._trouble: SettingsWrong | None = None

    def rules(self) -> Rules:
        """The policy now. Raises SettingsWrong naming file and line."""
        self._look()
        if self._trouble is not None:
            raise self._trouble
        return self._rules

    def last_rules(self) -> Rules:
        """The last good policy, for who is who."""
        self._look()
        return self._rules

    def budget(self) -> Budget:
        """The budgets now; the last good ones while the file is wrong."""
        self._look()
        return budget_of(self._good.budgets)

    def repositories(self) -> tuple[Named, ...]:
        """What the file lists now; the last good ones while it is wrong."""
        self._look()
        return named(self._good.repositories)

    def _look(self) -> None:
        content = _content(self._path)
        if content == self._content:
            return
        self._content, self._trouble = content, None
        try:
            self._take(content)
        except SettingsWrong as error:
            self._trouble = error

    def _take(self, content: bytes | str) -> None:
        if isinstance(content, str):
            raise SettingsWrong(f"{self._path} cannot be read any more: {content}", "put it back")
        file = parse(self._path, content)
        rules = _rules(file)
        # Without roles this machine's users may do everything: too much for a file that is just being written.
        if self._rules.roles and not rules.roles:
            raise SettingsWrong(f"{self._path} has no [[roles]] any more", "put them back, or start Honk again")
        self._good, self._rules = file, rules


def checked(path: Path) -> str:
    """What the policy in the file holds, in a sentence. Raises SettingsWrong, or Usage where there is no file."""
    if not path.exists():
        raise Usage(f"there is no {path}", "`honk init` writes one")
    live = Live(path)
    rules, budget = live.rules(), live.budget()
    if not rules.roles:
        return f"{path}: no roles, so the users of this machine may do everything (policy {rules.version})"
    counts = f"{len(rules.people)} people, {len(rules.teams)} teams, {len(rules.roles)} roles"
    bounds = {"task": budget.task_usd, "person and day": budget.person_day_usd, "day": budget.day_usd}
    money = ", ".join(f"${usd:.2f} a {name}" for name, usd in bounds.items() if usd is not None) or "no budgets"
    return f"{path}: {counts}; {money} (policy {rules.version})"


def _rules(file: File) -> Rules:
    return rules_of(file.people, file.teams, file.roles, file.merging)


def _content(path: Path) -> bytes | str:
    """The file's bytes, or why there are none."""
    try:
        return path.read_bytes()
    except OSError as exc:
        return exc.strerror or type(exc).__name__
