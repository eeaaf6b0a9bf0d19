"""What must not leave a text is taken out, whole; all else stays as it is."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from itertools import pairwise
from urllib.parse import quote

import pytest
from credentials import FORMATS, LINES, Maker, basic
from hypothesis import given
from hypothesis import strategies as st

from reviewbot.errors import ConfigError
from reviewbot.placeholders import PLACEHOLDER, Spot
from reviewbot.redaction import LONGEST_LINE, Redactor, own_values, read_rules, shipped
from reviewbot.rules import compiled

REDACTOR = Redactor(shipped())
HEADER, FOOTER = "-----BEGIN {} " + "KEY-----", "-----END {} " + "KEY-----"
TOKEN = Maker(7)("ghp_{W36}")


def hidden(line: str, value: str, path: str = "") -> str:
    """The redacted line, once it is sure that of the value nothing is left, and of the rest all."""
    out = REDACTOR.text(line, path)
    before, _, after = line.partition(value)
    shown = PLACEHOLDER.sub("\0", out)
    assert re.fullmatch(re.escape(before) + "\0+" + re.escape(after), shown), (line, out)
    return out


@pytest.mark.parametrize("name", FORMATS)
def test_formats_are_known_wherever_they_stand(name: str) -> None:
    kind = name.partition(" ")[0]
    for seed, line in enumerate(("{}", "see {} there", 'f("{}");', "x: '{}'", "a={} # b")):
        value = Maker(seed)(FORMATS[name])
        found = PLACEHOLDER.findall(hidden(line.format(value), value))
        assert found == [f"[redacted:{kind}]"]


VALUES = {
    "password": ("{P16}", "{W10}3", "Quartz{A6}{D3}!", "{L5}{D2}{U3}?{W4}"),
    "uri": ("{W12}", "{S20}"),
    "token": ("{W40}", "{H32}", "{B40}", "{S24}", "{W20}7"),
}


@pytest.mark.parametrize(
    ("tier", "path", "line"),
    [(tier, path, line) for tier, lines in LINES.items() for path, line in lines],
)
def test_names_and_places_give_values_away(tier: str, path: str, line: str) -> None:
    for seed, form in enumerate(VALUES[tier]):
        value = Maker(seed)(form)
        hidden(line.format(value), value, path)


@pytest.mark.parametrize(
    "line",
    ['"Authorization": "Basic {}"', '      "auth": "{}"', "_auth={}", "curl -H 'X: {}'"],
)
def test_users_with_passwords_in_base64(line: str) -> None:
    value = basic(Maker(3))
    hidden(line.format(value), value)


def test_credentials_within_base64() -> None:
    value = base64.b64encode(f'{{"region": "eu", "key": "{TOKEN}"}}'.encode()).decode()
    assert "encoded-credentials" in hidden(f"blob = '{value}'", value)


@pytest.mark.parametrize(
    "line",
    [
        'password = os.environ["DB_PASSWORD"]',
        "password: ${DB_PASSWORD}",
        'password: "{{ vault_db_password }}"',
        "password = user.get_password(1)",
        'PASSWORD = "password"',
        '"password": "Passwort",',
        '"password_hint": "At least 8 characters"',
        "password_hash = '$2b$12$abcdefghijklmnopqrstuuvwxyz0123456789ABCDEFGHIJKLMNOP'",
        "DB_PASSWORD=<your-password>",
        "API_KEY=your-api-key-here",
        "postgres://user:password@localhost/db",
        "postgres://$USER:$PASS@localhost/db",
        "https://example.com:8080/@scope/package",
        "curl -u $USER:$PASS https://example.com",
        "Authorization: Bearer $TOKEN",
        "Authorization: Bearer <token>",
        'headers = {"Authorization": f"Bearer {token}"}',
        "max_tokens = 4096",
        'model = "claude-3-5-sonnet-20241022"',
        'key = "user_profile_v2"',
        'cache_key = "org:members:2"',
        'licence = "Apache-2.0"',
        "token = tokens[index + 1]",
        "next_token := resp.NextToken",
        'throw new Error("unexpected token 2");',
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ" + "C7" * 100 + " ada@example.org",
        "ghp_" + "x" * 36,
        "sk-" + "x" * 40,
        "id: 19e73b9d-7d51-4b3e-82fb-9d2f624a74c2",
        "commit 7ff4d84c825120f265ff096a20904826038229a3",
        '"integrity": "sha512-' + "aB3/" * 21 + 'aB==",',
        "import { passwordValidator as validator2 } from './password';",
        '<PackageReference Include="Tokens" PublicKeyToken="b77a5c561934e089" />',
        'public_key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7x2"',
        "amqp://guest:guest@localhost",
        "  password = var.db_password_v2",
        "  password: z.string().min(8).max(64),",
        "docker run -e POSTGRES_PASSWORD image:1.2.3",
        "  --token-color: #a1b2c3;",
        '<input type="password" name="password" id="password1" placeholder="Password" />',
    ],
)
def test_what_only_looks_so_stays(line: str) -> None:
    assert REDACTOR.text(line, "file.txt") == line


@pytest.mark.parametrize(
    "comment",
    ["# pragma: allowlist secret", "// nosec", "# gitleaks:allow", "<!-- gitleaks:allow -->"],
)
def test_comments_for_scanners_change_nothing(comment: str) -> None:
    assert hidden(f'token = "{TOKEN}"  {comment}', TOKEN) == (
        f'token = "[redacted:github-token]"  {comment}'
    )


def body(lines: int = 3, seed: int = 1) -> list[str]:
    maker = Maker(seed)
    return [
        "MIIE" + maker("{B59}7"),
        *(maker("{B63}3") for _ in range(lines - 1)),
        maker("{B20}=="),
    ]


@pytest.mark.parametrize("kind", ["RSA PRIVATE", "PRIVATE", "OPENSSH PRIVATE", "ENCRYPTED PRIVATE"])
@pytest.mark.parametrize("frame", ["{}", "    {}", "# {}", ' * "{}\\n" +', "'{}',", "  {}\r"])
def test_the_lines_of_a_private_key(kind: str, frame: str) -> None:
    lines = body()
    text = [HEADER.format(kind), *lines, FOOTER.format(kind), "password"]
    out = REDACTOR.text("\n".join(frame.format(line) for line in text)).split("\n")
    gone = [frame.format("[redacted:private-key]")] * len(lines)
    assert out == [frame.format(text[0]), *gone, *(frame.format(line) for line in text[-2:])]


def test_a_key_without_its_footer_ends_where_no_key_goes_on() -> None:
    text = "\n".join([HEADER.format("EC PRIVATE"), *body(), "def main() -> None:", "    return"])
    out = REDACTOR.text(text).split("\n")
    assert out[-2:] == ["def main() -> None:", "    return"]
    assert set(out[1:-2]) == {"[redacted:private-key]"}


def test_a_key_without_its_header() -> None:
    out = REDACTOR.text("\n".join([*body(), FOOTER.format("RSA PRIVATE")])).split("\n")
    assert set(out[:-1]) == {"[redacted:private-key]"}


def test_lines_of_base64_of_unknown_origin_are_withheld() -> None:
    assert set(REDACTOR.text("\n".join(body())).split("\n")) == {"[redacted:line]"}


@pytest.mark.parametrize("kind", ["CERTIFICATE", "PUBLIC KEY", "PGP SIGNATURE", "SSH SIGNATURE"])
def test_what_is_public_stays(kind: str) -> None:
    lines = [f"-----BEGIN {kind}-----", *body(), f"-----END {kind}-----"]
    for text in ("\n".join(lines), "\n".join(lines[1:]), "\n".join(lines[:-1])):
        assert REDACTOR.text(text) == text


def test_a_key_in_one_line() -> None:
    key = "\\n".join(body())
    begin, end = HEADER.format("RSA PRIVATE"), FOOTER.format("RSA PRIVATE")
    out = REDACTOR.text(f'"private_key": "{begin}\\n{key}\\n{end}\\n",')
    assert "MIIE" not in out
    assert not any(part in out for part in body())


def test_putty_keys_have_a_public_half() -> None:
    public, private = body(2, 1), body(2, 2)
    lines = ["PuTTY-User-Key-File-3: ssh-rsa", "Public-Lines: 3", *public, "Private-Lines: 3"]
    out = REDACTOR.text("\n".join([*lines, *private, "Private-MAC: 00"])).split("\n")
    assert out == [*lines, *(["[redacted:private-key]"] * 3), "Private-MAC: 00"]


def test_names_of_headers_in_code_hide_nothing() -> None:
    text = f'if line == "{HEADER.format("RSA PRIVATE")}":\n    return\n    continue_reading(line)'
    assert REDACTOR.text(text) == text


def test_lines_beyond_the_cap_are_withheld() -> None:
    text = "a\n" + "b " * LONGEST_LINE + "\nc"
    assert REDACTOR.text(text) == "a\n[redacted:line]\nc"


def test_a_placeholder_does_not_protect_what_stands_beside_it() -> None:
    line = f'token = "[redacted:password]{TOKEN}"'
    assert REDACTOR.text(line) == 'token = "[redacted:password][redacted:github-token]"'


def test_the_first_rule_names_what_several_find() -> None:
    value = Maker(1)("glpat-{S20}")
    assert REDACTOR.spots(f'password = "{value}"') == [Spot(12, 38, "gitlab-token")]


PIECES = st.one_of(
    st.sampled_from(
        [
            *(Maker(1)(form) for form in FORMATS.values()),
            *(line.format(Maker(2)("{P16}")) for lines in LINES.values() for _, line in lines),
            *body(),
            *(mark.format("RSA PRIVATE") for mark in (HEADER, FOOTER)),
            "-----BEGIN CERTIFICATE-----",
            *(
                "[redacted:line]",
                "[redacted:api-key]",
                '"',
                "'",
                "=",
                ": ",
                "\n",
                "\n",
                " ",
                "\uffff",
            ),
            *("password", "token", "key=", "://", "@", "İ", "auth: ", "\r\n", "\\n"),
        ]
    ),
    st.text(max_size=8),
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_a_redacted_text_has_its_lines_and_nothing_left_to_redact(text: str) -> None:
    once = REDACTOR.text(text)
    assert once.count("\n") == text.count("\n")
    assert REDACTOR.text(once) == once


@given(st.lists(PIECES, max_size=12).map("".join))
def test_spots_are_sorted_and_apart_and_within_lines(text: str) -> None:
    spots = REDACTOR.spots(text)
    assert all(a.end <= b.start for a, b in pairwise(spots))
    assert not any("\n" in text[spot.start : spot.end] for spot in spots)


@pytest.mark.parametrize(
    "piece",
    [
        *("token=", "key key key ", "password='", "sk-", "://a:", "://a:@", "a:b@", "eyJ.eyJ."),
        *("curl -u ", "mysql -p", "-p x ", "Bearer ", "s.", "\\\\\"'", "pass is is ", "\uffff"),
        *("[redacted:line]", "-----BEGIN ", HEADER.format("RSA PRIVATE"), "A" * 63 + "9\n", "AKIA"),
        *("glpat-.", "1/1", "machine a login b ", "x" * 4_000 + "\n", ".atlasv1.", "Q~", "auth="),
        *("hooks.slack.com/", "ghs_1_eyJ.", "{", "\t", "key:\n", "value=", "(((", "a.b.c.", "%("),
        *("-us1-us1", "key\\\\\\\\", "token '", 'key("', "api_key=a.", "x-key:x-key:", "GR1348941"),
    ],
)
def test_no_text_is_a_trap(piece: str) -> None:
    """A pattern that can blow up would hang here."""
    line = piece * (4_000 // len(piece) or 1)
    text = (line + "\n") * (20_000 // len(line))
    assert REDACTOR.text(text).count("\n") == text.count("\n")


def disguises(value: str) -> Iterable[str]:
    raw = value.encode()
    yield from (value, value[::-1], raw.hex(), raw.hex().upper(), quote(value, safe=""))
    yield from (base64.b64encode(before + raw).decode() for before in (b"", b"a", b"ab", b"ab:"))
    yield base64.urlsafe_b64encode(raw).decode()


@pytest.mark.parametrize("secret", [Maker(5)("{W30}"), "pa ss/wörd+?>~"])
def test_values_of_the_environment_in_any_disguise(secret: str) -> None:
    redactor = Redactor((), own=[secret])
    for disguise in disguises(secret):
        out = redactor.text(f"<{disguise}>")
        assert re.fullmatch(r"<\w{0,4}\[redacted:environment\]\w{0,2}=*>", out), (disguise, out)


@pytest.mark.parametrize(
    ("name", "value", "counts"),
    [
        ("LITELLM_API_KEY", "sk-123", True),
        ("LITELLM_API_KEY", "sk-1", False),
        ("MY_TOKEN", "correct-horse", True),
        ("DB_PASSWORD_2", "Tr0ub4dor&3", True),
        ("SECRET_KEY_BASE", "Tr0ub4dor&3", True),
        ("SECRET_BACKEND", "production", False),
        ("SECRET_BACKEND", "aws-secrets-manager", False),
        ("API_KEY", "disabled", False),
        ("API_KEY", "12345678", False),
        ("SSH_KEY", "/home/ada/.ssh/id_rsa", False),
        ("TOKEN_URL", "https://example.org/token", False),
        ("PATH", "Tr0ub4dor&3", False),
        ("DATABASE_URL", "postgres://app:Tr0ub4dor&3@db/app", True),
    ],
)  # fmt: skip
def test_which_variables_hold_secrets(name: str, value: str, counts: bool) -> None:
    assert bool(own_values({name: value})) is counts


def test_a_key_in_the_environment_counts_by_its_lines() -> None:
    lines = body()
    assert set(lines) <= set(own_values({"DEPLOY_KEY": "\n".join(lines)}))


def test_personal_data_joins_in_where_no_secret_is() -> None:
    def personal(text: str) -> Iterable[Spot]:
        return (Spot(*match.span(), "personal-email") for match in re.finditer(r"\w+@\w+", text))

    redactor = Redactor(shipped(), personal=personal)
    line = f"ada@example https://ci:{Maker(1)('{W12}')}@git"
    assert redactor.text(line) == "[redacted:personal-email] https://ci:[redacted:url-password]@git"
    assert not redactor.is_credential("personal-email")
    assert redactor.describe("personal-email") == "email"


def test_every_kind_can_be_said() -> None:
    for rule in shipped():
        assert REDACTOR.describe(rule.id) == rule.description
        assert REDACTOR.is_credential(rule.id)
    assert not REDACTOR.is_credential("line")
    assert REDACTOR.describe("github-token") == "a GitHub token"


def test_letters_that_only_some_alphabets_fold_do_not_trip_it() -> None:
    assert (
        REDACTOR.text("Basic \u017f\u212a\u017f\u212a1234") == "Basic \u017f\u212a\u017f\u212a1234"
    )


def test_every_shipped_rule_compiles() -> None:
    for rule in shipped():
        assert compiled(rule.regex).groups >= rule.group
        assert all(word == word.lower() for word in rule.keywords)


OWN = """
title = "ours"
[[rules]]
id = "acme-token"
description = "an Acme token"
regex = '''acme-(\\d{6})(x)?'''
secretGroup = 1
keywords = ["ACME-"]
[[rules.allowlists]]
regexTarget = "line"
regexes = ['''^test''']
[[allowlists]]
regexes = ['''.*''']
paths = ['''.*''']
condition = "AND"
stopwords = ["000000"]
"""


def test_a_repository_adds_rules() -> None:
    redactor = Redactor((*shipped(), *read_rules("rules.toml", OWN)))
    assert redactor.text("a acme-123456x b") == "a acme-[redacted:acme-token]x b"
    assert redactor.text("test acme-123456") == "test acme-123456"
    assert redactor.text("a acme-000000") == "a acme-000000"
    assert redactor.describe("acme-token") == "an Acme token"
    assert redactor.text(f'token = "{TOKEN}"') == 'token = "[redacted:github-token]"'


def test_a_rule_without_keywords_is_tried_on_every_line_of_its_files() -> None:
    rules = read_rules("r", "[[rules]]\nid='x'\nregex='^[0-9]+$'\npath='[.]num$'")
    assert Redactor(rules).text("1\na\n22", "a.num") == "[redacted:x]\na\n[redacted:x]"
    assert Redactor(rules).text("1", "a.txt") == "1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[rules]", "rules.toml: Expected"),
        ("rules = 1", "rules.toml: rules are written as [[rules]]"),
        ("[[rules]]\nregex = 'a'", "rules.toml: rule 1 has no id"),
        ("[[rules]]\nid = 'A b'\nregex = 'a'", "rules.toml: rule 1 has no id"),
        ("[[rules]]\nid = 'a'", "rules.toml: rule 'a' has no regex"),
        ("[[rules]]\nid = 'a'\nregex = '('", "rules.toml: rule 'a': the expression '(' is wrong"),
        ("[[rules]]\nid = 'a'\nregex = 'a(?i)b'", "rules.toml: rule 'a': the expression"),
        ("[[rules]]\nid = 'a'\nregex = '[[:alpha:]]'", "rules.toml: rule 'a': the expression"),
        ("[[rules]]\nid = 'a'\nregex = 'a'\npath = '('", "rules.toml: rule 'a': the expression"),
        ("[[rules]]\nid = 'a'\nregexp = 'a'", "Did you mean 'regex'?"),
        ("[[rules]]\nid = 'a'\nregex = 'a'\nsecretGroup = 2", "rule 'a' has no group 2"),
        ("[[rules]]\nid = 'a'\nregex = 'a'\nentropy = 'a'", "rule 'a': entropy is a number"),
        ("[[rules]]\nid = 'a'\nregex = 'a'\nshape = 'round'", "there is no shape 'round'"),
        ("[[rules]]\nid = 'a'\nregex = 'a'\nkeywords = 'a'", "keywords is a list of texts"),
        ("[[rules]]\nid = 'a'\nregex = 1", "regex is a text"),
        ("[[allowlists]]\nregexTarget = 'file'", "regexTarget is one of secret, match, line"),
        ("[[allowlists]]\nregexes = ['(']", "an allowlist: the expression '('"),
    ],
)  # fmt: skip
def test_a_rules_file_that_cannot_work_says_where(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_rules("rules.toml", text)
    assert message in str(caught.value)
