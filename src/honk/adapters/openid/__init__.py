"""Providers that say who somebody is: OpenID Connect with any of them, and GitHub's own way."""

from honk.adapters.openid.github import GithubWay
from honk.adapters.openid.provider import OpenId

__all__ = ["GithubWay", "OpenId"]
