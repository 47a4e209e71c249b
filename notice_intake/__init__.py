"""A door for referrals of illegal content: receive them, queue them, decide, carry out, and tell the agency.

``NoticeIntake(platform=…, moderators=…).init_app(app, url_prefix="/notices")`` mounts it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

#: Where a name comes from when it is first asked for: ``notice_intake.client`` works without Flask and SQLAlchemy.
_HOMES = {
    "Action": "core.actions",
    "Confirmation": "core.actions",
    "Content": "core.targets",
    "Evidence": "core.actions",
    "Moderator": "hooks",
    "Moderators": "hooks",
    "NoticeIntake": "extension",
    "NoticeIntakeError": "errors",
    "Part": "core.targets",
    "Platform": "hooks",
    "PlatformRefused": "errors",
    "Settings": "settings",
    "Statement": "core.actions",
    "Storage": "store.storage",
    "Target": "core.targets",
}


# Type checkers read the imports above: a module with __getattr__ would have every name in their eyes.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
