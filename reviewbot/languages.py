"""What definitions look like in each language: patterns over a whole text, linear in its length.

A pattern begins at a line end and its groups name what was found: `function`, `type` and `value`
define a name (a digit behind tells several forms apart), `field` defines one only where it stands
directly in a type, `scope` heads a block whose members belong to a name that is defined elsewhere,
`owner` is the type that stands in the definition itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

_MODIFIER = (
    r"(?:(?:abstract|actual|async|case|companion|const|data|declare|default|enum|expect|export"
    r"|extern|external|fileprivate|final|implicit|indirect|infix|inline|inner|internal|lazy"
    r"|local|mutating|nonisolated|open|operator|override|partial|private|protected"
    r"|pub(?:\([^)\n]{1,40}\))?|public|readonly|sealed|static|suspend|tailrec|unsafe|value|virtual)"
    r"[ \t]++)*"
)
_GENERIC = r"(?:<[^>\n]{0,200}>[ \t]*)?"
_TOP = r"(?<=\n)"  # behind the indentation: there is none
_MEMBER = r"(?<=\n    )"  # behind the indentation: it is that of what a type at the margin holds
_STATEMENTS = (
    r"(?:assert|await|break|case|catch|continue|delete|do|else|for|foreach|goto|if|lock|new|not"
    r"|return|sizeof|switch|synchronized|throw|typeof|using|while|with|yield)\b"
)
# A type, or several words, before a name: of `static int total(`, of `Map<String, Line> lines(`.
_TYPED = rf"(?!{_STATEMENTS})(?:[\w.:<>\[\],?&*@~]++[ \t]++){{1,8}}?[*&]*"


@dataclass(frozen=True, slots=True)
class Language:
    """How a family of languages defines and uses names.

    `comment` begins one that goes to the line's end. `imported`: a name of another file stands
    alone only where it was imported. `methods`: a name that stands alone may be a method of the
    class around it.
    """

    definition: re.Pattern[str]
    comment: str = "//"
    imported: bool = False
    methods: bool = False

    @property
    def braces(self) -> bool:
        """Whether blocks stand in braces, as in all languages with these comments."""
        return self.comment == "//"


def _pattern(*forms: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(rf"\n(?P<indent>[ \t]*+)(?:{'|'.join(forms)})", flags)


def _function(words: str) -> str:
    owner = rf"(?:(?P<owner>\w+){_GENERIC}[.:]{{1,2}})?"
    return rf"{_MODIFIER}(?:{words})[ \t]+[&*]?{_GENERIC}{owner}(?P<function>\w+)"


def _type(words: str) -> str:
    return rf"{_MODIFIER}(?:{words})[ \t]+(?P<type>\w+)"


def _value(words: str) -> str:
    return rf"{_MODIFIER}(?:{words})[ \t]+(?P<value>\w+)"


_PYTHON = _pattern(
    r"(?:async[ \t]+)?def[ \t]+(?P<function>\w+)",
    r"class[ \t]+(?P<type>\w+)",
    rf"{_TOP}(?:type[ \t]+)?(?P<value>[^\W\d]\w*)[ \t]*+(?::[^=\n]{{1,200}})?=(?!=)",
    rf"{_MEMBER}(?!(?:else|finally|try)\b)(?P<field>[^\W\d]\w*+)[ \t]*+(?::[ \t]*+[^=\s]|=(?!=))",
)
_SCRIPT = _pattern(
    rf"{_MODIFIER}function[ \t]*\*?[ \t]*(?P<function>[\w$]+)",
    _type("class|interface|enum|type|namespace"),
    rf"{_MODIFIER}(?:const|let|var)[ \t]+(?P<value>[\w$]+)",
    rf"{_MODIFIER}(?:(?:get|set)[ \t]+)?[*#]?(?!{_STATEMENTS}|function\b)(?P<function2>[\w$]++)"
    rf"{_GENERIC}\((?:(?!=>|function\b)[^\n;]){{0,300}}+(?<=[{{(,])[ \t]*+(?=\n)",
    rf"{_MODIFIER}#?(?P<function3>[\w$]++)[ \t]*+[:=][ \t]*+(?:async\b[ \t]*+)?"
    r"(?:function\b|\([^\n)]{0,300}\)[^\n=]{0,100}=>|\w+[ \t]*=>)",
    # A property with accessors.
    r"(?P<function4>[\w$]++)[ \t]*+:[ \t]*+\{[ \t]*+"
    r"(?=\n[ \t]*+(?:configurable|enumerable|get|set)\b)",
    rf"{_MODIFIER}#?(?!{_STATEMENTS})(?P<field>[\w$]++)[?!]?[ \t]*+"
    r"(?::[^=\n;]{1,200})?(?:=(?![=>])|;)",
)
_GO = _pattern(
    r"func[ \t]+(?P<function>\w+)",
    r"func[ \t]*\([^)\n]{0,100}?(?P<owner>\w+)(?:\[[^\]\n]{0,100}\])?\)[ \t]*(?P<function2>\w+)",
    r"type[ \t]+(?P<type>\w+)",
    r"(?:var|const)[ \t]+(?P<value>\w+)",
    r"(?<=\n\t)(?P<value2>[A-Z]\w*)(?:[ \t]+\w+)?[ \t]*=",
)
_JAVA = _pattern(
    _type("class|interface|enum|namespace|record|struct|@interface"),
    rf"{_TYPED}(?!{_STATEMENTS})(?P<function>\w++)[ \t]*+{_GENERIC}\(",
    rf"{_TYPED}(?P<value>[A-Z]\w*+)[ \t]*+(?:[={{]|;|\n)",
)
_C = _pattern(
    r"#[ \t]*define[ \t]+(?P<value>\w+)",
    r"(?:typedef[ \t]+)?(?:enum[ \t]+)?(?:class|struct|enum|union|namespace)[ \t]+"
    r"(?P<type>\w+)(?=[^;\n]*\n)",
    rf"{_TYPED}(?:(?P<owner>\w+)::)?(?!{_STATEMENTS})(?P<function>~?\w++)[ \t]*+\((?=[^;\n]*+\n)",
    rf"{_TOP}(?:(?P<owner2>\w+)::)?(?!{_STATEMENTS})(?P<function2>[^\W\d]\w*+)"
    r"[ \t]*+\((?=[^;\n]*+\n)",
)
_KOTLIN = _pattern(_function("fun"), _type("class|interface|object|typealias"), _value("val|var"))
_SCALA = _pattern(_function("def"), _type("class|object|trait|enum|type"), _value("val|var|given"))
_SWIFT = _pattern(
    _function("func"),
    _type("class|struct|enum|protocol|actor|typealias"),
    _value("let|var"),
    r"extension[ \t]+(?P<scope>\w+)",
)
_RUST = _pattern(
    _function("fn"),
    _type("struct|enum|trait|type|mod|union"),
    r"macro_rules![ \t]*(?P<function2>\w+)",
    _value("const|static(?:[ \t]+mut)?"),
    rf"impl[ \t]*{_GENERIC}(?:[\w:<>,&' \t]{{1,200}}?[ \t]for[ \t]+)?(?:\w+::)*+(?P<scope>\w+)",
)
_RUBY = _pattern(
    r"(?:private[ \t]+)?def[ \t]+(?:(?P<owner>\w+)\.)?(?P<function>\w+[?!=]?)",
    r"(?:class|module)[ \t]+(?:\w+::)*(?P<type>\w+)",
    r"(?P<value>[A-Z]\w*)[ \t]*=(?!=)",
)
_PHP = _pattern(
    _function("function"),
    _type("class|interface|trait|enum"),
    rf"{_MODIFIER}const[ \t]+(?P<value>\w+)",
    r"define\([ \t]*['\"](?P<value2>\w+)",
)
_SHELL = _pattern(
    r"function[ \t]+(?P<function>[\w:-]+)",
    r"(?P<function2>[\w:-]++)[ \t]*+\(\)",
    rf"{_TOP}(?:export[ \t]+|readonly[ \t]+)?(?P<value>[A-Z]\w*)=",
)
_SQL = _pattern(
    r"create[ \t]+(?:or[ \t]+replace[ \t]+)?(?:\w+[ \t]+){0,2}?"
    r"(?:table|view|function|procedure|trigger|type|index)[ \t]+(?:if[ \t]+not[ \t]+exists[ \t]+)?"
    r"[\"`\[]?(?:\w+[\"`\]]?\.[\"`\[]?)?(?P<function>\w+)",
    flags=re.IGNORECASE,
)

_LANGUAGES = {
    ".py .pyi": Language(_PYTHON, comment="#", imported=True),
    ".js .jsx .mjs .cjs .ts .tsx .mts .cts .vue .svelte": Language(_SCRIPT, imported=True),
    ".go": Language(_GO),
    ".java .cs": Language(_JAVA, methods=True),
    ".kt .kts": Language(_KOTLIN, methods=True),
    ".scala .sc": Language(_SCALA, methods=True),
    ".swift": Language(_SWIFT, methods=True),
    ".rs": Language(_RUST),
    ".rb .rake": Language(_RUBY, comment="#", methods=True),
    ".php": Language(_PHP),
    ".c .h .cc .hh .cpp .hpp .cxx .hxx .m .mm": Language(_C, methods=True),
    ".sh .bash .zsh": Language(_SHELL, comment="#"),
    ".sql": Language(_SQL, comment="--"),
}
_BY_SUFFIX = {suffix: each for suffixes, each in _LANGUAGES.items() for suffix in suffixes.split()}


def language(path: str) -> Language | None:
    """The language of a file, by its name; None where it is none that has definitions."""
    return _BY_SUFFIX.get(PurePosixPath(path).suffix.lower())
