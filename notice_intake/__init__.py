"""A door for referrals of illegal content: receive them, queue them, decide, carry out, and tell the agency.

``NoticeIntake(platform=…, moderators=…).init_app(app, url_prefix="/notices")`` mounts it.
"""

from .core.actions import Action, Confirmation, Evidence, Statement
from .core.targets import Content, Part, Target
from .errors import NoticeIntakeError, PlatformRefused
from .extension import NoticeIntake
from .hooks import Moderator, Moderators, Platform
from .settings import Settings
from .store.storage import Storage

__all__ = [
    "Action",
    "Confirmation",
    "Content",
    "Evidence",
    "Moderator",
    "Moderators",
    "NoticeIntake",
    "NoticeIntakeError",
    "Part",
    "Platform",
    "PlatformRefused",
    "Settings",
    "Statement",
    "Storage",
    "Target",
]
