"""Who is asking, and what they may do."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookies import CookieError, SimpleCookie

from shop import Forbidden


@dataclass(frozen=True)
class User:
    """A signed-in customer or member of staff."""

    id: int
    name: str
    staff: bool


def current_user(db: sqlite3.Connection, cookies: str) -> User | None:
    """The user whose session the cookies name, unless it has ended."""
    try:
        session = SimpleCookie(cookies).get("session")
    except CookieError:
        return None
    if session is None:
        return None
    row = db.execute(
        "SELECT users.id, users.name, users.staff FROM sessions"
        " JOIN users ON users.id = sessions.user_id"
        " WHERE sessions.id = ? AND sessions.expires_at > ?",
        (session.value, datetime.now(UTC).isoformat(timespec="seconds")),
    ).fetchone()
    return User(row["id"], row["name"], bool(row["staff"])) if row else None


def require_staff(user: User) -> None:
    """Refuse whoever is not a member of staff."""
    if not user.staff:
        raise Forbidden("This page is for staff.")


def same_origin(environ: dict) -> bool:
    """Whether a form was sent from one of the shop's own pages."""
    own = f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '')}"
    return environ.get("HTTP_ORIGIN") == own
