"""Everything that a host may implement. One line each; ``testing.assert_platform_conforms`` checks yours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from .core.actions import Action, Confirmation, Evidence, Statement
from .core.targets import Content, Target


@runtime_checkable
class Platform(Protocol):
    """The host, as seen by notice_intake. Called again with the same key, a method must do nothing new.

    An exception means "try again later"; ``errors.PlatformRefused`` means "never". Calls come from web processes
    (``resolve``) and from the worker (all others), never inside a transaction of ours.
    """

    def resolve(self, targets: Sequence[Target]) -> Sequence[Content | None]:
        """Say which content each target names, in order; None where the platform knows nothing under it."""
        ...

    def capture(self, content_key: str) -> Evidence | None:
        """Keep a copy before the content is taken down (Reg. (EU) 2021/784 Art. 6); None where there is nothing."""
        ...

    def apply(self, action: Action, *, key: str) -> Confirmation:
        """Carry a decision out; return only when it is carried out."""
        ...

    def revert(self, action: Action, *, key: str) -> Confirmation:
        """Take a decision back; return only when nothing of it is in effect, also where nothing was.

        Asked for what ``apply`` confirmed, and for what it began and never answered.
        """
        ...

    def inform(self, uploader: str, statement: Statement, *, key: str) -> None:
        """Hand the statement of reasons to the uploader."""
        ...


@runtime_checkable
class DiscardsCopies(Protocol):
    """A platform that also destroys what ``capture`` kept, once its case is purged. A platform may do without it."""

    def discard(self, location: str, *, key: str) -> None:
        """Destroy the copy at ``Evidence.location``; return only when it is gone, also where it was gone before."""
        ...


@dataclass(frozen=True, slots=True)
class Moderator:
    """A person at the desk, as the host knows them."""

    id: str
    name: str
    #: ``moderator`` decides; ``lead`` may also take over a held case; ``engineer`` sees and replays effects.
    roles: frozenset[str] = frozenset({"moderator"})
    #: A locale such as ``de`` or ``ar``; None leaves the choice to the browser.
    locale: str | None = None

    def __post_init__(self) -> None:
        roles: object = self.roles
        object.__setattr__(self, "roles", frozenset([roles] if isinstance(roles, str) else self.roles))


@runtime_checkable
class Moderators(Protocol):
    """The gate to the desk: the host's own log-in."""

    def current(self) -> Moderator | None:
        """Say who is at the keyboard in this request, or None."""
        ...

    def login_url(self, next_url: str) -> str:
        """Say where a person without a log-in is sent; ``next_url`` is a local path to come back to."""
        ...
