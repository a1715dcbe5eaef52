"""`.honk.toml` at a commit, for the steps that follow it."""

from honk.domain.repository import Repository, Sha
from honk.domain.repository_config import CONFIG_PATH, RepositoryConfig, parse
from honk.ports.repositories import Repositories


async def configuration(repositories: Repositories, repository: Repository, commit: Sha) -> RepositoryConfig:
    """The file at that commit; the defaults where there is none. Raises SettingsWrong."""
    content = await repositories.read(repository, commit, CONFIG_PATH)
    return parse(content) if content is not None else RepositoryConfig()
