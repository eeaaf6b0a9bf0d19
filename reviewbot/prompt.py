"""From files and checklists to requests that fit the model's window.

One request has three parts: the system text, the same for all; the change, the same for all
checklists of a batch, so that the provider's prompt cache serves all but the first; the checklist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from reviewbot import checklists
from reviewbot.batches import Piece, Shown, batches, heading, rows_of, size_of
from reviewbot.change import Intent
from reviewbot.checklists import Checklist
from reviewbot.config import PathInstruction
from reviewbot.diff import FileDiff
from reviewbot.errors import GatewayError
from reviewbot.hints import Hint
from reviewbot.models import BYTES_PER_TOKEN, tokens
from reviewbot.scope import Scope, everything
from reviewbot.selection import Filter, Skipped, globs
from reviewbot.text import fenced, plural, visible

LARGEST_BATCH = 80_000  # tokens; a model loses sight of details in more
SMALLEST_BATCH = 1_000  # tokens; below this no review is possible
GUIDE_TOKENS = 4_000  # of the team's own documents
INTENT_TOKENS = 1_500  # of what the authors say of their change
CLAIMS_TOKENS = 4_000  # of findings that are to be verified
VERIFICATION = "verification"  # stands for a checklist where findings are verified
OVERVIEW_LINES = 200
MOST_HINTS = 30  # of a batch; more would bury the change, and what a model finds by itself
ELSEWHERE_SHARE = 4  # of the context's tokens, one in so many is kept for code elsewhere


@dataclass(frozen=True, slots=True)
class Room:
    """How much fits into one call, in tokens: the whole of it, its answer, the context's share.

    `batch` is what of the change is at most shown at once, with its context; `look_ups` is kept for
    what the model may look up.
    """

    call: int
    answer: int
    context: int
    batch: int = LARGEST_BATCH
    look_ups: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """One call to the model: one checklist over one batch of files, or several in one call.

    Of several, `checklist` has all the names, and `several` has each with its paths; the ids of
    their items have the form `checklist/item` then. `hints` are those that are shown. One that
    `verifies` waits for the others of its batch: what it asks depends on their answers, and its
    task is only known then. Look-ups may add `look_up_tokens` to it; with 0 there are none.
    """

    checklist: str
    model: str
    batch: int
    paths: tuple[str, ...]
    system: str
    change: str
    task: str
    answer_tokens: int
    several: tuple[tuple[str, tuple[str, ...]], ...] = ()
    verifies: bool = False
    hints: tuple[Hint, ...] = ()
    look_up_tokens: int = 0

    @property
    def prefix_tokens(self) -> int:
        """Estimate of what all requests of the batch share."""
        return tokens(self.system) + tokens(self.change)

    @property
    def input_tokens(self) -> int:
        """Estimate of the whole prompt."""
        task = CLAIMS_TOKENS if self.verifies and not self.task else tokens(self.task)
        return self.prefix_tokens + task

    def messages(self, *, breakpoint_after_change: bool) -> list[dict[str, Any]]:
        """The request as chat messages, with or without a cache breakpoint after the change."""
        change: dict[str, Any] = {"type": "text", "text": self.change}
        if breakpoint_after_change:
            change["cache_control"] = {"type": "ephemeral"}
        return [
            {"role": "system", "content": self.system},
            {"role": "user", "content": [change, {"type": "text", "text": self.task}]},
        ]


@dataclass(frozen=True, slots=True)
class Background:
    """What is said around the change.

    `guides` are the team's documents by path, `advice` its path instructions, `skipped` the files
    of the change that are not shown; `scope` tells which hunks were reviewed before; `intent` is
    what the authors say, `hints` what tools say of added lines.
    """

    guides: Mapping[str, str]
    advice: Sequence[PathInstruction]
    skipped: Sequence[Skipped]
    scope: Scope = field(default_factory=everything)
    intent: Intent = field(default_factory=Intent)
    hints: Sequence[Hint] = ()


def requests(
    files: Sequence[FileDiff],
    chosen: Sequence[tuple[Checklist, str]],
    background: Background,
    room: Room,
    head: Callable[[FileDiff], Sequence[str]],
    *,
    elsewhere: Callable[[Shown, int], str] | None = None,
    look_ups: str = "",
    together: bool = False,
    verify_model: str = "",
) -> Iterator[Request]:
    """All requests for a change, batch by batch; nothing is kept of a batch that was given out.

    Args:
        files: the files to review.
        chosen: each checklist with the name of its model.
        background: what else belongs into the prompt.
        room: what fits into one call.
        head: gives the lines of a file's new version, empty where they cannot be had.
        elsewhere: gives the code of other places to show with a batch, in at most so many tokens.
        look_ups: what the model is told of look-ups; empty where it cannot make any.
        together: whether all checklists of a model are asked in one call.
        verify_model: what verifies the findings of each batch; empty for nobody.

    Raises:
        GatewayError: not even a small change fits into one call.
    """
    frame = _Frame(files, background, look_ups, verified=bool(verify_model))
    space = _space(
        room, frame.tokens + _task_tokens(chosen, together=together, verifies=bool(verify_model))
    )
    around = min(room.context, space // 2)
    kept = around // ELSEWHERE_SHARE if elsewhere else 0
    filled = batches(files, background.scope, space - kept, around - kept, head)
    for number, (batch, used) in enumerate(filled):
        left = min(around - used, space - size_of(batch))
        shown = elsewhere(rows_of(batch), left) if elsewhere and kept else ""
        hints = _worst(background.hints, batch)
        verifying = Request(
            checklist=VERIFICATION,
            model=verify_model,
            batch=number,
            paths=(),
            system=frame.system,
            change=frame.change(batch, hints, shown),
            task="",
            answer_tokens=room.answer,
            verifies=True,
            look_up_tokens=room.look_ups,
        )
        paths = tuple(dict.fromkeys(piece.path for piece in batch))
        for asked, model in _calls(chosen, paths, together=together):
            yield replace(
                verifying,
                checklist="+".join(checklist.name for checklist, _ in asked),
                model=model,
                paths=tuple(path for path in paths if any(path in mine for _, mine in asked)),
                task=_task(asked, paths),
                several=tuple((each.name, mine) for each, mine in asked) if together else (),
                verifies=False,
                hints=hints,
            )
        if verify_model:
            yield verifying


class _Frame:
    """What stands around the parts of a change: the same in the requests of all batches.

    Args:
        files: those to review.
        background: what else belongs into the prompt.
        look_ups: what the model is told of look-ups.
        verified: whether somebody sifts what it finds.
    """

    def __init__(
        self,
        files: Sequence[FileDiff],
        background: Background,
        look_ups: str,
        *,
        verified: bool,
    ) -> None:
        self.system = "\n\n".join(
            filter(None, (checklists.frame("system", verified=verified), look_ups))
        )
        self._background = background
        self._around = partial(
            checklists.frame,
            "change",
            overview=_overview(files, background.skipped),
            guides=_guides(background.guides),
            intent=_intent(background.intent),
        )

    @property
    def tokens(self) -> int:
        """The most that it takes, without the parts of the change and the code elsewhere."""
        hints = sorted(self._background.hints, key=lambda hint: -len(hint.row))
        longest = self._around(
            advice=_listed(self._background.advice),
            change=fenced("change", ""),
            hints=_hints(hints[:MOST_HINTS]),
            elsewhere=fenced("elsewhere", ""),
            reviewed=self._background.scope.since is not None,
        )
        return tokens(self.system) + tokens(longest)

    def change(self, batch: Sequence[Piece], hints: Iterable[Hint], elsewhere: str) -> str:
        """What all requests of a batch share below the system text."""
        return self._around(
            advice=_advice(self._background.advice, batch),
            change=fenced("change", "\n\n".join(piece.text for piece in batch)),
            hints=_hints(hints),
            elsewhere=fenced("elsewhere", elsewhere) if elsewhere else "",
            reviewed=any(piece.reviewed for piece in batch),
        )


def _task_tokens(chosen: Sequence[tuple[Checklist, str]], *, together: bool, verifies: bool) -> int:
    """The most that what stands below the change takes in one request."""
    tasks = [tokens(checklists.task(checklist, ("",))) for checklist, _ in chosen]
    return sum(tasks) if together else max((*tasks, CLAIMS_TOKENS * verifies), default=0)


_Asked = Sequence[tuple[Checklist, tuple[str, ...]]]  # each with the paths that it is meant for


def _calls(
    chosen: Sequence[tuple[Checklist, str]], paths: tuple[str, ...], *, together: bool
) -> Iterator[tuple[_Asked, str]]:
    """What is asked in one call, and of which model: one checklist, or all for that model."""
    meant = [(checklist, meant_for(checklist, paths), model) for checklist, model in chosen]
    meant = [each for each in meant if each[1]]
    if not together:
        for checklist, mine, model in meant:
            yield [(checklist, mine)], model
        return
    for name in dict.fromkeys(model for _, _, model in meant):
        yield [(checklist, mine) for checklist, mine, model in meant if model == name], name


def _task(asked: _Asked, paths: tuple[str, ...]) -> str:
    tasks = [
        checklists.task(
            checklist if len(asked) == 1 else checklists.qualified(checklist),
            () if mine == paths else mine,
        )
        for checklist, mine in asked
    ]
    return tasks[0] if len(tasks) == 1 else "\n\n".join((checklists.frame("together"), *tasks))


def _space(room: Room, fixed: int) -> int:
    """Tokens for the files of one batch, where `fixed` go to all that surrounds them."""
    space = min(room.batch, room.call - room.answer - room.look_ups - fixed)
    if space < SMALLEST_BATCH:
        raise GatewayError(
            f"a call may have {room.call:,} tokens, and {fixed + room.answer:,} go to instructions "
            "and answer: no change fits into what is left",
            "The gateway's operator can raise the key's tokens-per-minute limit; you can choose a "
            "model with a larger window.",
        )
    return space


def meant_for(checklist: Checklist, paths: Sequence[str]) -> tuple[str, ...]:
    """Those of the paths that a checklist looks at."""
    wanted = Filter(checklist.paths)
    return tuple(path for path in paths if wanted.passes(path))


def _overview(files: Sequence[FileDiff], skipped: Sequence[Skipped]) -> str:
    """All changed files, with those that are not shown: what was deleted or renamed matters."""
    entries = [(file, "") for file in files]
    entries += [(entry.file, f"; not shown: {entry.reason}") for entry in skipped]
    if len(entries) == 1:
        return ""
    lines = [f"- {heading(file)}{note}" for file, note in entries[:OVERVIEW_LINES]]
    if len(entries) > OVERVIEW_LINES:
        lines.append(f"- and {plural(len(entries) - OVERVIEW_LINES, 'more file')}")
    return fenced("files", "\n".join(lines))


def _guides(guides: Mapping[str, str]) -> str:
    shown = [
        f"## {path}\n" + "\n".join(map(visible, text.splitlines()))
        for path, text in _shares(guides).items()
    ]
    return fenced("guides", "\n\n".join(shown)) if shown else ""


def _intent(intent: Intent) -> str:
    """What the authors say, as far as there is room for it."""
    parts = (
        ("Title", intent.title),
        ("Description", intent.description),
        *(("Commit", message) for message in intent.messages),
    )
    said = [f"{name}: {text.strip()}" for name, text in parts if text.strip()]
    text = "\n\n".join("\n".join(map(visible, each.splitlines())) for each in said)
    return fenced("intent", _cut(text, INTENT_TOKENS * BYTES_PER_TOKEN)) if said else ""


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else f"{text[:size]}\n[cut here]"


def cut_guides(guides: Mapping[str, str]) -> tuple[str, ...]:
    """The guides of which not all is shown."""
    shares = _shares(guides)
    return tuple(path for path, text in guides.items() if shares[path] != text)


def _shares(guides: Mapping[str, str]) -> dict[str, str]:
    """As much of each guide as there is room for: what short ones leave goes to the long ones."""
    left = GUIDE_TOKENS * BYTES_PER_TOKEN
    shares: dict[str, str] = {}
    for rank, path in enumerate(sorted(guides, key=lambda path: len(guides[path]))):
        text, share = guides[path], left // (len(guides) - rank)
        shares[path] = _cut(text, share)
        left -= min(len(text), share)
    return {path: shares[path] for path in guides}


def _advice(advice: Sequence[PathInstruction], batch: Sequence[Piece]) -> str:
    paths = [piece.path for piece in batch]
    return _listed(each for each in advice if any(map(globs([each.path]).match_file, paths)))


def _listed(advice: Iterable[PathInstruction]) -> str:
    return "\n".join(f"- `{each.path}`: {each.instructions}" for each in advice)


def _worst(hints: Sequence[Hint], batch: Iterable[Piece]) -> tuple[Hint, ...]:
    """The worst of the hints about lines of a batch, as many as are shown, in their order."""
    added = {place for piece in batch for place in piece.added} if hints else ()
    mine = [hint for hint in hints if (hint.path, hint.line) in added]
    worst = frozenset(sorted(mine, key=lambda hint: hint.rank)[:MOST_HINTS])
    return tuple(hint for hint in mine if hint in worst)


def _hints(hints: Iterable[Hint]) -> str:
    rows = "\n".join(hint.row for hint in hints)
    return fenced("hints", rows) if rows else ""
