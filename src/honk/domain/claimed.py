"""What a provider says of whoever signed in there, and whom Honk lets in for it."""

from dataclasses import dataclass

from honk.domain.person import Identity, IdentityKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """What a provider vouches for."""

    #: the most telling first: under that one the person is made, when nobody is known by any
    identities: tuple[Identity, ...]
    #: as the provider shows them
    name: str
    #: the organisations, workspaces or groups to which the provider says they belong
    organisations: frozenset[str] = frozenset()

    @property
    def mail(self) -> str:
        """An address that the provider has verified; "" for none."""
        return next((one.value for one in self.identities if one.kind is IdentityKind.MAIL), "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Admits:
    """Who comes in besides the people of honk.toml: by default nobody."""

    #: of verified addresses, in small letters; without those below them
    mail_domains: frozenset[str] = frozenset()
    organisations: frozenset[str] = frozenset()
    identities: frozenset[Identity] = frozenset()

    def who(self, claimed: Claimed) -> bool:
        """Whether somebody of whom the provider says this may come in."""
        domain = claimed.mail.rpartition("@")[2]
        return (
            (bool(domain) and domain in self.mail_domains)
            or not self.organisations.isdisjoint(one.lower() for one in claimed.organisations)
            or not self.identities.isdisjoint(claimed.identities)
        )
