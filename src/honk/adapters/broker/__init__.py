"""The sandbox's only way out, on the host: adds keys, meters, refuses."""

from honk.adapters.broker.broker import SocketBroker, SocketExit
from honk.adapters.broker.calling import Calls
from honk.adapters.broker.looker import Looker
from honk.adapters.broker.network import NetworkRules
from honk.adapters.broker.posting import Poster
from honk.adapters.broker.upstream import Upstream
from honk.adapters.broker.webhooks import WebhookDeployer
from honk.adapters.broker.wire import Patience

__all__ = [
    "Calls",
    "Looker",
    "NetworkRules",
    "Patience",
    "Poster",
    "SocketBroker",
    "SocketExit",
    "Upstream",
    "WebhookDeployer",
]
