"""What a review would send, as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from reviewbot.estimate import Estimate, PricedRequest, estimate
from reviewbot.guard import cleaned
from reviewbot.pipeline import Review
from reviewbot.redaction import Redactor
from reviewbot.report import VERSION
from reviewbot.text import plural, visible


@dataclass(frozen=True, slots=True)
class DryRun:
    """The files with why each is read or not, the batches, the requests, the sums."""

    name: str
    checklists: tuple[str, ...]
    read: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    batches: tuple[tuple[int, int], ...]
    requests: tuple[dict[str, Any], ...]
    estimate: Estimate
    warning: str

    @classmethod
    def of(
        cls, review: Review, requests: Iterable[PricedRequest], warning: str, *, keep_messages: bool
    ) -> Self:
        """Go through the requests once; their text is kept only when it is to be shown."""
        batches: dict[int, tuple[int, int]] = {}
        kept: list[dict[str, Any]] = []

        def noted() -> Iterator[PricedRequest]:
            for each in requests:
                request = each.request
                files = max(len(request.paths), batches.get(request.batch, (0, 0))[0])
                batches[request.batch] = (files, request.prefix_tokens)
                if keep_messages:
                    kept.append(_entry(each, review.redactor))
                yield each

        total = estimate(noted())
        return cls(
            name=review.change.name,
            checklists=tuple(checklist.name for checklist, _ in review.chosen),
            read=tuple(visible(file.path) for file in review.selection.files),
            left_out=tuple((visible(e.file.path), e.reason) for e in review.selection.skipped),
            batches=tuple(batches.values()),
            requests=tuple(kept),
            estimate=total,
            warning=warning,
        )

    def to_text(self) -> str:
        """For a terminal."""
        lines = [f"Dry run of {visible(self.name)}: nothing is sent.", ""]
        lines += [f"  read      {path}" for path in self.read]
        lines += [f"  left out  {path}: {reason}" for path, reason in self.left_out]
        lines += ["" if self.read or self.left_out else "  no changes"]
        lines += [
            f"Batch {number}: {plural(files, 'file')}, about {tokens:,} tokens, "
            f"for {', '.join(self.checklists)}"
            for number, (files, tokens) in enumerate(self.batches, 1)
        ]
        lines += [f"In all: {self.estimate.words()}"]
        if self.warning:
            lines += [f"! {visible(self.warning)}"]
        return "\n".join(lines) + "\n"

    def to_json(self) -> str:
        """All of it, with the messages that would be sent."""
        files = [{"path": path, "status": "read", "reason": ""} for path in self.read]
        files += [
            {"path": path, "status": "skipped", "reason": reason} for path, reason in self.left_out
        ]
        content = {
            "version": VERSION,
            "dry_run": True,
            "change": self.name,
            "files": files,
            "batches": [{"files": files, "input_tokens": tokens} for files, tokens in self.batches],
            "requests": self.requests,
            "calls": self.estimate.calls,
            "input_tokens": self.estimate.input_tokens,
            "cost_usd": self.estimate.cost_usd,
            "warnings": [self.warning] if self.warning else [],
        }
        return json.dumps(content, indent=2) + "\n"


def _entry(priced: PricedRequest, redactor: Redactor) -> dict[str, Any]:
    request = priced.request
    messages = request.messages(breakpoint_after_change=priced.with_breakpoint)
    return {
        "checklist": request.checklist,
        "model": request.model,
        "paths": request.paths,
        "messages": cleaned(messages, redactor.text),
        "input_tokens": request.input_tokens,
        "cost_usd": priced.cost_usd,
    }
