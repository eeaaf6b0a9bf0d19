"""The one comment that sums a review up, and is written over at each run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from reviewbot import markup
from reviewbot.anchors import Comment
from reviewbot.findings import Severity, Status
from reviewbot.history import Dismissal, Entry
from reviewbot.render import words
from reviewbot.render.markdown import checklist
from reviewbot.report import Report, ranked
from reviewbot.text import plural

LONGEST_LINE = 500  # characters of one title, warning or reason
LONGEST_PLACE = 80
LONGEST_TEXT = 4_000  # characters of one finding's body
LEFT = 120  # characters kept free in each section, to say what was left out

_TABLE = "| severity | where | finding | state | id |\n|---|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class View:
    """What the report does not know.

    `links` has the addresses of the findings' own comments by the ids of the findings, empty where
    a comment is being posted; `resolved` the ids of those whose discussions were marked as
    resolved. `scope` says what was reviewed, as in "what is new since 1a2b3c4d5e"; `converged`,
    that nothing new was found there. `notes` are further lines, `again` is the address to run the
    review again from.
    """

    links: Mapping[str, str] = field(default_factory=dict)
    dismissed: Sequence[Entry] = ()
    scope: str = ""
    converged: bool = False
    resolved: Sequence[str] = ()
    notes: Sequence[str] = ()
    again: str = ""


def render(report: Report, view: View, marker: str, limit: int) -> str:
    """Verdict, what went wrong, findings, what became of the earlier ones, coverage and cost.

    What does not fit is left out, the least important first, and said to be.

    Args:
        report: the review, with the findings in their states.
        view: what the report does not know.
        marker: what the bot keeps in the comment, at its very beginning; never cut.
        limit: characters that the text may have.
    """
    page = _Page(limit - len(marker) - 1)
    page.put("heading", _heading(report))
    page.put("foot", _foot(report, view))
    page.put("trouble", _trouble(report, view, page.room // 4))
    page.put("notes", _notes(report, view, page.room // 4))
    page.put("fixed", _fixed(report, view, page.room // 8))
    page.put("dismissed", _dismissed(view, page.room // 8))
    page.put("findings", _findings(report, view, page.room))
    page.put("texts", _texts(report, view, page.room))
    page.put("checklists", _checklists(report, page.room))
    return f"{marker}\n{page}" if marker else str(page)


_AS_READ = (
    "heading",
    "trouble",
    "findings",
    "texts",
    "fixed",
    "dismissed",
    "checklists",
    "notes",
    "foot",
)


class _Page:
    """Sections, written from the most important one on, while there is room for them."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._sections: dict[str, str] = {}

    def put(self, name: str, text: str) -> None:
        """Keep a section if it fits."""
        if text and len(text) + 2 <= self.room:
            self._sections[name] = text
            self.room -= len(text) + 2

    def __str__(self) -> str:
        """The sections in the order in which they are read."""
        return (
            "\n\n".join(self._sections[each] for each in _AS_READ if each in self._sections) + "\n"
        )


def _heading(report: Report) -> str:
    return f"## reviewbot: {words.verdict(report).removesuffix('.')}"


def _trouble(report: Report, view: View, room: int) -> str:
    """What happened where the review is not whole, and what to do."""
    if not _is_troubled(report):
        return ""
    said = [*report.warnings, *words.exceptions(report)]
    lines = [f"> - {_short(line)}" for line in said]
    again = _link("Run it again", view.again) if view.again else "Run it again"
    return _listed(lines, room, "reason", lead="> ") + f"\n>\n> {again} when that is mended."


def _findings(report: Report, view: View, room: int) -> str:
    standing = ranked(report.standing)
    if not standing:
        return ""
    rows, missing = _some((_row(each, view) for each in standing), len(standing), room)
    more = f"\n\n{plural(missing, 'more finding')} in the JSON report." if missing else ""
    return "\n".join((_TABLE, *rows)) + more


def _row(comment: Comment, view: View) -> str:
    severity = f"**{comment.severity}**" if _is_loud(comment) else str(comment.severity)
    where = markup.code(_end(words.place(comment)))
    if url := view.links.get(comment.id):
        where = _link(where, url)
    state = "still open" if comment.state == "open" else comment.state
    return markup.row((severity, where, _short(comment.title), state, markup.code(comment.id)))


def _texts(report: Report, view: View, room: int) -> str:
    """What the findings say that no comment says."""
    silent = [each for each in ranked(report.standing) if each.id not in view.links]
    if not silent:
        return ""
    texts, missing = _some(map(_text, silent), len(silent), room - LEFT)
    more = [f"{plural(missing, 'more text')} in the JSON report."] if missing else []
    title = f"Full text of {plural(len(silent), 'finding')} without a comment at the lines"
    return _collapsed(title, "\n\n".join((*texts, *more)))


