"""The web configuration: what the file may say, and how it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.document import DocumentError
from exporter.web.config import RateLimit, WebConfig, read
from exporter.web.tls_config import KEYS, NamedFile, TlsConfig

FOLDER = Path("/etc/wattshift")
HASH = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
TLS = "tls_server_config:\n  cert_file: a.crt\n  key_file: a.key\n"
VERIFIED = TLS + "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "tls_server_config:\n",
        "tls_server_config: {}\nbasic_auth_users:\n",
        "rate_limit: {interval: 0}",
    ],
)
def test_a_file_that_asks_for_nothing_is_plain_http(text: str) -> None:
    """No TLS, no users, no headers."""
    assert read(text, FOLDER) == WebConfig()


def test_everything_at_once() -> None:
    """Each key of the format reaches its setting; relative paths are relative to the file."""
    text = f"""\
tls_server_config:
  cert_file: exporter.crt
  key_file: /run/keys/exporter.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [prometheus.lan, "10.0.0.1"]
  min_version: TLS12
  max_version: TLS13
  cipher_suites:
  - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
  - TLS_AES_128_GCM_SHA256
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP256]
http_server_config:
  http2: true
  headers:
    X-Frame-Options: deny
    Content-Security-Policy: "default-src 'none'"
    X-XSS-Protection: ""
basic_auth_users:
  alice: {HASH}
rate_limit:
  interval: 1m0.5s
  burst: 20
