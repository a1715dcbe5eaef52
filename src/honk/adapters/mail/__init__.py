"""Mail, handed to the operator's server over SMTP."""

from honk.adapters.mail.smtp import Smtp

__all__ = ["Smtp"]
