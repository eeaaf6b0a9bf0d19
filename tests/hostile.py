"""Text that wants to break out: the vocabulary of all that is read here, put together at random."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

_PLAIN = (
    *("a", "b1", " ", "  ", "\t", "\n", "\r", "\r\n", "\n\n", "é", "Ω", ".", ",", "0", "12"),
    *("x=1", "a.", "a`", "/.#&", "@a-", "www.]", " (a, +1 -1", "1:", "_a"),
)
_HIDDEN = ("\0", "\x1b[31m", "\x85", "\u2028", "\u200b", "\u202e", "\ufeff", "\udc85", "\U000e0041")
_MARKS = tuple("`~*_-+=|:;!?<>[](){}#@/\\&$%^'\"")

MARKDOWN = (
    *("`", "``", "```", "````", "~~~", "__", "**", "![", "](", "]: ", "[[", "]]", "\\`", "\\\\"),
    *("\\[", "@bob", "@a-b/c", "a@b.c", "#12", "o/r#3", "!4", "&5", "GH-6", "gl-7", "#AB-8"),
    *("[issue:9]", "![x](y)", "[x](https://a.b)", "[x](<//a.b>)", "[x][y]", "[y]: //a.b"),
    *("[[x|https://a.b]]", "https://a.b/", "ftp://", "www.a.b", "mailto:", "irc", "://", "http"),
    *("<https://a.b>", "w\\ww.", "<img src=x>", "<!--", "-->", "<b", "</b>", "&#64;", "&commat;"),
    *("&lt;", "&amp;", "&#x", ";", "<!-- reviewbot:state:1 ", "$`", "`$", "$$", "\\phantom{"),
    *("fixes #12", "closes GH-1", "\n```suggestion\n", "\n```mermaid\n", "\n~~~\n", "```\n"),
    *("    ", "\n- ", "\n  - ", "\n1. ", "\n> ", "/close", "\n/close", "\n /merge", "\r/merge"),
    *("|-|\n", "\n|a|b|\n|-|-|\n", "\n:-\n", "\n---\n", "\n# ", "/reviewbot "),
    *("\n/reviewbot pause\n", "::error::", "\n::set-env name=x::", "##[group]", "#[", "%0A"),
)
DIFF = (
    *("diff --git a/x b/x\n", "diff --git ", '"a/x\\n" "b/x\\n"', "--- a/x\n+++ b/x\n", "--- "),
    *("+++ ", "/dev/null\n", "@@ -1 +1 @@\n", "@@ -0,0 +1,2 @@ f\n", "@@ -1,0 +0 @@\n"),
    *("-a\n+b\n", "\\ No newline\n", "index 1..2 100644\n", "index 0000..1\n"),
    *("new file mode 100644\n", "deleted file mode 1\n", "-\n", "+\n", "old mode 1\n"),
    *("rename from x\nrename to y\n", "copy from x\n", "Binary files a and b differ\n", " \n"),
    *("GIT binary patch\n", "diff --cc x\n", "-- \n", ":1 1 a b M\0x\0", ":1 1 a b R1\0x\0y\0"),
    *("1\t1\tx\0", "-\t-\tx\0", "1\t1\t\0x\0y\0", "\0", "\0\0", ":1 1 a b T\0x\0"),
)
JSON = (
    *('{"findings":[', '"items":[', '{"findings":[],"items":[]}', '{"path":"x","title":"t"},'),
    *('"findings":', '{"', '":', '",', "{", "}", "[", "]", ",", "```json\n", "\n```", "'", "\\u"),
    *("\\ud800", "\\n", "NaN", "1e999", "null", "true", "-", '"issues":[{', "{'findings': ["),
    *("{'path': 'x', 'body': 'y'},", "\ufeff", '"{\\"'),
)
SETTINGS = (
    *("---\n", "title: a\n", "items:\n", "  a: b\n", "- ", "? ", ": ", "&a ", "*a ", "<<: "),
    *("!!int ", "|\n", "{", "[", "}", "]", "model: ", "paths: ", "severity: high\n"),
    *("2026-99-99", "[tool.reviewbot]\n", "a = ", "'''", '"""', "[[a]]\n", "budget: -1\n"),
    *("{{ x }}", "{% for x in y %}", "0x", "1_0", ".inf", "1:2:3"),
)


SECRETS = (
    *("password", "pass", "token", "secret", "key", "api_key", "x-key", "auth", " = ", "=", ": "),
    *(" := ", "'", '"', "hunter2!", "aB3dE5fG7hI9", "changeme", "os.environ[", "${", "}}", "null"),
    *("ghp" + "_", "glpat" + "-", "sk-", "AKIA", "eyJ", ".eyJ", "://", "https://a:", "@b.test"),
    *("-----BEGIN ", "PRIVATE" + " KEY-----", "-----END ", "CERTIFICATE-----", "\\n"),
    *(
        "[redacted:",
        "[redacted:password]",
        "]",
        "a@b.invalid",
        "+1-202-555-0123",
        "DE12 3456 7890 ",
    ),
    *("4111 1111 ", "987-65-4321", "Basic ", "Bearer ", " -p", "deadbeef", "QUJDREVG"),
)


_COMMON = (*_PLAIN, *_HIDDEN, *_MARKS)
WORDS = tuple(dict.fromkeys((*_COMMON, *MARKDOWN, *DIFF, *JSON, *SETTINGS, *SECRETS)))


def texts(*vocabularies: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Any text, for the most part of these words."""
    words = [*_COMMON, *(word for each in vocabularies for word in each)]
    part = st.sampled_from(words) | st.text(st.characters(exclude_categories=()), max_size=3)
    return st.lists(part, max_size=30).map("".join)


ANY = texts(MARKDOWN, DIFF, JSON, SETTINGS)
MARKUP = texts(MARKDOWN)
PATCHES = texts(DIFF)


def values(words: st.SearchStrategy[str] = MARKUP) -> st.SearchStrategy[Any]:
    """Any value that JSON can hold."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | words
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    )


_FIELDS = ("path", "line", "end_line", "quote", "severity", "confidence", "item", "title", "body")


@st.composite
def replies(draw: st.DrawFn) -> str:
    """An answer of a model: like what was asked for, with some of it broken."""
    finding = st.dictionaries(st.sampled_from(_FIELDS), values(), max_size=5)
    item = st.fixed_dictionaries({"id": values(), "status": values()})
    listed = st.lists(finding | values(), max_size=3)
    content = {"findings": draw(listed), "items": draw(st.lists(item | values(), max_size=2))}
    written = json.dumps(content) if draw(st.booleans()) else repr(content)
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(written))] * 2)))
    inserted = draw(texts(JSON))
    return written[:start] + inserted + (written[end:] if draw(st.booleans()) else written[start:])
