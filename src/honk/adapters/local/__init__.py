"""The one built-in policy: this machine's user may do everything."""

from honk.domain.person import IdentityKind, Person
from honk.domain.policy import Act, Decision
from honk.domain.repository import Repository
from honk.domain.task import Task


class LocalPolicy:
    """Allows every act to a person with a local identity, and nothing to anybody else."""

    async def ask(self, person: Person, act: Act, repository: Repository, task: Task | None) -> Decision:
        """Implements honk.ports.Policy."""
        if person.identity(IdentityKind.LOCAL) is not None:
            return Decision(allowed=True, reason="the user of this machine may do everything")
        return Decision(allowed=False, reason=f"{person.name} is not known on this machine, and may not {act}")