def _text(comment: Comment) -> str:
    title = f"**{comment.severity.capitalize()}: {_short(comment.title)}**"
    about = map(markup.line, comment.sources)
    where = (markup.code(words.place(comment)), *about, markup.code(comment.id))
    parts = [f"{title}<br>{' · '.join(where)}"]
    if comment.anchor_note:
        parts.append(f"_{_short(comment.anchor_note)}_")
    parts.append(markup.block(comment.body, LONGEST_TEXT))
    suggestion = comment.suggestion.removesuffix("\n")
    if comment.suggestion and len(suggestion) <= LONGEST_TEXT:
        parts.append(f"Suggestion:\n\n{markup.fenced('', suggestion)}")
    return "\n\n".join(filter(None, parts))


def _fixed(report: Report, view: View, room: int) -> str:
    resolved = frozenset(view.resolved)
    lines = [
        f"- {_named(each)}{', discussion resolved' if each.id in resolved else ''}"
        for each in report.findings
        if each.state == "fixed"
    ]
    return _titled("Fixed", _listed(lines, room - LEFT, "fixed finding"))


def _dismissed(view: View, room: int) -> str:
    lines = [f"- {_named(entry)}: {_how(entry.dismissal)}" for entry in view.dismissed]
    return _titled("Dismissed", _listed(lines, room - LEFT, "dismissed finding"))


def _named(finding: Comment | Entry) -> str:
    return (
        f"{_short(finding.title)} · {markup.code(_end(finding.path))} · {markup.code(finding.id)}"
    )


_DISMISSED = {
    "command": "dismissed",
    "resolved": "resolved",
    "thumbs-down": "thumbs-down",
    "deleted": "comment deleted",
}


def _how(dismissal: Dismissal | None) -> str:
    if dismissal is None:
        return "dismissed"
    by = f" by {_short(dismissal.by)}" if dismissal.by else ""
    at = f" on {_short(dismissal.at[:10])}" if dismissal.at else ""
    reason = f": {_short(dismissal.reason)}" if dismissal.reason else ""
    return f"{_DISMISSED[dismissal.how]}{by}{at}{reason}"


def _notes(report: Report, view: View, room: int) -> str:
    """Exceptions and warnings; where they are what went wrong, they stand above."""
    said = [] if _is_troubled(report) else [*report.warnings, *words.exceptions(report)]
    said = [*view.notes, *said, words.dropped(report)]
    lines = [f"- {_short(line)}" for line in said if line]
    return _titled("Notes", _listed(lines, room - LEFT, "note"))


def _checklists(report: Report, room: int) -> str:
    if not report.usage.calls or not report.checklists:
        return ""
    counts = Counter(item.status for each in report.checklists for item in each.items)
    said = ", ".join(f"{counts[each]} {how}" for each, how in _ANSWERS.items() if counts[each])
    answered = report.checklists
    parts, missing = _some(map(checklist, answered), len(answered), room - LEFT)
    more = [f"{plural(missing, 'more checklist')} in the JSON report."] if missing else []
    return _collapsed(f"Checklists: {said}", "\n\n".join((*parts, *more)))


_ANSWERS = {
    Status.PASS: "pass",
    Status.FAIL: "fail",
    Status.UNANSWERED: "unanswered",
    Status.NOT_APPLICABLE: "not applicable",
}


def _foot(report: Report, view: View) -> str:
    return "<br>\n".join(f"<sub>{line}</sub>" for line in _footing(report, view))


def _footing(report: Report, view: View) -> Iterator[str]:
    if scope := _short(view.scope):
        converged = " Converged: there is nothing new to say." if view.converged else ""
        yield f"Reviewed: {scope}.{converged}"
    read = [words.files(report)] if report.coverage else []
    yield " · ".join(map(_short, (*read, words.usage(report))))
    if report.standing:
        command = markup.code("/reviewbot dismiss ID REASON")
        linked = view.again and not _is_troubled(report)  # what went wrong has the link above
        again = f" ({_link('run again', view.again)})" if linked else ""
        yield f"Not a problem? Answer {command}, which the next run reads{again}."


def _is_troubled(report: Report) -> bool:
    return report.status in ("failed", "incomplete")


def _is_loud(comment: Comment) -> bool:
    return comment.severity.at_least(Severity.HIGH)


def _some(parts: Iterable[str], count: int, room: int) -> tuple[list[str], int]:
    """As many of the parts, from the first on, as fit; and how many do not."""
    kept: list[str] = []
    room -= LEFT
    for part in parts:
        room -= len(part) + 2
        if room < 0:
            break
        kept.append(part)
    return kept, count - len(kept)


def _listed(lines: Sequence[str], room: int, noun: str, lead: str = "") -> str:
    kept, missing = _some(lines, len(lines), room)
    more = [f"{lead}- {plural(missing, f'more {noun}')} in the JSON report"] if missing else []
    return "\n".join((*kept, *more))


def _titled(title: str, text: str) -> str:
    return f"**{title}**\n\n{text}" if text else ""


def _collapsed(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def _short(text: str) -> str:
    more = "…" if len(text) > LONGEST_LINE else ""
    return markup.line(text[:LONGEST_LINE] + more)


def _end(place: str) -> str:
    """The end of a path tells more than its beginning."""
    return place if len(place) <= LONGEST_PLACE else f"…{place[-LONGEST_PLACE:]}"


def _link(shown: str, url: str) -> str:
    return f"[{shown}]({quote(url, safe=':/?#&=%+,;@!~')})"
