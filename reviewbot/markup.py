"""Text of any origin as Markdown that shows, and does nothing else.

All that a model or an author wrote becomes Markdown here and nowhere else: nothing of it loads,
hides, pings, leads anywhere or is taken for a command, by GitHub or by GitLab. An address can be
read, and copied; who follows it has looked at where it leads.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator

from reviewbot.text import visible

CUT = "… (the rest stands in the JSON report)"

# Code blocks whose colours are worth having. Any other word after the fence may be one that a
# forge acts on: it offers a `suggestion` for committing, and draws `mermaid`, with foreign servers.
_LANGUAGES = re.compile(
    "bash|c|cpp|cs|css|diff|dockerfile|go|graphql|html|http|ini|java|javascript|js|json|jsx|kotlin"
    "|lua|makefile|perl|php|powershell|proto|py|python|r|rb|ruby|rs|rust|scala|scss|sh|shell|sql"
    "|swift|terraform|text|toml|ts|tsx|typescript|vue|xml|yaml|yml|zsh"
)

_REST = r"(?:[\w./@#!&-]*(?:[^\W_]|@_+))?"  # what may follow either, so that it is one code span
# Of an e-mail address, or of a package with its version, all is taken.
_NAME = rf"(?:(?<![A-Za-z0-9.+-])[A-Za-z0-9.+-]++)?\\?@\\?\.?\w{_REST}"
_KEY = r"(?:[A-Z][A-Z0-9_]*-)?"  # of a tracker elsewhere, as in #SHOP-1
_REFERENCE = (
    rf"(?<![\w./-])[\w./-]*+[#!&]{_KEY}\d{_REST}|(?<![A-Za-z0-9])(?i:GH|GL)-\d{_REST}"
    r"|\[[a-z_]+:[^\]\[`\s]*\d\]"
)
_ENTITY = r"&(?!(?:amp|lt|gt|quot|nbsp);)(?:\#\w+|[A-Za-z]\w*);"
# GitLab links any scheme, also where a backslash stands in it.
_URL = (
    r"(?:(?<![A-Za-z])[A-Za-z][A-Za-z0-9+.-]{0,31}\\?:\\?/\\?/|(?<![A-Za-z0-9])(?i:www)\\?\.)"
    r"(?:[^\s<>`\[\]\\!]|!(?!\[))*"
)

# What a line outside of code blocks is read as, the first that fits. Code spans end on the line
# that they begin on: what would be one over several lines is none. Two underscores stand in names
# of Python far more often than around bold words.
_TOKEN = re.compile(
    rf"""
    (?P<ticks> `+ )
  | (?P<url> {_URL} )
  | (?P<active> {_NAME} | \\?{_ENTITY} | \\?(?:{_REFERENCE}) )
  | (?P<mark> ~{{3,}} | __+ )
  | (?P<linking> \]\(  |  \]: )
  | (?P<tag> \\?<(?=[A-Za-z/!?]) )
  | (?P<image> \\?!\[ )
  | (?P<escape> \\[!-/:-@\[-`{{-~] )
  | (?P<backslash> \\(?=.) )
  | (?P<bracket> \[(?=\[) )
    """,
    re.VERBOSE,
)
_ACTION = re.compile(r"^\s{0,3}/\w", re.MULTILINE)
_AFTER_URL = ".,;:!?()'\"*_~|"
_BACKSLASH = "\\"
_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<mark>`{3,}(?=[^`]*$)|~{3,})(?P<info>.*)")
_BEFORE = re.compile(r"\A\s*?(?= ?(?:```|~~~)|\S|\Z)")  # but for the blank of an indented block
_TABLE_RULE = re.compile(r"(?=.*-)[\s>*+\d.)|:-]+")


def line(text: str) -> str:
    """Text for the middle of a line; for a table's cell pass it on to `row`."""
    return _line(_shown(" ".join(text.split())))


def row(cells: Iterable[str]) -> str:
    """A row of a table, of cells that are Markdown already."""
    return f"| {' | '.join(map(_piped, cells))} |"


def block(text: str, limit: int | None = None) -> str:
    """Paragraphs, lists and code blocks, as the model wrote them; no code block stays open.

    Args:
        text: Markdown.
        limit: characters that the result may have: what is cut off is said to be.
    """
    text = text.rstrip()
    if limit is None or len(text) <= limit:
        made = _block(text)
        if limit is None or len(made) <= limit:
            return made
    size = limit
    while size:
        made = f"{_block(text[:size])}\n\n{CUT}"
        if len(made) <= limit:
            return made
        size = size * limit // len(made) * 9 // 10
    return ""


def code(text: str) -> str:
    """A code span, with a delimiter that the text does not hold."""
    text = _shown(" ".join(text.split()))
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    mark = "`" * (longest + 1)
    return f"{mark} {text} {mark}" if longest else f"`{text}`" if text else ""


def fenced(language: str, text: str) -> str:
    """A code block, with a fence that the text does not hold.

    Args:
        language: what stands after the fence: never a word of a model or an author.
        text: any lines.
    """
    text = "\n".join(map(_shown, text.split("\n")))
    longest = max((len(run) for run in re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    # GitLab obeys a line like `/merge` also in a code block, if it holds a fence.
    if _ACTION.search(text):
        text = re.sub("^", "    ", text, flags=re.MULTILINE)
    return f"{fence}{language}\n{text}\n{fence}"


def is_plain(text: str) -> bool:
    """Whether a forge can be told to take the text as it is.

    Nothing in it is hidden, and it looks neither like a command nor like the end of the block that
    it would stand in.
    """
    hides = any(_shown(each) != each for each in text.split("\n"))
    return not (hides or text.lstrip().startswith(("```", "~~~")) or _ACTION.search(text))


def _shown(text: str) -> str:
    """A line without hidden characters; a marker like the bot's own is none."""
    return visible(text).replace("<!-- reviewbot:", "<!-- reviewbot :")


def _piped(cell: str) -> str:
    """A cell whose bars are escaped, also in code: tables are cut before code spans are seen."""
    return re.sub(r"(\\*)\|", lambda bar: bar[0] if len(bar[1]) % 2 else f"{bar[1]}\\|", cell)


def _block(text: str) -> str:
    return "\n".join(_blocks(_BEFORE.sub("", text.rstrip(), count=1).split("\n")))


def _blocks(lines: Iterable[str]) -> Iterator[str]:
    """The lines, each code block of them made anew.

    A code block begins at the margin, so that no list or quotation that ends can end it.
    """
    opening: re.Match[str] | None = None
    held: list[str] = []
    for each in lines:
        mark = _FENCE.fullmatch(visible(each))
        if opening is None and mark:
            opening = mark
        elif opening is None:
            yield _outside(_shown(each))
        elif mark and mark["mark"].startswith(opening["mark"]) and not mark["info"].strip():
            yield _code_block(opening, held)
            opening, held = None, []
        else:
            held.append(each)
    if opening:
        yield _code_block(opening, held)


def _code_block(opening: re.Match[str], lines: Iterable[str]) -> str:
    language = (opening["info"].split() or [""])[0].lower()
    indent = re.compile(rf"[ \t]{{,{len(opening['indent'])}}}")
    text = "\n".join(indent.sub("", each, count=1) for each in lines)
    return fenced(language if _LANGUAGES.fullmatch(language) else "", text)


def _outside(text: str) -> str:
    """A line outside of code blocks. No tables: their bars would cut code spans in two."""
    if _TABLE_RULE.fullmatch(text):
        return re.sub(r"(?<!\\)[|:]", r"\\\g<0>", text)
    return _line(text)


def _line(text: str) -> str:
    made = (_INERT[kind](part) for kind, part in _parts(text) if part)
    return re.sub(r"^\s*(?=/)", r"\g<0>\\", _joined(made))


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """All of a line in parts, each with its kind."""
    closing = _TickRuns(text)
    end = 0
    while token := _TOKEN.search(text, end):
        yield "text", text[end : token.start()]
        kind, end = token.lastgroup or "", token.end()
        if kind == "ticks":
            closed = closing.end_of_next(len(token[0]), end)
            kind, end = ("span", closed) if closed else ("mark", end)
        yield kind, text[token.start() : end]
    yield "text", text[end:]


class _TickRuns:
    """The runs of backticks in a line, asked for from left to right: each is looked at once."""

    def __init__(self, text: str) -> None:
        self._ends: dict[int, deque[int]] = defaultdict(deque)
        for run in re.finditer("`+", text):
            self._ends[len(run[0])].append(run.end())

    def end_of_next(self, length: int, position: int) -> int:
        """The end of the first run of this length behind a position; 0 where there is none."""
        ends = self._ends[length]
        while ends and ends[0] <= position:
            ends.popleft()
        return ends[0] if ends else 0


def _joined(parts: Iterable[str]) -> str:
    """The parts in a row, with a blank where two code spans would be one, or a formula begin."""
    joined: list[str] = []
    for part in parts:
        if joined and joined[-1].endswith(("`", "$")) and part.startswith("`"):
            joined.append(" ")
        joined.append(part)
    return "".join(joined)


def _backslashed(text: str) -> str:
    return "".join(f"\\{character}" for character in text)


def _spelled_out(url: str) -> str:
    """An address that leads nowhere; what stands after it is none of it."""
    address = url.rstrip(_AFTER_URL)
    return f"{_as_code(address)}{_line(url[len(address) :])}"


def _as_code(text: str) -> str:
    return f"`{text.replace(_BACKSLASH, '')}`"


# What becomes of the parts of a line, by their kind.
_INERT: dict[str, Callable[[str], str]] = {
    "text": str,
    "span": str,
    "mark": _backslashed,
    "url": _spelled_out,
    "active": _as_code,
    "linking": lambda text: rf"]\{text[1]}",
    "tag": lambda _: "&lt;",
    "escape": str,
    "backslash": _backslashed,
    "image": lambda _: r"!\[",
    "bracket": _backslashed,
}