"""
    assert read(text, FOLDER) == WebConfig(
        TlsConfig(
            cert_file=NamedFile(FOLDER / "exporter.crt", 2),
            key_file=NamedFile(Path("/run/keys/exporter.key"), 3),
            client_auth_type="RequireAndVerifyClientCert",
            client_ca_file=NamedFile(FOLDER / "ca.pem", 5),
            client_allowed_sans=frozenset({"prometheus.lan", "10.0.0.1"}),
            min_version="TLS12",
            max_version="TLS13",
            ciphers=("ECDHE-RSA-AES128-GCM-SHA256",),
            prefer_server_cipher_suites=False,
            curve="prime256v1",
            line=1,
        ),
        {"alice": HASH},
        {"X-Frame-Options": "deny", "Content-Security-Policy": "default-src 'none'"},
        RateLimit(60.5, 20),
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("1.5h", 5400.0),
        (".5m", 30.0),
        ("1.s", 1.0),
        ("100ms", 0.1),
        ("250us", 0.00025),
        ("2\u00b5s", 0.000002),
        ("2\u03bcs", 0.000002),
        ("3ns", 0.000000003),
        ("1s1h1s", 3602.0),
        ("2562047h47m16s", 9223372036.0),
    ],
)
def test_durations_are_those_of_go(text: str, seconds: float) -> None:
    """Units in any order and as often as wanted, fractions of each of them; up to what Go can say."""
    assert read(f"rate_limit: {{interval: {text}, burst: 1}}", FOLDER).rate_limit == RateLimit(seconds, 1)


@pytest.mark.parametrize("text", ["0s", "0.5ns", "0"])
def test_an_interval_of_nothing_is_no_limit(text: str) -> None:
    """As in Go, to which half a nanosecond is nothing."""
    assert read(f"rate_limit: {{interval: {text}, burst: 1}}", FOLDER) == WebConfig()


def test_hashes_are_not_shown() -> None:
    """No representation betrays a hash."""
    assert HASH not in repr(read(f"basic_auth_users: {{alice: {HASH}}}", FOLDER))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("- a", 1, "expected 'key: value' lines"),
        ("tls_server: {}", 1, "'tls_server' is not known in this file: expected tls_server_config"),
        ("\ntls_server_config:\n  cert: x", 3, "write it to a file, named by cert_file"),
        ("tls_server_config:\n  min_version: TLS12", 1, "expected cert_file"),
        ("tls_server_config:\n  cert_file: a", 1, "expected key_file"),
        ("tls_server_config:\n  cert_file: [a]", 2, "cert_file: expected one value"),
        ('tls_server_config: {cert_file: "\\0", key_file: b}', 1, "a file's name"),
        (TLS + "  ca_file: x", 4, "'ca_file' is not known in tls_server_config"),
        (TLS + "  min_version: TLS11", 4, "Debian ships it speaks no TLS11"),
        (TLS + "  min_version: SSL3", 4, "TLS12 or TLS13"),
        (TLS + "  min_version: TLS13\n  max_version: TLS12", 5, "at least min_version"),
        (TLS + "  client_auth_type: RequireAnyClientCert", 4, "protects nothing"),
        (TLS + "  client_auth_type: RequestClientCert", 4, "protects nothing"),
        (TLS + "  client_auth_type: Always", 4, "RequireAndVerifyClientCert"),
        (TLS + "  client_auth_type: RequireAndVerifyClientCert", 4, "client_ca_file beside it"),
        (TLS + "  client_ca_file: ca.pem", 4, "client_auth_type beside it"),
        (TLS + "  client_allowed_sans: [a]", 4, "RequireAndVerifyClientCert beside it"),
        (VERIFIED + "  client_allowed_sans: []", 6, "a list with at least one value"),
        (VERIFIED + "  client_allowed_sans: a", 6, "a list with at least one value"),
        (TLS + "  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]", 4, "forward secrecy"),
        (TLS + "  cipher_suites: [TLS_AES_128_GCM_SHA256]", 4, "a suite of TLS 1.2"),
        (TLS + "  curve_preferences: [CurveP256, X25519]", 4, "only one"),
        (TLS + "  curve_preferences: [CurveP192]", 4, "CurveP256"),
        (TLS + "  prefer_server_cipher_suites: maybe", 4, "true or false, not 'maybe'"),
        ("http_server_config:\n  http2: 2", 2, "true or false"),
        ("http_server_config:\n  headers:\n    Server: x", 3, "'Server' is not known in headers"),
        ("http_server_config:\n  headers:\n    X-Frame-Options: no", 3, "deny or sameorigin"),
        ("http_server_config:\n  headers:\n    X-Frame-Options:", 3, "deny or sameorigin"),
        ('http_server_config: {headers: {X-XSS-Protection: "a\\r\\nb"}}', 1, "printable ASCII"),
        ("basic_auth_users: [a]", 1, "expected 'key: value' lines"),
        ("basic_auth_users:\n  alice: hunter2", 2, "a user's bcrypt hash"),
        ("basic_auth_users:\n  alice:", 2, "a user's bcrypt hash"),
        (f"basic_auth_users:\n  alice: {HASH}x", 2, "a user's bcrypt hash"),
        (f"basic_auth_users:\n  alice: {HASH.replace('2y', '2x')}", 2, "a user's bcrypt hash"),
        (f"basic_auth_users:\n  alice: {HASH.replace('$10', '$03')}", 2, "a bcrypt cost from 4 to 15"),
        (f"basic_auth_users:\n  alice: {HASH.replace('$10', '$16')}", 2, "a bcrypt cost from 4 to 15"),
        (f"basic_auth_users:\n  'a:b': {HASH}", 2, "without a colon"),
        ("rate_limit:\n  interval: 5", 2, "a duration such as 1s"),
        ("rate_limit:\n  interval: -1s", 2, "a duration such as 1s"),
        ("rate_limit:\n  interval: 1s 1s", 2, "a duration such as 1s"),
        ("rate_limit:\n  interval: .s", 2, "a duration such as 1s"),
        ("rate_limit:\n  interval: \uff11s", 2, "a duration such as 1s"),
        (f"rate_limit:\n  interval: 1{'0' * 400}h", 2, f"not '1{'0' * 59}'..."),
        (f"rate_limit:\n  interval: 1{'0' * 5000}h", 2, "a duration such as 1s"),
        (f"rate_limit:\n  interval: 0.{'0' * 5000}1s", 2, "a duration such as 1s"),
        (f"rate_limit:\n  interval: {'1s' * 5000}", 2, "a duration such as 1s"),
        ("rate_limit:\n  interval: 2562048h", 2, "less than 292 years"),
        ("rate_limit:\n  interval: 1s\n  burst: -1", 3, "a whole number"),
        ("rate_limit:\n  interval: 1s\n  burst: \uff11", 3, "a whole number"),
        (f"rate_limit:\n  interval: 1s\n  burst: 1{'0' * 5000}", 3, "a whole number"),
        ("basic_auth_users:\n  alice: " + HASH.replace("$10", "$\uff11\uff10"), 2, "a user's bcrypt hash"),
        ("rate_limit:\n  interval: 1s", 1, "a burst of 1 or more"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    """The message says where, and what was expected there; a password in the hash's place is not repeated."""
    with pytest.raises(DocumentError) as caught:
        read(text, FOLDER)

    assert caught.value.line == line
    assert words in caught.value.message
    assert "hunter2" not in caught.value.message


