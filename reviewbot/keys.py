"""Keys: made, shown, replaced and taken back at a LiteLLM proxy, one for each user.

Only keys of its own making are touched: those with the alias `reviewbot-USER`. A key is shown when
it is made, and never again: the proxy itself keeps no more than its hash.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from reviewbot import endpoint
from reviewbot.accounts import Key, Made, User
from reviewbot.errors import GatewayError, InterruptedReview, OutputError, UsageError
from reviewbot.handout import Give
from reviewbot.management import Management
from reviewbot.roster import Order
from reviewbot.terms import Terms
from reviewbot.text import listed, plural, visible

MASTER_KEY = "LITELLM_MASTER_KEY"
OWN_KEY = "LITELLM_API_KEY"

# Names that the proxy knows for "all models of …".
_ANY_MODELS = ("all-proxy-models", "all-team-models")

Say = Callable[[str], None]


@contextmanager
def opened(environment: Mapping[str, str], say: Say) -> Iterator[Keys]:
    """The keys of the proxy that the environment names, by its master key.

    Raises:
        UsageError: no proxy is named.
        GatewayError: there is no master key.
        InterruptedReview: somebody pressed ^C.
    """
    try:
        with Management(endpoint.proxy(environment, master=True), MASTER_KEY) as proxy:
            yield Keys(proxy, say)
    except KeyboardInterrupt:
        raise InterruptedReview(
            "interrupted",
            "What is shown is made: run it again to go on. A key that was made but not shown is "
            "replaced by `reviewbot keys rotate`.",
        ) from None


def own(environment: Mapping[str, str]) -> Card:
    """What the key in LITELLM_API_KEY tells about itself.

    Raises:
        UsageError: no proxy is named.
        GatewayError: there is no key, or it is not accepted.
    """
    with Management(endpoint.proxy(environment, master=False), OWN_KEY) as proxy:
        key = proxy.own_key()
        try:
            return Card(key, proxy.user(None) if key.user_id else None)
        except GatewayError:  # some keys may not ask about their user
            return Card(key, None)


@dataclass(frozen=True, slots=True)
class Keys:
    """What can be done with the keys at one proxy; `say` is told what has been done."""

    proxy: Management
    say: Say

    # --- create -------------------------------------------------------------------------------

    def check_models(self, orders: Iterable[Order]) -> None:
        """See that all models are there: the proxy takes any name, and refuses each call later.

        Raises:
            UsageError: one is not.
            GatewayError: the proxy refuses the master key.
        """
        named = {name for order in orders for name in order.terms.models or ()}
        known = self.proxy.models() if named - set(_ANY_MODELS) else []
        for name in sorted(named - set(_ANY_MODELS)):
            if not any(name == each or fnmatchcase(name, each) for each in known):
                near = get_close_matches(name, known, n=3) or sorted(known)
                raise UsageError(
                    f"{self.proxy.host} has no model '{visible(name)}'", f"It has: {listed(near)}."
                )

    def create(self, orders: Sequence[Order], give: Give) -> None:
        """Make a user and a key for each order; who has a key gets no other.

        Raises:
            GatewayError: the proxy refuses one. Those before it are made and given.
            OutputError: one could not be given, and is deleted. Those before it are given.
        """
        made = 0
        for number, order in enumerate(orders, 1):
            place = f"{number} of {len(orders)}: " if len(orders) > 1 else ""
            try:
                made += self._create(order, give, place)
            except (GatewayError, OutputError):
                if place:
                    self.say(f"{place}{order.user} failed; run it again to go on from there")
                raise
        there = len(orders) - made
        if len(orders) > 1:
            self.say(f"{plural(made, 'key')} made, {there} there already")
        if there:
            self.say(
                "a key is shown only when it is made: `reviewbot keys rotate --user ID` gives "
                "a new one"
            )

    def _create(self, order: Order, give: Give, place: str) -> bool:
        """Whether a key was made."""
        user, changed = self._user(order)
        key = self._standing(order.user)
        if key:
            changed |= self._bring_up_to_date(key, order.terms)
            state = "" if key.state == "active" else f", {key.state}"
            self.say(f"{place}{order.user} has a key already, {key.name}{state}{_now(changed)}")
            return False
        terms = order.terms.over(_of(user)).over(order.fallback)
        made = self.proxy.make_key(
            {"user_id": order.user, "key_alias": _alias(order.user), **_settings(terms)}
        )
        self._give(order.user, made, give)
        self.say(f"{place}{order.user} has a key, {_alias(order.user)}{_now(changed)}")
        if terms.budget is None:
            self.say("no budget is set: nothing but the proxy's own limits holds for it")
        return True

    def _user(self, order: Order) -> tuple[User, dict[str, Any]]:
        """The user, made if need be, and what of an earlier one was changed.

        The budget is the user's: it holds for all keys together, and a new key does not make it
        whole again. The key gets the same one, as all that a review can ask the proxy about is its
        own key: it reads there what is left.
        """
        new = order.terms.over(order.fallback)
        if self.proxy.add_user(order.user, _budget(new)):
            return User(max_budget=new.budget, budget_duration=new.period), {}
        user = self.proxy.user(order.user) or User()
        wanted = _differing(_budget(order.terms), user.model_dump())
        if wanted:
            self.proxy.change_user(order.user, wanted)
        return user.model_copy(update=wanted), wanted

    def _bring_up_to_date(self, key: Key, terms: Terms) -> dict[str, Any]:
        """Change what was asked for outright; when a key ends, only a new one changes."""
        settings = {name: value for name, value in _settings(terms).items() if name != "duration"}
        wanted = _differing(settings, key.model_dump(mode="json"))
        if wanted:
            self.proxy.change_key(key.token, wanted)
        return wanted

    # --- rotate -------------------------------------------------------------------------------

    def rotate(self, user: str, give: Give) -> None:
        """Replace a user's key by one with the same settings, the same spend and a new lifetime.

        The old key lives until the new one is given. Killed at any point and run again, the key
        that was given last is the only one that works.

        Raises:
            GatewayError: there is no key, it is blocked, or the proxy refuses.
            OutputError: the new key could not be given, and is deleted; the old one stays.
        """
        old = self._standing(user)
        if old is None:
            raise self._nothing(user)
        if old.state == "blocked":
            raise GatewayError(
                f"{old.name} is blocked, and a new one would undo that",
                "Unblock it at the proxy first, or take it back with `reviewbot keys revoke`.",
            )
        self._make_room(user, old)
        new = self.proxy.make_key({**old.settings(), "key_alias": _heir(user)})
        self._give(user, new, give)
        self._succeed(user, old, new)
        self.say(
            f"{old.name} is replaced. The old key is refused from now on; where the proxy runs as "
            "several processes, after a minute at the latest"
        )

    def _make_room(self, user: str, old: Key) -> None:
        """Have nothing under the heir's alias, whatever an earlier rotation has left there."""
        heir = self._key(user, _heir(user))
        if heir and heir.token == old.token:
            self.proxy.change_key(old.token, {"key_alias": _alias(user)})
        elif heir:  # it may never have been given
            self.proxy.delete_key(heir.token)

    def _succeed(self, user: str, old: Key, new: Made) -> None:
        try:
            self.proxy.delete_key(old.token)
            self.proxy.change_key(new.token, {"key_alias": _alias(user)})
        except GatewayError as error:
            raise GatewayError(
                f"the new key works, but the old one may, too: {error.message}",
                "Run `reviewbot keys rotate` again: the key it gives is then the only one.",
            ) from error

    # --- revoke -------------------------------------------------------------------------------

    def revoke(self, user: str, confirmed: Callable[[str], bool]) -> None:
        """Delete a user's key. The user, all spend and the log of calls stay at the proxy.

        Raises:
            GatewayError: the proxy refuses.
        """
        found = [self._key(user, alias) for alias in (_alias(user), _heir(user))]
        keys = [key for key in found if key]
        if not keys:
            self.say(f"{user} has no key {_alias(user)} at {self.proxy.host}: nothing to revoke")
            return
        if not confirmed(f"Revoke {keys[0].name}, on which ${keys[0].spend:,.2f} is spent?"):
            self.say(f"{keys[0].name} stays")
            return
        for key in keys:
            self.proxy.delete_key(key.token)
        self.say(
            f"{keys[0].name} is revoked: it is refused from now on; where the proxy runs as "
            "several processes, after a minute at the latest. The user and the spend stay on record"
        )

    # --- info ---------------------------------------------------------------------------------

    def info(self, user: str) -> Card:
        """What the proxy tells about a user's key.

        Raises:
            GatewayError: there is none.
        """
        key = self._standing(user)
        if key is None:
            raise self._nothing(user)
        return Card(key, self.proxy.user(user))

    # --- all of them --------------------------------------------------------------------------

    def _standing(self, user: str) -> Key | None:
        """The key of a user; a rotation that was killed may have left but the new one."""
        return self._key(user, _alias(user)) or self._key(user, _heir(user))

    def _key(self, user: str, alias: str) -> Key | None:
        key = self.proxy.key(alias)
        if key and key.user_id != user:
            owner = visible(key.user_id or "nobody")
            raise GatewayError(
                f"there is a key {key.name} at {self.proxy.host}, but it belongs to {owner}",
                "Delete or rename it at the proxy first.",
            )
        return key

    def _give(self, user: str, made: Made, give: Give) -> None:
        """Hand a new key over; one that nobody can have seen is deleted."""
        try:
            give(user, made.key)
        except OutputError:
            self.proxy.delete_key(made.token)
            raise

    def _nothing(self, user: str) -> GatewayError:
        who = user if self.proxy.user(user) else f"there is no user {user}, or the user"
        return GatewayError(
            f"{who} has no key {_alias(user)} at {self.proxy.host}",
            f"Make one with `reviewbot keys create --user {user}`.",
        )


