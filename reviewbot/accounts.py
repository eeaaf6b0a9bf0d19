"""Keys and users as a LiteLLM proxy tells about them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

# What a new key takes over from the one that it replaces. The spend goes with it: a rotation is no
# way around a budget.
_CARRIED = {
    *("user_id", "team_id", "organization_id", "project_id", "metadata", "aliases", "permissions"),
    *("max_budget", "budget_duration", "budget_id", "model_max_budget", "spend"),
    *("rpm_limit", "tpm_limit", "max_parallel_requests", "models", "allowed_routes"),
}


class Key(BaseModel):
    """A key without the key itself: `token` is its hash, `key_name` its last characters."""

    model_config = ConfigDict(extra="allow", frozen=True)

    token: str
    key_name: str | None = None
    key_alias: str | None = None
    user_id: str | None = None
    spend: float = 0.0
    max_budget: float | None = None
    budget_duration: str | None = None
    budget_reset_at: datetime | None = None
    rpm_limit: int | None = None
    tpm_limit: int | None = None
    models: tuple[str, ...] = ()
    expires: datetime | None = None
    created_at: datetime | None = None
    blocked: bool | None = None

    @property
    def name(self) -> str:
        """What a person can know it by."""
        alias, ending = self.key_alias or "a key without a name", self.key_name or "sk-..."
        return f"{alias} ({ending})"

    @property
    def state(self) -> str:
        """Whether it works."""
        if self.blocked:
            return "blocked"
        if self.expires and _aware(self.expires) <= datetime.now(UTC):
            return "expired"
        return "active"

    def settings(self) -> dict[str, Any]:
        """All that makes a new key one like this; it lives as long as this one was meant to."""
        carried = self.model_dump(mode="json", include=_CARRIED)
        if self.expires and self.created_at:
            lifetime = self.expires - self.created_at
            carried["duration"] = f"{max(round(lifetime.total_seconds()), 1)}s"
        return {name: value for name, value in carried.items() if value not in (None, {}, [])}


class User(BaseModel):
    """Whom keys belong to."""

    model_config = ConfigDict(frozen=True)

    spend: float = 0.0
    max_budget: float | None = None
    budget_duration: str | None = None
    budget_reset_at: datetime | None = None


class Made(BaseModel):
    """A new key, which is told this once."""

    model_config = ConfigDict(frozen=True)

    key: str = Field(repr=False, pattern="^[!-~]+$")
    token: str


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
