"""One finding as the text of a comment at its lines."""

from __future__ import annotations

from reviewbot import markup
from reviewbot.anchors import Comment

LONGEST = 60_000  # characters: less than every forge takes
LONGEST_TITLE = 300


def render(
    comment: Comment, marker: str, *, limit: int = LONGEST, suggestion_as: str = "suggestion"
) -> str:
    """Severity and title, what is wrong, the lines to take instead, and how to answer.

    Args:
        comment: the finding.
        marker: what the bot keeps in the comment, at its very beginning.
        limit: characters that the text may have: the body is cut to fit.
        suggestion_as: the word at which the forge offers a code block for committing; empty where
            it would not, and the block is only shown.
    """
    head = f"{marker}\n{_headline(comment)}" if marker else _headline(comment)
    foot = f"<sub>{_footing(comment)}</sub>"
    suggestion = _suggestion(comment, suggestion_as)
    room = limit - sum(len(part) + 2 for part in (head, suggestion, foot))
    if suggestion and room < 0:
        suggestion, room = "", room + len(suggestion)
    body = markup.block(comment.body, max(room, 0))
    return "\n\n".join(part for part in (head, body, suggestion, foot) if part)


def _headline(comment: Comment) -> str:
    title = markup.line(comment.title[:LONGEST_TITLE])
    return f"**{comment.severity.capitalize()}: {title}**"


def _suggestion(comment: Comment, word: str) -> str:
    """A block that can be committed, where it replaces new lines; what is not plain is shown."""
    text = comment.suggestion.removesuffix("\n")
    if not comment.suggestion or comment.line is None or comment.side != "new":
        return ""
    if word and markup.is_plain(text):
        return markup.fenced(word, text)
    return f"Suggestion:\n\n{markup.fenced('', text)}"


def _footing(comment: Comment) -> str:
    parts = [markup.line(", ".join(comment.checklists))]
    if comment.confidence:
        parts.append(f"confidence {comment.confidence}/10")
    parts.append(f"wrong? Answer {markup.code(f'/reviewbot dismiss {comment.id} REASON')}")
    return " · ".join(parts)
