"""Passkeys, by py_webauthn (Web Authentication, https://www.w3.org/TR/webauthn-3/)."""

import hashlib
import json
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from honk.domain.person import Person
from honk.domain.visit import Passkey
from honk.errors import NotAllowed

_AGAIN = "try again, or sign in another way"


class WebAuthn:
    """Implements honk.ports.Authenticators, for whichever host people reach Honk by.

    Passkeys are bound to that host: a page of another one can neither ask for them nor use what they sign. They are to
    be unlocked by the person each time, and kept where they are found without a name.
    """

    def __init__(self, public_url: str, served_at: Callable[[], str | None]) -> None:
        """`served_at` gives the address under which this machine reaches the pages now."""
        self._public_url = public_url
        self._served_at = served_at

    def origin(self) -> str:
        """Browsers want https and a name, or localhost."""
        parts = urlsplit(self._public_url or self._served_at() or "")
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
        if _is_address(host):
            return "" if self._public_url or not ip_address(host).is_loopback else f"http://localhost{port}"
        return f"{parts.scheme}://{host}{port}" if parts.scheme == "https" or host == "localhost" else ""

    def to_add(self, person: Person, known: tuple[Passkey, ...], challenge: bytes) -> str:
        from webauthn import base64url_to_bytes, generate_registration_options, options_to_json
        from webauthn.helpers.structs import (
            AuthenticatorSelectionCriteria,
            PublicKeyCredentialDescriptor,
            ResidentKeyRequirement,
            UserVerificationRequirement,
        )

        options = generate_registration_options(
            rp_id=self._host(),
            rp_name="Honk",
            user_id=hashlib.sha256(f"person {person.id}".encode()).digest(),
            user_name=person.name,
            user_display_name=person.name,
            challenge=challenge,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                require_resident_key=True,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(one.id)) for one in known],
        )
        return options_to_json(options)

    def added(self, answer: str, challenge: bytes) -> tuple[str, str, int]:
        from webauthn import verify_registration_response
        from webauthn.helpers import bytes_to_base64url

        made = _believed(
            lambda: verify_registration_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self._host(),
                expected_origin=self.origin(),
                require_user_verification=True,
            )
        )
        return bytes_to_base64url(made.credential_id), bytes_to_base64url(made.credential_public_key), made.sign_count

    def to_ask(self, challenge: bytes) -> str:
        from webauthn import generate_authentication_options, options_to_json
        from webauthn.helpers.structs import UserVerificationRequirement

        options = generate_authentication_options(
            rp_id=self._host(), challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED
        )
        return options_to_json(options)

    def said(self, answer: str) -> tuple[str, str]:
        from webauthn import base64url_to_bytes

        def read() -> tuple[str, str]:
            found = json.loads(answer)
            data = json.loads(base64url_to_bytes(found["response"]["clientDataJSON"]))
            return str(found["id"]), base64url_to_bytes(data["challenge"]).hex()

        id, challenge = _believed(read)
        return id, challenge

    def checked(self, answer: str, challenge: bytes, passkey: Passkey) -> int:
        from webauthn import base64url_to_bytes, verify_authentication_response

        done = _believed(
            lambda: verify_authentication_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self._host(),
                expected_origin=self.origin(),
                credential_public_key=base64url_to_bytes(passkey.public_key),
                credential_current_sign_count=passkey.count,
                require_user_verification=True,
            )
        )
        return int(done.new_sign_count)

    def _host(self) -> str:
        host = urlsplit(self.origin()).hostname
        if host is None:
            raise NotAllowed("passkeys do not work here", "they need https and a name: set public_url in honk.toml")
        return host


def _believed(read: Callable[[], Any]) -> Any:
    """What a browser sent may be anything, and makes the library fail in many ways."""
    try:
        return read()
    except Exception as exc:  # noqa: BLE001 - whatever fails here, the answer is not believed
        raise NotAllowed(f"the passkey's answer cannot be believed ({type(exc).__name__})", _AGAIN) from None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
