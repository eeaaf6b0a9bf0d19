"""Personal data that is known by its form: e-mail addresses, accounts, cards, phones, ids."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from itertools import chain, pairwise
from typing import NamedTuple

from reviewbot.placeholders import Spot


def spots(text: str) -> Iterator[Spot]:
    """Where personal data stands in a text of any number of lines.

    The places come in no order and may overlap; none of them crosses an LF. Names and postal
    addresses have no form to know them by: nothing is promised for them.
    """
    yield from _emails(text)
    for start, end in _stretches(text):
        yield from _accounts(text, start, end)
        for form in (*_DISTINCT, *_named(text, start, end)):
            for match in form.pattern.finditer(text, start, end):
                if form.holds(match[0]):
                    yield Spot(match.start(), match.end(), form.kind)


# --- E-mail addresses: from each "@", what stands after it and before it.

_HOST = (
    r"((?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24}))"
    r"(?![\w@(\[-]|\.\w)"
)
_SIGNS = re.compile(f"@{_HOST}"), re.compile(f"%40{_HOST}")  # one pattern of both is slow
_MAILBOX_BACKWARDS = re.compile(r"[\w.+-]+")
_LONGEST_MAILBOX = 64
_LONGEST_LOGIN = 200

# Mailboxes of an office (RFC 2142 and their like), of a program, and of nobody.
_NOBODY = re.compile(
    r"abuse|admin|administrator|billing|bot|contact|email|example|feedback|foo|ftp|git|hello|help"
    r"|hg|hostmaster|info|jobs|legal|mail|mailer-daemon|marketing|name|news|newsletter|noc|office"
    r"|postmaster|press|privacy|root|sales|security|service|someone|ssh|support|svn|team|test"
    r"|usenet|user|username|uucp|webmaster|www|you|your|your\.name",
    re.IGNORECASE,
)
_NO_REPLY = re.compile(r"\b(?:do[._-]?)?not?[._-]?reply", re.IGNORECASE)
# RFC 2606; and what only looks like a host: versions, files, units of systemd.
_NO_HOST = re.compile(
    r"(?:.*\.)?(?:example(?:\.(?:com|net|org))?|localhost|localdomain"
    r"|avif|bmp|css|gif|html|ico|jpe?g|jsx?|json|png|scss|service|socket|svg|target|timer|toml"
    r"|tsx?|txt|webp|xml|ya?ml)|v?\d+\.\d.*",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"://[^\s/?#\"'<>]*$")


def _emails(text: str) -> Iterator[Spot]:
    for match in chain.from_iterable(sign.finditer(text) for sign in _SIGNS):
        before = text[max(match.start() - _LONGEST_LOGIN, 0) : match.start()]
        backwards = _MAILBOX_BACKWARDS.match(before[::-1])
        mailbox = backwards[0][::-1].lstrip(".+-") if backwards else ""
        start = match.start() - len(mailbox)
        if (
            _is_somebody(mailbox, match[1])
            and not text.startswith((":/", ":~"), match.end())
            and text[start - 1 : start] not in ("%", "$")
            and not _LOGIN.search(before)
        ):
            yield Spot(start, match.end(), "personal-email")


def _is_somebody(mailbox: str, host: str) -> bool:
    return (
        0 < len(mailbox) <= _LONGEST_MAILBOX
        and not _NOBODY.fullmatch(mailbox)
        and not _NO_REPLY.search(f"{mailbox}@{host}")
        and not _NO_HOST.fullmatch(host)
    )


# --- Everything else has many digits close together: only there is looked closer.

_DENSE = re.compile(
    r"[0-9](?:(?:[ ./()+-]{0,2}[0-9]){5,}"
    r"|[0-9][A-Za-z][0-9]{2}[A-Za-z][0-9]{3}|[0-9]{3}(?<=[A-Z]{5}[0-9]{4}))"
)
# What else may belong to a number: letters before its first digits, an extension after its last.
_BEFORE, _AFTER = 12, 20


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    """Parts of lines with enough digits for anything that is looked for."""
    start = end = 0
    for match in _DENSE.finditer(text):
        first, last = _around(text, match.span(), _BEFORE, _AFTER)
        if first > end:
            yield start, end
            start = first
        end = last
    yield start, end


def _around(text: str, span: tuple[int, int], before: int, after: int) -> tuple[int, int]:
    """A span with so many characters more, but not beyond its line."""
    first, last = max(span[0] - before, 0), min(span[1] + after, len(text))
    line_end = text.find("\n", span[1], last)
    return text.rfind("\n", first, span[0]) + 1 or first, last if line_end < 0 else line_end


# --- Bank accounts. After the last group may come a word that looks like one more.

_IBAN = re.compile(
    r"(?<![0-9A-Z])[A-Z]{2}[0-9]{2}"
    r"(?:[0-9A-Z]{11,30}|(?: [0-9A-Z]{4}){2,7}(?: [0-9A-Z]{1,3})?)(?![0-9A-Z])",
    re.IGNORECASE | re.ASCII,
)


def _accounts(text: str, start: int, end: int) -> Iterator[Spot]:
    while match := _IBAN.search(text, start, end):
        number = match[0]
        while " " in number and not _is_iban(number):
            number = number.rpartition(" ")[0]
        start = match.start() + len(number)
        if _is_iban(number):
            yield Spot(match.start(), start, "personal-iban")


_LETTERS_AS_NUMBERS = {ord(letter): str(int(letter, 36)) for letter in string.ascii_letters}


def _is_iban(number: str) -> bool:
    plain = number.replace(" ", "")
    if int((plain[4:] + plain[:4]).translate(_LETTERS_AS_NUMBERS)) % 97 != 1:
        return False  # most are none, and the library, which also knows the lengths, takes long
    from stdnum import iban  # noqa: PLC0415 - slow, and seldom needed

    return iban.is_valid(number, check_country=False)


# --- Cards

_CARD = (
    r"(?:[2-6]\d{13,15}"
    r"|[2-6]\d{3}-(?:\d{4}-\d{4}-\d{4}(?:-\d{3})?|\d{6}-\d{4,5})"
    # Four numbers in a longer row of them are a table.
    r"|(?<!\b[\da-fA-F]{4} )[2-6]\d{3} (?:\d{4} \d{4} \d{4}(?: \d{3})?|\d{6} \d{4,5})"
    r"(?! [\da-fA-F]{4}\b))"
)
_ISSUED = re.compile(
    r"4\d{15}(?:\d{3})?"  # Visa
    r"|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[689]\d)\d{11}"  # Diners Club
    r"|6(?:0\d\d|4[4-9]\d|5\d\d)\d{12}"  # Discover, RuPay
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
    r"|62\d{14}(?:\d{3})?"  # UnionPay
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{12}"  # Maestro
    r"|220[0-4]\d{12}"  # Mir
)
# Payment providers publish these for tests. They are nobody's, and a test reads better with them.
_PUBLISHED = re.compile(
    r"4000000\d{9}|4111111111111111|4242424242424242|4012888888881881|4000056655665556"
    r"|5555555555554444|5105105105105100|5200828282828210|2223003122003222|378282246310005"
    r"|371449635398431|378734493671000|6011111111111117|6011000990139424|3056930009020004"
    r"|30569309025904|38520000023237|3530111333300000|3566002020360505|6200000000000005"
)


def _is_card(number: str) -> bool:
    from stdnum import luhn  # noqa: PLC0415

    digits = _digits(number)
    issued = _ISSUED.fullmatch(digits) and not _PUBLISHED.fullmatch(digits)
    return bool(issued and luhn.is_valid(digits))


def _digits(number: str) -> str:
    return "".join(filter(str.isdigit, number))


# --- Phones

_EXTENSION = r"(?:,? ?(?:x|ext\.?|extension) ?\d{1,6})?"
_EXTENDED = re.compile(r",? ?[a-z].*")
_AMERICAN = re.compile(r"[2-9]\d\d[2-9]\d{6}")
_COUNTRY = re.compile(
    r"7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|2(?:1[12368]|[2346]\d|5[0-8]|9[017-9])|3[578]\d|42[013]|5[09]\d|6[789]\d"
    r"|8(?:5[02356]|8[06])|9(?:6[0-8]|7[0-7]|9[2-68])"
)
_BARE = re.compile(r"0\d{8,11}|[2-9]\d{8,9}|1[2-9]\d{9}")
_DOTTED = re.compile(r"(?:0\d{1,4}|[2-9]\d\d)(?:\.\d{2,8}){2,5}")
_DATE = re.compile(
    r"\+?(?:19|20)\d\d[-/.](?:\d\d?[-/.]\d\d?\b|(?:19|20)\d\d\b)"
    r"|\d\d?[-/.]\d\d?[-/.](?:19|20)\d\d\b"
)
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_FEWEST_DIGITS, _FEWEST_BARE_DIGITS = 8, 10
_MOST_SINGLE_DIGITS = 2


def _is_international(phone: str) -> bool:
    number = _EXTENDED.sub("", phone)
    digits = _digits(number)
    if digits.startswith("1"):
        return bool(_AMERICAN.fullmatch(digits, 1))
    fewest = _FEWEST_BARE_DIGITS if number[1:].isdigit() else _FEWEST_DIGITS
    mixed = "." in number and (number.count(".") == 1 or set(number) & set("-/"))
    return bool(
        len(digits) >= fewest and _COUNTRY.match(digits) and _is_grouped(number) and not mixed
    )


def _is_national(phone: str) -> bool:
    number = _EXTENDED.sub("", phone)
    if number.isdigit():
        return bool(_BARE.fullmatch(number))
    if "." in number:
        return bool(_DOTTED.fullmatch(number) and not _ADDRESS.fullmatch(number))
    return _is_grouped(number)


def _is_grouped(number: str) -> bool:
    """Whether its groups are those of a phone, not of a date or a row of small numbers."""
    single = [group for group in re.findall(r"\d+", number) if len(group) == 1]
    return len(single) <= _MOST_SINGLE_DIGITS and not _DATE.match(number)


# --- The table: to look for one more national id is one more row of it.


class Form(NamedTuple):
    """How a sort of number is written, what must hold for it, and the words that tell of it."""

    kind: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool]
    words: frozenset[str]


def _form(kind: str, pattern: str, holds: Callable[[str], bool], words: str = "") -> Form:
    whole = re.compile(rf"(?<![\w.+-]){pattern}(?![\w-]|\.\d)", re.ASCII)
    return Form(kind, whole, holds, frozenset(words.split()))


def _id(pattern: str, standard: str = "", words: str = "") -> Form:
    """A national id; the standard, as `fr.nir`, is a module of python-stdnum, or none."""
    return _form("personal-id", f"(?:{pattern})", partial(_meets, standard), words)


def _meets(standard: str, number: str) -> bool:
    return not standard or _validator(standard)(number)


@cache
def _validator(standard: str) -> Callable[[str], bool]:
    from stdnum import get_cc_module  # noqa: PLC0415

    module = get_cc_module(*standard.split("."))
    assert module, standard
    return module.is_valid


def _always(_number: str) -> bool:
    return True


# Known without a word, by their form or by a strong check.
_DISTINCT = (
    _form("personal-card", _CARD, _is_card),
    _form(
        "personal-phone",
        rf"(?<![)\]])\+[1-9](?:[ ./()-]{{0,2}}\d){{7,14}}{_EXTENSION}",
        _is_international,
    ),
    _form(
        "personal-phone",
        rf"(?:\([2-9]\d\d\) ?|[2-9]\d\d-)[2-9]\d\d-\d{{4}}{_EXTENSION}",
        _always,
    ),
    # The United States' social security number and ITIN, those too that are never given out.
    _id(r"(?!000)\d{3}-(?!00)\d\d-(?!0000)\d{4}"),
    _id(r"\d\d-\d{8}-\d", "ar.cuit"),
    _id(r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d", "be.nn"),
    _id(r"\d{3}\.\d{3}\.\d{3}-\d\d", "br.cpf"),
    _id(r"\d{3}-\d{3}-\d{3}", "ca.sin"),
    _id(r"756([. ])\d{4}\1\d{4}\1\d\d", "ch.ssn"),
    _id(r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]", "cl.rut"),
    # China's. Its own module knows the places of birth, but fails on some that never were.
    _id(r"[1-8]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])[0-3]\d{4}[\dX]", "iso7064.mod_11_2"),
    _id(r"(?<!/)\d{6}/\d{3,4}(?!/)", "cz.rc"),  # Slovakia's too
    _id(r"[XYZ]-?\d{7}-?[A-Z]", "es.nie"),
    _id(r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]", "fi.hetu"),
    _id(r"[12] ?\d\d ?\d\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d\d", "fr.nir"),
    # The United Kingdom's National Insurance number, which has no check digit.
    _id(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d\d){3} ?[A-D]"),
    _id(r"(?i:[A-Z]{6}\d\d[A-Z]\d\d[A-Z]\d{3}[A-Z])", "it.codicefiscale"),
    _id(r"\d{6}-\d{7}", "kr.rrn"),
    _id(r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z\d]\d", "mx.curp"),
    _id(r"\d{6}-\d\d-\d{4}", "my.nric"),
)

# Known only beside a word for them: many other numbers look the same, and check digits are weak.
_NAMED = (
    _form(
        "personal-phone",
        rf"\(?\d(?:[ ./()-]{{0,2}}\d){{6,14}}{_EXTENSION}",
        _is_national,
        "phone phones phoneno phonenumber telephone telephonenumber tel telno cellphone cellno"
        " mobile mobiles mobilephone mobilenumber mobileno fax faxno faxnumber sms whatsapp msisdn"
        " telefon telefonnummer handy handynummer rufnummer téléphone telefono teléfono móvil"
        " celular cellulare telefone telemóvel telefoon телефон 電話 电话 전화",
    ),
    _id(r"\d{3}([ -]?)\d\d\1\d{4}", "", "ssn ssns socialsecurity socialsecuritynumber itin"),
    _id(r"\d{4} ?\d{6}", "at.vnr", "svnr svnummer sozialversicherungsnummer"),
    _id(r"[2-6]\d{3}([ -]?)\d{5}\1\d", "", "medicare"),  # Australia
    _id(r"\d{3} ?\d{3} ?\d{2,3}", "au.tfn", "tfn taxfile taxfilenumber"),
    _id(r"\d{11}", "be.nn", "rijksregisternummer insz niss registrenational nationalnumber"),
    _id(r"\d{10}", "bg.egn", "egn егн"),
    _id(r"\d{11}", "br.cpf", "cpf"),
    _id(r"\d{3} ?\d{3} ?\d{3}", "ca.sin", "sin nas socialinsurance socialinsurancenumber"),
    _id(r"\d{13}", "ch.ssn", "ahv avs ahvnr ahvnummer"),
    _id(r"\d{7,8}-?[\dkK]", "cl.rut", "rut"),
    _id(r"\d{9,10}", "cz.rc", "rodné rodne rodnéčíslo rodnecislo"),
    _id(r"\d\d ?\d{3} ?\d{3} ?\d{3}", "de.idnr", "steuer steuerid idnr steueridnr"),
    _id(r"\d{6}-?\d{4}", "dk.cpr", "cpr cprnr cprnummer personnummer"),
    _id(r"\d{11}", "ee.ik", "isikukood asmens"),  # Lithuania's too
    _id(r"\d{8}-?[A-Z]", "es.dni", "dni nif"),
    _id(r"\d{3}([ -]?)\d{3}\1\d{4}", "gb.nhs", "nhs nhsnumber"),
    _id(r"\d{11}", "gr.amka", "amka"),
    _id(r"\d{11}", "hr.oib", "oib"),
    _id(r"\d{7}[A-W][A-IW]?", "ie.pps", "pps ppsn"),
    _id(r"\d{8}-?\d", "il.idnr", "teudat zehut teudatzehut"),
    _id(r"\d{4}([ -]?)\d{4}\1\d{4}", "in.aadhaar", "aadhaar aadhar uidai आधार"),
    _id(r"[A-Z]{3}P[A-Z]\d{4}[A-Z]", "in.pan", "pan pancard permanentaccount"),
    _id(r"\d{6}-?\d{4}", "is.kennitala", "kennitala"),
    _id(r"\d{4}([ -]?)\d{4}\1\d{4}", "jp.in_", "mynumber individualnumber マイナンバー 個人番号"),
    _id(r"\d{4}([. ]?)\d\d\1\d{3}", "nl.bsn", "bsn burgerservicenummer sofinummer"),
    _id(r"\d{6} ?\d{5}", "no.fodselsnummer", "fodselsnummer fødselsnummer fnr personnummer"),
    _id(r"\d{2,3}([ -]?)\d{3}\1\d{3}", "nz.ird", "ird irdnumber inlandrevenue"),
    _id(r"\d{11}", "pl.pesel", "pesel"),
    _id(r"\d{3} ?\d{3} ?\d{3}", "pt.nif", "nif contribuinte"),
    _id(r"\d{13}", "ro.cnp", "cnp"),
    _id(r"(?:\d\d)?\d{6}[-+]?\d{4}", "se.personnummer", "personnummer pnr samordningsnummer"),
    _id(r"[STFGM]\d{7}[A-Z]", "", "nric fin singpass"),  # Singapore
    _id(r"\d{13}", "si.emso", "emso emšo jmbg"),
    _id(r"\d{13}|\d-\d{4}-\d{5}-\d\d-\d", "th.pin", "thaiid"),
    _id(r"\d{11}", "tr.tckimlik", "tckn kimlik tckimlik"),
    _id(r"\d{6} ?\d{4} ?\d\d ?\d", "za.idnr", "southafricanid rsaid idnumber"),
)

# How far before a number, and after it, a word may stand.
_WORD_BEFORE, _WORD_AFTER = 70, 30
_WORD = re.compile(r"(?<![^\W\d_])(?<!\[redacted:personal-)[^\W\d_]+")
_PART = re.compile(r"[A-Z]+(?![a-z])|i?[A-Z]?[^\W\dA-Z_]+")
_ALL_WORDS = frozenset[str]().union(*(form.words for form in _NAMED))


def _named(text: str, start: int, end: int) -> Iterable[Form]:
    """The forms whose words stand near: as one word, as two, or in `camelCase`."""
    whole = _WORD.findall(text, *_around(text, (start, end), _WORD_BEFORE, _WORD_AFTER))
    parts = [part.lower() for word in whole for part in _PART.findall(word)]
    pairs = map("".join, pairwise(parts))
    words = _ALL_WORDS.intersection(chain(parts, pairs, map(str.lower, whole)))
    return [form for form in _NAMED if form.words & words] if words else ()
