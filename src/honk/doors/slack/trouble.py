"""What Slack answers when it does not do what was asked, sorted as errors are everywhere in Honk."""

from honk.errors import Defect, HonkError, NeedsHuman, Unreachable

#: The token opens nothing any more; only an administrator can help.
REVOKED = frozenset(
    {"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "org_login_required"}
    | {"team_access_not_granted", "app_uninstalled"}
)
#: The place cannot be written to, by whom it may have been done, and what would help.
GONE = {
    "channel_not_found": "the channel is gone, or Honk is not in it: invite it again",
    "not_in_channel": "Honk is not in the channel: invite it again",
    "is_archived": "the channel is archived",
    "channel_is_archived": "the channel is archived",
    "thread_not_found": "the message that began the thread was deleted",
    "restricted_action": "an administrator of the workspace restricts who may post here",
    "restricted_action_read_only_channel": "the channel is read-only",
    "restricted_action_thread_only_channel": "the channel takes nothing but replies",
    "restricted_action_thread_locked": "the thread is locked",
    "restricted_action_non_threadable_channel": "the channel has no threads",
    "ekm_access_denied": "the workspace's administrators have suspended posting",
    "messages_tab_disabled": "messages to the app are switched off (App Home → Messages Tab)",
    "user_disabled": "the user's account is deactivated",
    "is_inactive": "the channel is not in use any more",
}
#: The workspace, or this app in it, does not have the feature.
LACKING = frozenset(
    {"unknown_method", "method_deprecated", "not_allowed_token_type", "missing_scope", "feature_not_enabled"}
    | {"access_denied", "team_not_found", "no_permission", "channel_type_not_supported", "invalid_thread_ts"}
)


class SlackGone(NeedsHuman):
    """The place cannot be written to any more."""


class SlackRevoked(NeedsHuman):
    """The token was revoked, or the app removed from the workspace."""


class SlackLacks(NeedsHuman):
    """The workspace, or the app's scopes, do not have this. `scope` names a missing one."""

    def __init__(self, message: str, remedy: str = "", scope: str = "") -> None:
        super().__init__(message, remedy)
        self.args = (message, remedy, scope)
        self.scope = scope


class SlackDown(Unreachable):
    """Slack did not answer, or has trouble of its own. Whether it did what was asked is not known."""


class SlackRefused(HonkError):
    """Any other no. `error` is Slack's own word for it, such as "message_not_found"."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.args = (error, message)
        self.error = error


#: Words by which Slack says that it is in trouble itself.
_THEIRS = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "rollup_error"}
)
#: Something that this door made is wrong.
_OURS = frozenset({"invalid_blocks", "invalid_blocks_format", "invalid_arguments", "invalid_form_data", "msg_too_long"})


def translated(method: str, error: str, needed: str = "", detail: str = "") -> HonkError:
    """The error that Slack's answer to this method means (https://docs.slack.dev/reference/methods)."""
    if error in REVOKED:
        return SlackRevoked(f"Slack does not accept the token any more ({error})", "honk slack setup says what to do")
    if error in GONE:
        return SlackGone(GONE[error])
    if error in LACKING:
        remedy = f"add the scope {needed} and install the app again: honk slack setup" if needed else ""
        return SlackLacks(f"Slack refuses {method}: {error}", remedy, needed)
    if error in _THEIRS:
        return SlackDown(f"Slack is in trouble ({error})", "it is tried again")
    if error in _OURS:
        return Defect(f"Slack refuses what {method} was given: {error} {detail}".rstrip())
    return SlackRefused(error, f"Slack refuses {method}: {error}")
