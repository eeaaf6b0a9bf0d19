"""Everything that can go wrong, with the exit code it ends in.

ReviewbotError
├── UsageError          2  what was asked for cannot be done
│   ├── ConfigError     2  a configuration file or a prompt is wrong
│   ├── DiffError       2  a diff that does not say what it claims
│   └── GitError        2  git, or the repository, cannot give the diff
├── GatewayError        4  the gateway cannot be used, or refuses the key
│   ├── CertificateError 4  nobody who is trusted vouches for its certificate
│   ├── ModelError      4  one model cannot be used; others may
│   └── CallError       4  one call failed; others may do better
│       ├── AnswerError     the model's answer cannot be read
│       ├── BudgetError     it would go beyond the budget: it is not sent
│       ├── BusyError       the model has no room now; another may have
│       └── SchemaError     the gateway takes no answer schema: ask without one
├── ForgeError          5  the forge cannot be used, or refuses
│   ├── ReadOnlyError   5  the token may not write here
│   └── UnsureError     5  nobody knows whether something was written
├── OutputError         5  the finished report could not be delivered
└── InterruptedReview 130  somebody pressed ^C
"""

from __future__ import annotations


class ReviewbotError(Exception):
    """An error with a message for the person who ran the program.

    Args:
        message: what happened, in one line.
        hint: what to do about it, in one line; may be empty.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    @property
    def sentences(self) -> str:
        """What happened and what to do, in one line."""
        return f"{self.message.rstrip('.')}. {self.hint}".rstrip()


class UsageError(ReviewbotError):
    """What was asked for cannot be done."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration file, a checklist or an environment setting is wrong."""


class DiffError(UsageError):
    """A diff that cannot be read, or whose parts contradict each other."""


class GitError(UsageError):
    """Git, or the repository, cannot give what is needed."""


class GatewayError(ReviewbotError):
    """The gateway cannot be used, or refuses the key."""

    exit_code = 4


class CertificateError(GatewayError):
    """Nobody who is trusted vouches for the gateway's certificate."""


class ModelError(GatewayError):
    """No call to this model can succeed; calls to others may."""


class CallError(GatewayError):
    """One call to the model failed.

    Args:
        message: what happened, in one line.
        hint: what to do about it, in one line; may be empty.
        retry_after: seconds to wait before another try; None when a try is useless.
    """

    def __init__(self, message: str, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class AnswerError(CallError):
    """The model's answer cannot be read."""


class BudgetError(CallError):
    """The call could go beyond the budget, and is not sent."""


class BusyError(CallError):
    """The model, not the key, is over its limit or cooling down."""


class SchemaError(CallError):
    """The gateway, or the model behind it, does not take an answer schema."""


class ForgeError(ReviewbotError):
    """The forge cannot be used, or refuses."""

    exit_code = 5


class ReadOnlyError(ForgeError):
    """The token may not write here."""


class UnsureError(ForgeError):
    """A write got no answer: nobody knows whether it took effect."""


class OutputError(ReviewbotError):
    """The review is done, but it could not be delivered."""

    exit_code = 5


class InterruptedReview(ReviewbotError):  # noqa: N818 - not a failure
    """Somebody pressed ^C while calls were under way."""

    exit_code = 130
