"""GitLab: merge requests, pipelines, and a token for git; by way of python-gitlab (LGPL-3.0-or-later)."""

from honk.adapters.gitlab.ci import GitlabCi
from honk.adapters.gitlab.credentials import GitlabCredentials
from honk.adapters.gitlab.forge import GitlabForge
from honk.adapters.gitlab.server import Server
from honk.adapters.gitlab.trouble import Absent, GitlabRefused, RateLimited

__all__ = [
    "Absent",
    "GitlabCi",
    "GitlabCredentials",
    "GitlabForge",
    "GitlabRefused",
    "RateLimited",
    "Server",
]
