"""What everybody sees: the feed, posts, pictures and videos, profiles and channels."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, abort, g, redirect, render_template, request, url_for
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload
from werkzeug.wrappers import Response as AnyResponse

from . import pictures
from .accounts import database, signed_in
from .models import LIVE, Account, Channel, Media, Moderated, Post

pages = Blueprint("pages", __name__)
PAGE = 24


@pages.before_app_request
def take_country() -> None:
    """``?country=XX`` stands in for finding out where a visitor is."""
    g.country = request.args.get("country", "").upper()[:2]


@pages.after_app_request
def keep_from_search(response: Response) -> Response:
    """What is in no list is kept out of search engines too."""
    if g.get("unlisted"):
        response.headers["X-Robots-Tag"] = "noindex"
    return response


def show(row: Moderated | None) -> Moderated:
    """Return what may be shown here: 404 where there is nothing, 410 where it was taken down, 451 in some countries."""
    if row is None:
        abort(404)
    for part in (row, row if isinstance(row, Account) else row.author):
        if part.state != LIVE:
            abort(410, part.state)
        g.unlisted = g.get("unlisted", False) or part.unlisted
        if part.withheld_in and ("*" in part.withheld_in or g.country in part.withheld_in.split(",")):
            abort(451)
    return row


def listed(table: type[Post] | type[Media] | type[Channel]) -> Select:
    """Return the rows that a feed or a list may show in this country."""
    query = select(table).join(table.author).options(joinedload(table.author))
    for part in (table, Account):
        query = query.where(part.state == LIVE, part.withheld_in.not_like("%*%"))
        if g.country:
            query = query.where(part.withheld_in.not_like(f"%{g.country}%"))
    return query.where(~table.unlisted).order_by(table.published_at.desc(), table.id)


def stream(db: Session, **where: str) -> dict[str, object]:
    """Return a page of posts and media together, newest first, and where the next page starts."""
    before = _moment(request.args.get("before"))
    rows: list[Post | Media] = []
    for table in (Post, Media):
        query = listed(table).filter_by(**where)
        if before is not None:
            query = query.where(table.published_at < before)
        rows += db.scalars(query.limit(PAGE)).all()
    rows.sort(key=lambda row: row.published_at, reverse=True)
    return {"rows": rows[:PAGE], "older": rows[PAGE - 1].published_at.isoformat() if len(rows) >= PAGE else None}


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        abort(404)


@pages.get("/")
def feed() -> str:
    with database().session() as db:
        channels = db.scalars(listed(Channel).order_by(None).order_by(Channel.followers.desc()).limit(8)).all()
        return render_template("feed.html", channels=channels, **stream(db))


@pages.get("/post/<id>")
@pages.get("/@<handle>/post/<id>")
def post(id: str, handle: str | None = None) -> str:
    with database().session() as db:
        row = show(db.get(Post, id, options=[joinedload(Post.author)]))
        return render_template("post.html", row=row)


@pages.get("/watch")
def watch() -> str:
    return _media(request.args.get("v", ""), "video")


@pages.get("/image/<id>")
def image(id: str) -> str:
    return _media(id, "image")


@pages.get("/w/<id>")
def short(id: str) -> AnyResponse:
    with database().session() as db:
        row = show(db.get(Media, id, options=[joinedload(Media.author)]))
    return redirect(address(row), 301)


def _media(id: str, kind: str) -> str:
    with database().session() as db:
        row = show(db.get(Media, id, options=[joinedload(Media.author)]))
        if row.kind != kind:
            abort(404)
        more = db.scalars(listed(Media).where(Media.id != row.id).limit(6)).all()
        return render_template("media.html", row=row, more=more)


@pages.get("/@<handle>")
def profile(handle: str) -> str:
    with database().session() as db:
        row = show(db.scalar(select(Account).filter_by(handle=handle)))
        return render_template("profile.html", row=row, owner=row, **stream(db, author_id=row.id))


@pages.get("/c/<slug>")
def channel(slug: str) -> str:
    with database().session() as db:
        row = show(db.scalar(select(Channel).filter_by(slug=slug).options(joinedload(Channel.author))))
        return render_template("profile.html", row=row, owner=row.author, **stream(db, channel_id=row.id))


@pages.get("/media/<id>.svg")
def file(id: str) -> Response:
    """The picture itself; ``?moving=1`` for the video."""
    with database().session() as db:
        row = show(db.get(Media, id, options=[joinedload(Media.author)]))
    return _svg(pictures.picture(row.seed, moving=row.kind == "video" and "moving" in request.args))


@pages.get("/staff/media/<id>.svg")
def staff_file(id: str) -> Response:
    """The same for the people at the desk, who also see what was taken down. ``?still=`` picks a moment of a video."""
    account = signed_in()
    if account is None or account.role == "member":
        abort(404)
    with database().session() as db:
        row = db.get(Media, id)
    if row is None:
        abort(404)
    return _svg(pictures.picture(row.seed, still=request.args.get("still", type=int)))


def _svg(body: bytes) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response(body, mimetype="image/svg+xml", headers=headers)


def address(row: Moderated) -> str:
    """Return where a row is shown."""
    match row:
        case Account():
            return url_for("pages.profile", handle=row.handle)
        case Channel():
            return url_for("pages.channel", slug=row.slug)
        case Post():
            return url_for("pages.post", id=row.id)
        case Media(kind="video"):
            return url_for("pages.watch", v=row.id)
    return url_for("pages.image", id=row.id)
