"""Implements `honk.ports.Credentials`: what git shows GitHub is minted for one call."""

from honk.adapters.github.address import Addresses
from honk.adapters.github.api import Api
from honk.adapters.github.permissions import FETCHING, PUSHING
from honk.adapters.github.trouble import GithubRefused
from honk.domain.repository import Repository
from honk.domain.text import Secret
from honk.errors import RepositoryUnusable
from honk.ports import Credential

#: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation
_USER = "x-access-token"


class GithubCredentials:
    """For addresses by https alone: who gives an ssh address has a key of their own for it."""

    def __init__(self, api: Api, addresses: Addresses) -> None:
        self._api = api
        self._addresses = addresses
        #: lent for one push
        self._single: set[Secret] = set()

    async def lent(self, repository: Repository, *, writes: bool) -> Credential | None:
        full_name = self._addresses.full_name(repository.url)
        if full_name is None or not self._addresses.shown_to(repository.url):
            return None
        tokens = self._api.tokens
        try:
            held = await (tokens.fresh(full_name, PUSHING) if writes else tokens.held(full_name, FETCHING))
        except GithubRefused as error:
            raise RepositoryUnusable(error.message, error.remedy) from error
        if writes:
            self._single.add(held.token)
        return Credential(origin=self._addresses.origin, username=_USER, password=held.token)

    async def returned(self, credential: Credential) -> None:
        """A token for a push ends here; one for reading is used again."""
        if credential.password in self._single:
            self._single.discard(credential.password)
            await self._api.tokens.revoked(credential.password)
