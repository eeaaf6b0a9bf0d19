"""What is personal is found, what only looks like it stays; the digits are made at run time."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import get_cc_module, luhn
from stdnum.iso7064 import mod_97_10

from reviewbot.personal import spots
from reviewbot.placeholders import replaced

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"


def masked(text: str) -> str:
    return replaced(text, spots(text))


def luhned(number: str) -> str:
    return number + str(luhn.calc_check_digit(number))


def iban(country: str, account: str) -> str:
    return f"{country}{mod_97_10.calc_check_digits(account + country)}{account}"


def in_fours(number: str, separator: str = " ") -> str:
    return separator.join(number[at : at + 4] for at in range(0, len(number), 4))


def filled(template: str, standard: str) -> str:
    """The template with the first digits for its question marks that the standard allows."""
    module = get_cc_module(*standard.split("."))
    assert module
    for digits in product("0123456789", repeat=template.count("?")):
        number = template.replace("?", "{}").format(*digits)
        if module.is_valid(number):
            return number
    raise AssertionError(template)


VISA = luhned("453914880343646")
AMEX = luhned("37123456789012")
GERMAN = iban("DE", "500105175407324931")
AUSTRIAN = iban("AT", "1904300234573201")

EMAILS = [
    "anna.kowalska42@mail-test.invalid",
    "Wei.Zhang@sub.acme.co.uk",
    "o_haddad+news@acme.test",
    "j-smith@xn--mller-kva.de",
    "jürgen@müller.de",
    "lukas%40acme.com",
]


@pytest.mark.parametrize("email", EMAILS)
@pytest.mark.parametrize(
    "line",
    [
        'User(email="{}")',
        "Author: Anna <{}>",
        "mailto:{}",
        "Write to {}.",
        "https://a.io/u?mail={}",
    ],
)
def test_email(line: str, email: str) -> None:
    assert masked(line.format(email)) == line.format("[redacted:personal-email]")


@pytest.mark.parametrize(
    "line",
    [
        "Contact noreply@example.com",
        "someone.real@docs.example.org, anna@localhost, anna@db.localhost, a@host.example",
        "12345+anna@users.noreply.github.com, no-reply@acme.com, do_not_reply@acme.com",
        "notifications-noreply@acme.com, postmaster@acme.com, Support@acme.com, user@acme.com",
        "git clone git@github.com:acme/app.git",
        "rsync -a site/ anna@web.acme.com:/srv/www",
        "https://anna:pw@git.acme.com/app.git and ssh://anna@git.acme.com",
        '@app.route("/users/<int:id>")',
        '"@types/node": "^24.0.0", "vue@3.4.21": "", lodash@4.17.21-rc.beta',
        "go install github.com/acme/tool/cmd/tool@v1.2.3-rc.one",
        "images/icon@2x.png, getty@tty1.service, docker.io/acme/app@sha256:abcdef",
        "user@host, @media print, y = x@self.weight.T, z = x@w.transpose(0, 1)",
        '"%s@acme.com" % name, f"{name}@acme.com", "$USER@acme.com"',
        "@acme.com, .@acme.com, a@b.c, a@b..com, a@-b.com, " + "x" * 65 + "@acme.com",
    ],
)
def test_not_an_email(line: str) -> None:
    assert masked(line) == line


@pytest.mark.parametrize(
    "number",
    [
        GERMAN,
        GERMAN.lower(),
        in_fours(GERMAN),
        in_fours(iban("GB", "WEST12345698765432")),
        iban("MT", "MALT011000012345MTLCAST001S"),
        iban("NO", "86011117947"),
    ],
)
def test_iban(number: str) -> None:
    assert masked(f"iban: {number}, or") == "iban: [redacted:personal-iban], or"


def test_an_iban_ends_where_its_country_says() -> None:
    line = f"to {in_fours(AUSTRIAN)} from Anna"
    assert masked(line) == "to [redacted:personal-iban] from Anna"


@pytest.mark.parametrize(
    "line",
    [
        "DE00" + GERMAN[4:],
        GERMAN + "0",
        "x" + GERMAN,
        iban("DE", "50010517540732493"),  # a digit too few
        iban("XX", "500105175407324931"),
    ],
)
def test_not_an_iban(line: str) -> None:
    assert masked(line) == line


@pytest.mark.parametrize(
    "number",
    [
        VISA,
        in_fours(VISA),
        in_fours(VISA, "-"),
        luhned("540123456789012"),
        luhned("222512345678901"),
        luhned("601112345678901"),
        luhned("353012345678901"),
        AMEX,
        f"{AMEX[:4]} {AMEX[4:10]} {AMEX[10:]}",
        luhned("3612345678901"),
    ],
)
def test_card(number: str) -> None:
    assert masked(f'card = "{number}", 12/27') == 'card = "[redacted:personal-card]", 12/27'


@pytest.mark.parametrize(
    "line",
    [
        "1700000000000000",
        'ORDER = "4111111111111112"',
        f"0.{VISA} {VISA}.5 1{VISA} {VISA}1 a{VISA} {VISA}f 0x{VISA} -{VISA}",
        f"550e8400-{in_fours(VISA, '-')}-446655440000",
        f"{in_fours(VISA)} 1234",  # a row of a table
        f"542F {in_fours(VISA)}",
        f"{VISA[:4]} {VISA[4:]} {VISA[:4]}-{VISA[4:8]} {VISA[8:]}",
        luhned("953914880343646"),  # of no issuer
        # published for tests by payment providers
        *("4111111111111111", "4242 4242 4242 4242", "5555-5555-5555-4444", "378282246310005"),
    ],
)
def test_not_a_card(line: str) -> None:
    assert masked(line) == line


@pytest.mark.parametrize(
    "number",
    [
        "+1-202-555-0143",
        "+1 (202) 555-0143",
        "+12025550143",
        "+1 202 555 0143 ext. 12",
        "+44 20 7946 0958",
        "+49 (0)30 901820",
        "+49 30/901820-12",
        "+33.1.23.45.67.89",
        "+33 1 23 45 67 89",
        "+91 98765 43210",
        "+4915112345678",
        "(202) 555-0143",
        "202-555-0143 x9",
    ],
)
@pytest.mark.parametrize("line", ['call("{}")', "Reach me at {}, please", "tel:{}"])
def test_phone(line: str, number: str) -> None:
    assert masked(line.format(number)) == line.format("[redacted:personal-phone]")


NATIONAL_PHONES = [
    "030 901820",
    "(030) 90 18 20",
    "0151/23456789",
    "01.23.45.67.89",
    "07700 900123",
    "2025550143",
    "202.555.0143",
    "555-0143",
    "0043 1 58858",
    "13812345678",
]


@pytest.mark.parametrize("number", NATIONAL_PHONES)
@pytest.mark.parametrize(
    "line", ["phone: {}", '"mobileNumber": "{}"', "Fax {}", "<td>{}</td><td>Telefon</td>"]
)
def test_a_national_phone_beside_a_word(line: str, number: str) -> None:
    assert masked(line.format(number)) == line.format("[redacted:personal-phone]")


@pytest.mark.parametrize("number", NATIONAL_PHONES)
def test_a_national_phone_without_a_word_is_a_number(number: str) -> None:
    line = f"the iPhone model: {number}"
    assert masked(line) == line


@pytest.mark.parametrize(
    "line",
    [
        "x = +1234567890; y = +4294967296; z = a[0]+4915112345678 + f(b)+4915112345678",
        "@@ -1200,7 +1200,12 @@ 2024-05-12T10:11:12+0200 +02:00 UTC+1000",
        "+2024-05-12 10:11:12 a line that a diff adds",
        "+40.6894-074.0447/ +48.8577491 +1.234567890",
        "+1-+1-+1-+1-+1-+1-+1-+1 +1 2 3 4 5 6 7 8 9",
        "+1 102 555 0143, +999 12345678, +210 12345678",
        "TIMEOUTS = (100, 250, 5000)",
        "phone_lengths = (100, 250, 5000); PHONE_TIMEOUT = 86400000; phone_id = 1700000000",
        "Mobile Safari/537.36 Chrome/130.0.6723.58 from 192.168.100.200",
        "phone verified on 2024-05-12 10:11, seen 12.05.2024 10:11, fax since 2005-2008",
        "phone 10.15.7123, mobile 1 2 3 4 5 6 7 8",
        "telemetry 202.555.0143, intelligence 07700 900123",
    ],
)
def test_not_a_phone(line: str) -> None:
    assert masked(line) == line


DISTINCT_IDS = [
    ("987-65-4321", ""),
    ("912-70-1234", ""),
    ("20-12345678-?", "ar.cuit"),
    ("85.07.30-033.??", "be.nn"),
    ("390.533.447-??", "br.cpf"),
    ("123-456-78?", "ca.sin"),
    ("756.9217.0769.8?", "ch.ssn"),
    ("12.531.90?-2", "cl.rut"),
    ("36042619910101007?", "iso7064.mod_11_2"),
    ("11010519491231002X", ""),
    ("710319/27?5", "cz.rc"),
    ("X-248230?-W", "es.nie"),
    ("131052-???T", "fi.hetu"),
    ("2 95 10 99 126 111 ??", "fr.nir"),
    ("2951099126111??", "fr.nir"),
    ("AB123456C", ""),
    ("AB 12 34 56 C", ""),
    ("RCCMNL83S18D9??H", "it.codicefiscale"),
    ("rccmnl83s18d9??h", "it.codicefiscale"),
    ("971013-901987?", "kr.rrn"),
    ("BOXW310820HNERXN0?", "mx.curp"),
    ("770305-02-1234", "my.nric"),
]

NAMED_IDS = [
    ("ssn", "123456789", ""),
    ("social_security_number", "123 45 6789", ""),
    ("SVNR", "1?37 010180", "at.vnr"),
    ("TFN", "123 456 78?", "au.tfn"),
    ("Medicare", "2123 45670 1", ""),
    ("Rijksregisternummer", "850730033??", "be.nn"),
    ("ЕГН", "752316926?", "bg.egn"),
    ("CPF", "390533447??", "br.cpf"),
    ("SIN", "12345678?", "ca.sin"),
    ("AHV", "756921707698?", "ch.ssn"),
    ("rut", "1253190?-2", "cl.rut"),
    ("rodné číslo", "71031927?5", "cz.rc"),
    ("steuerId", "36 574 261 8??", "de.idnr"),
    ("CPR", "211062-5629", "dk.cpr"),
    ("isikukood", "3680521???9", "ee.ik"),
    ("DNI", "5436222?K", "es.dni"),
    ("NHS number", "943 476 591?", "gb.nhs"),
    ("AMKA", "0101301???5", "gr.amka"),
    ("OIB", "3339200596?", "hr.oib"),
    ("PPSN", "643343?F", "ie.pps"),
    ("teudat zehut", "03933742?", "il.idnr"),
    ("aadhaarNo", "2341 2341 234?", "in.aadhaar"),
    ("PAN", "ACUPA7085R", "in.pan"),
    ("kennitala", "450401-31?0", "is.kennitala"),
    ("my number", "6214 9832 025?", "jp.in_"),
    ("BSN", "1112.22.33?", "nl.bsn"),
    ("fødselsnummer", "151086950??", "no.fodselsnummer"),
    ("IRD", "49-091-85?", "nz.ird"),
    ("PESEL", "4405140135?", "pl.pesel"),
    ("NIF", "12345678?", "pt.nif"),
    ("CNP", "163061512345?", "ro.cnp"),
    ("personnummer", "880320-001?", "se.personnummer"),
    ("NRIC", "S1234567D", ""),
    ("EMŠO", "010100650000?", "si.emso"),
    ("Thai ID", "1-2345-45678-78-?", "th.pin"),
    ("TCKN", "172917160??", "tr.tckimlik"),
    ("idNumber", "750330504408?", "za.idnr"),
]


@pytest.mark.parametrize(("template", "standard"), DISTINCT_IDS)
def test_an_id_known_by_its_form(template: str, standard: str) -> None:
    number = filled(template, standard) if standard else template
    assert masked(f'id = "{number}";') == 'id = "[redacted:personal-id]";'
    for line in (f"{number}9", f"x{number}", f"{number}-1", f"7-{number}"):
        assert masked(line) == line


@pytest.mark.parametrize(("word", "template", "standard"), NAMED_IDS)
def test_an_id_known_by_a_word(word: str, template: str, standard: str) -> None:
    number = filled(template, standard) if standard else template
    assert masked(f'{word} = "{number}"') == f'{word} = "[redacted:personal-id]"'
    assert masked(f"{number} ({word})") == f"[redacted:personal-id] ({word})"
    unnamed = f'business = "{number}"'
    assert masked(unnamed) == unnamed
    far = f"{word} {'.' * 80} {number}\n{word}\n{number}"
    assert masked(far) == far


@pytest.mark.parametrize(
    "line",
    [
        "000-00-0000 123-45-678 1123-45-6789 CAS 7732-18-5 ISBN 978-81-7525-766-0",
        f"pesel = {filled('4405140135?', 'pl.pesel')}1",
        "ssn = 0.123456789, ssn_length = 9, ssn = os.environ['SSN']",
        "AB123456E BG123456A ab123456c AB1234567C",
        "https://news.acme.test/050622/195/story.html",
        "20240115-103000 20240115T103000Z 1700000000 1700000000000 2024011510",
        "math.sin(x) + 100200300; pan = 12345; RUN 12345678",
        "sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709 md5 d41d8cd98f00b204e9800998ecf8427e",
        "uuid 123e4567-e89b-12d3-a456-426614174000",
        'd="M 12.531 901.25 l 100 200 300 -12 40.5 1e-7"',
    ],
)
def test_not_an_id(line: str) -> None:
    assert masked(line) == line


def test_a_whole_file() -> None:
    text = f"# by anna@acme.com\r\n\nssn\n123456789\niban\n{GERMAN}\nphone: 030 901820\n"
    assert sorted(spot.kind for spot in spots(text)) == [
        *("personal-email", "personal-iban", "personal-phone")
    ]
    assert masked(text) == (
        "# by [redacted:personal-email]\r\n\nssn\n123456789\niban\n[redacted:personal-iban]\n"
        "phone: [redacted:personal-phone]\n"
    )


PIECES = st.sampled_from(
    [
        *EMAILS,
        *NATIONAL_PHONES,
        *(VISA, in_fours(VISA), AMEX, GERMAN, in_fours(AUSTRIAN)),
        *("+1-202-555-0143", "+49 (0)30 901820", "987-65-4321", "AB123456C", "123456789"),
        *("ssn", "phone:", "tel", "pesel", "NIF", "[redacted:personal-phone]", "DE89", "7"),
    ]
)
TEXTS = st.one_of(
    st.text(),
    st.text("0123456789 +-./()@%aA:\n"),
    st.lists(st.one_of(PIECES, st.sampled_from("@+-. \n/:(")), max_size=12).map("".join),
)


@given(TEXTS)
def test_spots_lie_within_lines(text: str) -> None:
    for start, end, kind in spots(text):
        assert 0 <= start < end <= len(text)
        assert "\n" not in text[start:end]
        assert kind.startswith("personal-")


@given(st.lists(st.lists(PIECES, max_size=3).map(", ".join)).map("\n".join))
def test_nothing_is_left_to_find(text: str) -> None:
    assert list(spots(masked(text))) == []


@given(st.lists(st.lists(PIECES, max_size=4).map(" ".join)))
def test_each_line_is_judged_alone(lines: list[str]) -> None:
    assert masked("\n".join(lines)) == "\n".join(map(masked, lines))


@pytest.mark.parametrize(
    "unit",
    ["a@", "1", "+1-+1-", "4111 ", "x@a.b.", "@a.", "DE12 3456 7890 ", "1-", "(1) ", "phone 1-2 "],
)
def test_hostile_text_has_nothing_to_find(unit: str) -> None:
    assert list(spots(unit * (100_000 // len(unit)))) == []


def test_the_library_is_loaded_only_for_numbers() -> None:
    program = (
        "import sys; from reviewbot.personal import spots\n"
        "list(spots('anna@acme.com, 030 901820, x = 1'))\n"
        "sys.exit('stdnum' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus is not beside this checkout")
def test_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(CORPUS))
    runpy.run_path(str(CORPUS / "make_corpus.py"))["write_corpus"](tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "pii.jsonl").read_text().splitlines()]
    assert {row["label"] for row in rows} == {True, False}
    for row in rows:
        line, value = row["line_text"], row["pii_value"]
        assert masked(line) == (
            line.replace(value, f"[redacted:{KINDS[row['kind']]}]") if row["label"] else line
        )
    clean = [json.loads(line) for line in (tmp_path / "clean.jsonl").read_text().splitlines()]
    for row in clean:
        assert masked(row["line_text"]) == row["line_text"]


KINDS = {
    "email": "personal-email",
    "phone": "personal-phone",
    "credit_card": "personal-card",
    "us_ssn": "personal-id",
    "iban": "personal-iban",
}
