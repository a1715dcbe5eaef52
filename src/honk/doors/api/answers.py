"""Answers: domain nouns as the codec writes them."""

from typing import Any

from fastapi import Response

from honk.domain.codec import dump

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def said(kind: Any, value: object, status: int = 200, **headers: str) -> Response:
    """The value as JSON; in ASCII, so that names which are not UTF-8 survive."""
    return Response(
        dump(kind, value),
        status_code=status,
        media_type="application/json",
        headers={**_HEADERS, **{name.replace("_", "-"): text for name, text in headers.items()}},
    )
