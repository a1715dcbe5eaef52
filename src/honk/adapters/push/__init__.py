"""Web push: notices, encrypted for one browser, handed to the push service that the browser named."""

from honk.adapters.push.push import Answer, Post, WebPush

__all__ = ["Answer", "Post", "WebPush"]