VALUES = [
    "a",
    "~",
    "[]",
    "[a]",
    "{}",
    "true",
    "TLS13",
    "TLS12",
    "CurveP521",
    "NoClientCert",
    HASH,
    "1s",
    "7",
    "nosniff",
    "9" * 400,
    "9" * 5000 + "h",
    "0." + "9" * 5000 + "s",
    "1e999999999s",
    "\uff19\uff19h",
    "$2b$" + "9" * 5000 + HASH[6:],
]
DIGITS = st.text("0123456789.eE+-_\uff11\u0663", max_size=30).map(lambda text: text * 200)
SECTIONS = {
    "tls_server_config": KEYS,
    "http_server_config": ("http2", "headers"),
    "basic_auth_users": ("alice", "bob"),
    "rate_limit": ("interval", "burst"),
}


@given(
    st.dictionaries(
        st.sampled_from(list(SECTIONS)),
        st.lists(st.tuples(st.integers(0, 12), st.sampled_from(VALUES)), max_size=6),
    )
)
def test_any_combination_is_a_configuration_or_an_error_with_a_line(chosen: dict[str, list[tuple[int, str]]]) -> None:
    """Known keys with values that may or may not fit: taken, or refused with a line of the file, and nothing else."""
    lines = []
    for name, entries in chosen.items():
        keys = SECTIONS[name]
        lines += [f"{name}:", *(f"  {keys[number % len(keys)]}: {value}" for number, value in entries)]
    try:
        config = read("\n".join(lines), FOLDER)
    except DocumentError as error:
        assert 1 <= error.line <= len(lines)  # noqa: PT017 - both outcomes are right, nothing else is
        return

    assert config.users.keys() <= {"alice", "bob"}
    assert config.tls is None or config.tls.min_version <= config.tls.max_version


@given(DIGITS, st.sampled_from(["", "h", "s", "us", "h1s"]), st.sampled_from(["interval", "burst", "alice"]))
def test_any_number_is_taken_or_refused_in_a_short_sentence(digits: str, unit: str, key: str) -> None:
    """However many digits, and of whichever script, a number is one or none: no crash, and no page of digits."""
    section = "basic_auth_users" if key == "alice" else "rate_limit"
    try:
        config = read(f'{section}:\n  {key}: "{digits}{unit}"', FOLDER)
    except DocumentError as error:
        assert error.line in {1, 2}  # noqa: PT017 - both outcomes are right, nothing else is
        assert len(error.message) < 200  # noqa: PT017 - see above
        return

    assert config == WebConfig()


@given(st.text())
def test_any_text_is_a_configuration_or_an_error(text: str) -> None:
    """Whatever is in the file, nothing else comes out."""
    try:
        config = read(text, FOLDER)
    except DocumentError as error:
        assert error.message  # noqa: PT017 - both outcomes are right, nothing else is
        return

    assert config == WebConfig()
