"""A landing: merge and deployment, after a person's approval."""

from dataclasses import dataclass

from honk.domain.person import PersonId
from honk.domain.pull_request import MergeMethod
from honk.domain.repository import Sha


@dataclass(frozen=True, kw_only=True, slots=True)
class Consent:
    """What a person looked at, typed and takes into account when pressing the merge button."""

    #: the commit that was shown; "" is the head as it is now
    head: str = ""
    #: what was typed to confirm, where the policy asks for that
    typed: str = ""
    #: merge although not everything was proven
    accept_unsure: bool = False
    #: deploy although the environment is closed
    now: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Landing:
    """A person's approval: who, and exactly which commit."""

    by: PersonId
    head: Sha
    method: MergeMethod
    #: names this press of the button, so that a redelivery is recognised
    act: str
    accept_unsure: bool = False
    #: deployed as well; not for who came with an access token that is not for that
    deploys: bool = True
    #: also where the environment is closed, and before others that wait for it
    now: bool = False
    #: of a promotion: to which environment, and the id of the deployment that is taken there; "" merges and deploys
    #: to the first
    environment: str = ""
    source: str = ""

    @property
    def press(self) -> str:
        """The act, whichever landing carries it out after it had to wait."""
        return self.act.partition("-opened-")[0]