def _alias(user: str) -> str:
    return f"reviewbot-{user}"


def _heir(user: str) -> str:
    """Of the new key while a rotation lasts; no user's own alias begins like this."""
    return f"next-reviewbot-{user}"


# --- settings, as LiteLLM names them ------------------------------------------------------------


def _budget(terms: Terms) -> dict[str, Any]:
    return _said(max_budget=terms.budget, budget_duration=terms.period)


def _settings(terms: Terms) -> dict[str, Any]:
    return _budget(terms) | _said(
        rpm_limit=terms.rpm,
        tpm_limit=terms.tpm,
        models=None if terms.models is None else list(terms.models),
        duration=terms.expires,
    )


def _said(**settings: object) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _of(user: User) -> Terms:
    return Terms(budget=user.max_budget, period=user.budget_duration)


def _differing(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if value != found.get(name)}


# --- what is said -------------------------------------------------------------------------------

_WORDS = {
    "max_budget": "budget ${:,.2f}",
    "budget_duration": "period {}",
    "rpm_limit": "rpm {}",
    "tpm_limit": "tpm {}",
    "models": "models {}",
}


def _now(changed: Mapping[str, Any]) -> str:
    words = [
        _WORDS[name].format(" ".join(value) if name == "models" else value)
        for name, value in changed.items()
    ]
    return f"; changed to {', '.join(words)}" if words else ""


