"""Tells people who look at no page: on their devices, or by mail. What was told, and what is on its way, is stored."""

from honk.doors.notices.backstage import Backstage
from honk.doors.notices.door import NoticesDoor

__all__ = ["Backstage", "NoticesDoor"]
