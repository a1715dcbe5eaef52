"""The token as git shows it: to GitLab's own address over https, and to nobody else."""

from urllib.parse import urlsplit

from honk.adapters.gitlab.server import Server
from honk.domain.repository import Repository
from honk.ports.repositories import Credential

#: GitLab takes any user name beside an access token:
#: https://docs.gitlab.com/user/profile/personal_access_tokens/#clone-repository-using-personal-access-token
_USER = "oauth2"


class GitlabCredentials:
    """Implements `Credentials`. GitLab's tokens are as long-lived as whoever made them wants; nothing is returned."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def lent(self, repository: Repository, *, writes: bool) -> Credential | None:
        """None for ssh addresses, where the operator's own keys count."""
        parts = urlsplit(repository.url)
        if not parts.scheme.startswith("http") or self._server.path_of(repository) is None or not self._server.token:
            return None
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        return Credential(origin=origin, username=_USER, password=self._server.token)

    async def returned(self, credential: Credential) -> None:
        return
