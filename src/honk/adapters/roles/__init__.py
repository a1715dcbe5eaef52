"""The policy of honk.toml: people, teams and roles, read again at every act."""

from collections.abc import Callable

from honk.domain.person import Person
from honk.domain.policy import NEEDS, Act, Confirmation, Decision, Explanation, Looked
from honk.domain.repository import Repository
from honk.domain.rules import Known, Rules
from honk.domain.task import Task
from honk.errors import SettingsWrong


class RolesPolicy:
    """Implements honk.ports.Policy. While the file cannot be read, nothing is allowed."""

    def __init__(self, rules: Callable[[], Rules]) -> None:
        """`rules` gives the policy as it is now, or raises SettingsWrong."""
        self._rules = rules

    async def ask(self, person: Person, act: Act, repository: Repository | None, task: Task | None) -> Decision:
        return (await self.explain(person, act, repository, task)).decision

    async def explain(self, person: Person, act: Act, repository: Repository | None, task: Task | None) -> Explanation:
        try:
            return self._rules().explain(person, act, repository)
        except SettingsWrong as error:
            reason = f"nobody may do anything until honk.toml is corrected: {error}"
            looked = Looked(rule=error.message, grants=False, because="the file is wrong")
            return Explanation(
                decision=Decision(allowed=False, reason=reason, version="unreadable"),
                person=person.name,
                act=act,
                repository="" if repository is None else repository.url,
                looked_at=(looked,),
            )

    async def known(self, key: str) -> Known | None:
        try:
            return next((one for one in self._rules().people if key in {one.key, *map(str, one.identities)}), None)
        except SettingsWrong:
            return None

    async def confirmation(self, repository: Repository) -> Confirmation:
        """The strictest while the file cannot be read."""
        try:
            return self._rules().confirmation(repository)
        except SettingsWrong:
            return Confirmation.SECOND

    async def holders(self, act: Act, repository: Repository | None) -> tuple[Known, ...]:
        try:
            return self._rules().holders(NEEDS[act], repository)
        except SettingsWrong:
            return ()

    async def able(self, act: Act, repository: Repository | None) -> tuple[str, ...]:
        try:
            return self._rules().may(NEEDS[act], repository)
        except SettingsWrong:
            return ()
