"""What a labelled worker works with: a place apart for what an agent wrote, a signer, an executor of deployments."""

from honk.adapters.workshop.boxed import BoxedWorkshop
from honk.adapters.workshop.executing import LocalExecutor
from honk.adapters.workshop.mac import MacWorkshop
from honk.adapters.workshop.signing import OperatorSigner, SigningKeys

__all__ = ["BoxedWorkshop", "LocalExecutor", "MacWorkshop", "OperatorSigner", "SigningKeys"]
