"""Repositories that lie on one GitHub, by their names there."""

from honk.adapters.github.address import Addresses
from honk.domain.repository import Repository
from honk.errors import ForgeRefused


class Places:
    """Knows which repositories lie on that GitHub; `web` is where its pages are, such as "https://github.com"."""

    def __init__(self, web: str) -> None:
        self._addresses = Addresses(web)
        self.web = self._addresses.web_url

    def find(self, repository: Repository) -> str | None:
        """ "owner/name" as the address has it; None where it lies elsewhere."""
        return self._addresses.full_name(repository.url)

    def of(self, repository: Repository) -> str:
        """As `find`. Raises ForgeRefused where it lies elsewhere."""
        found = self.find(repository)
        if found is None:
            raise ForgeRefused(f"{repository.url} is no repository on {self.web}")
        return found

    def address(self, full_name: str) -> str:
        """What git is given for it."""
        return self._addresses.url(full_name)
