"""What a server keeps ready: spares of the repositories that were used of late, and agents that wait in them."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta
from functools import partial

from honk.adapters.git.repositories import GitRepositories
from honk.adapters.git.spares import GitSpares
from honk.adapters.pool import Parker, Size, WarmPool
from honk.domain.repository import Repository
from honk.ports import Agent, Ports
from honk.settings import Settings
from honk.steps.code import guidance

#: A repository that nobody used for so long has no spare.
_LATELY = timedelta(days=7)
_TASKS = 1000


def pool_of(
    settings: Settings, repositories: GitRepositories, agents: Mapping[str, Agent], parker: Callable[..., Parker]
) -> WarmPool:
    """The pool; empty until it is kept."""
    work = settings.file.work
    return WarmPool(
        GitSpares(repositories),
        parker(
            agent=lambda: agents["claude"],
            model=settings.file.model.name or None,
            guidance=partial(guidance, repositories=repositories),
        ),
        repositories,
        size=Size(agents=work.warm_agents if settings.has_key else 0, repositories=work.spares),
    )


def kept(ports: Ports, settings: Settings) -> AbstractAsyncContextManager[None]:
    """Keeps the pool filled while the context is open."""
    if not isinstance(ports.pool, WarmPool) or not settings.file.work.spares:
        return nullcontext()

    async def recent() -> list[Repository]:
        since = ports.clock() - _LATELY
        tasks = [task for task in await ports.tasks.list(limit=_TASKS) if task.created_at > since]
        return [task.repository for task in reversed(tasks)]

    return ports.pool.kept(recent)
