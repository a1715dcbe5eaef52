"""The apps' own servers, run in sandboxes while people look at them."""

from honk.service.app_servers.servers import Servers
from honk.service.app_servers.standing import Standing, Stands

__all__ = ["Servers", "Standing", "Stands"]
