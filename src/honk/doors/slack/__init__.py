"""The door in Slack: asking, watching, steering, trying, merging and undoing from a phone.

How a thing gets in and out:

    Slack ──▶ bolt ──▶ intake (kept, acknowledged, worked on once) ──▶ messages, presses, commands ──▶ service
    store ──▶ telling (what is new since the place was told) ──▶ card, announcements ──▶ api (paced) ──▶ Slack

Everything that is Slack's is in this folder. What it does goes through `honk.service`, in the name of the person
who did it there; what it shows are views of a task's events.
"""

from honk.doors.slack.backstage import Backstage, Choices, Waits
from honk.doors.slack.door import SlackDoor

__all__ = ["Backstage", "Choices", "SlackDoor", "Waits"]