# --- cards --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Card:
    """What there is to know about a key, and its user."""

    key: Key
    user: User | None

    def to_text(self) -> str:
        """A small table."""
        key, user = self.key, self.user
        rows = {
            "user": key.user_id or "none",
            "key": key.name,
            "state": key.state,
            "spent": _spent(key),
            "by the user": _spent(user) if user else "",
            "rpm": _limit(key.rpm_limit),
            "tpm": _limit(key.tpm_limit),
            "models": ", ".join(key.models) or "all",
            "expires": _moment(key.expires) or "never",
        }
        return "".join(f"{name:<11}  {visible(text)}\n" for name, text in rows.items() if text)

    def to_json(self) -> str:
        """The same for programs; null is no limit, no models are all."""
        key, user = self.key, self.user
        content = {
            "user": key.user_id,
            "alias": key.key_alias,
            "name": key.key_name,
            "state": key.state,
            "blocked": bool(key.blocked),
            **_money(key),
            "user_budget": _money(user) if user else None,
            "rpm": key.rpm_limit,
            "tpm": key.tpm_limit,
            "models": key.models,
            "expires": key.expires and key.expires.isoformat(),
        }
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _money(account: Key | User) -> dict[str, Any]:
    return {
        "spend_usd": account.spend,
        "budget_usd": account.max_budget,
        "budget_period": account.budget_duration,
        "budget_resets": account.budget_reset_at and account.budget_reset_at.isoformat(),
    }


def _spent(account: Key | User) -> str:
    of = "no budget" if account.max_budget is None else f"of ${account.max_budget:,.2f}"
    resets = _moment(account.budget_reset_at)
    return f"${account.spend:,.4f} {of}{f', resets {resets}' if resets else ''}"


def _limit(count: int | None) -> str:
    return "no limit" if count is None else f"{count:,} a minute"


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""
