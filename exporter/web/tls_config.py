"""``tls_server_config``: what the file says of TLS, in the words of Go, as what OpenSSL is to be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.document import DocumentError
from exporter.web.section import shortened

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.web.section import Section

KEYS = (
    "cert_file",
    "key_file",
    "client_auth_type",
    "client_ca_file",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
    "cert",
    "key",
    "client_ca",
)
NO_CLIENT_CERTIFICATE = "NoClientCert"
VERIFY_IF_GIVEN = "VerifyClientCertIfGiven"
REQUIRE_AND_VERIFY = "RequireAndVerifyClientCert"

# Go's names (crypto/tls, CipherSuites) and OpenSSL's (man openssl-ciphers).
_CIPHERS = {
    f"TLS_ECDHE_{key}_WITH_{go}": f"ECDHE-{key}-{openssl}"
    for key in ("ECDSA", "RSA")
    for go, openssl in (
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
        ("AES_128_CBC_SHA", "AES128-SHA"),
        ("AES_256_CBC_SHA", "AES256-SHA"),
    )
}
# TLS 1.3 always offers all of its suites, in Go and in OpenSSL as Python has it.
_CIPHERS_OF_TLS13 = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
_VERSIONS = ("TLS12", "TLS13")
_UNVERIFIED = frozenset({"RequestClientCert", "RequireAnyClientCert", "RequireClientCert"})


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that the configuration names, and the line where it does."""

    path: Path
    line: int


@dataclass(frozen=True, slots=True)
class TlsConfig:
    """How TLS is spoken: versions are ``TLS12`` and ``TLS13``; ciphers and curve by OpenSSL's names, None: its own."""

    cert_file: NamedFile
    key_file: NamedFile
    client_auth_type: str
    client_ca_file: NamedFile | None
    client_allowed_sans: frozenset[str] | None
    min_version: str
    max_version: str
    ciphers: tuple[str, ...] | None
    prefer_server_cipher_suites: bool
    curve: str | None
    line: int

    @property
    def files(self) -> tuple[Path, ...]:
        """The files it is made of."""
        named = (self.cert_file, self.key_file, self.client_ca_file)
        return tuple(file.path for file in named if file is not None)


def read(section: Section, folder: Path) -> TlsConfig | None:
    """Return what the section says, or None when it says nothing; relative paths are relative to ``folder``.

    Raises:
        DocumentError: it makes no sense, is incomplete, or wants what Python's ssl cannot do.
    """
    if all(entry.value is None for entry in section.entries.values()):
        return None
    for inline, file in (("cert", "cert_file"), ("key", "key_file"), ("client_ca", "client_ca_file")):
        if section.text(inline) is not None:
            raise section.error(inline, f"no certificates or keys in this file: write it to a file, named by {file}")
    cert_file, key_file = _file(section, "cert_file", folder), _file(section, "key_file", folder)
    if cert_file is None or key_file is None:
        missing = "key_file" if cert_file else "cert_file"
        raise DocumentError(section.line, f"expected {missing} in tls_server_config: without it there is no TLS")
    auth, authority, sans = _clients(section, folder)
    minimum, maximum = _version(section, "min_version", "TLS12"), _version(section, "max_version", "TLS13")
    if minimum > maximum:
        raise section.error("max_version", f"at least min_version, {minimum}")
    curves = section.texts("curve_preferences")
    if curves is not None and (len(curves) > 1 or curves[0] not in _CURVES):
        raise section.error(
            "curve_preferences", f"one of {', '.join(_CURVES)}, and only one: Python's ssl takes no more"
        )
    return TlsConfig(
        cert_file=cert_file,
        key_file=key_file,
        client_auth_type=auth,
        client_ca_file=authority,
        client_allowed_sans=sans,
        min_version=minimum,
        max_version=maximum,
        ciphers=_ciphers(section, minimum),
        prefer_server_cipher_suites=section.switch("prefer_server_cipher_suites", default=True),
        curve=_CURVES[curves[0]] if curves else None,
        line=section.line,
    )


def _file(section: Section, key: str, folder: Path) -> NamedFile | None:
    text = section.text(key)
    if text is None:
        return None
    if "\0" in text:
        raise section.error(key, "a file's name")
    return NamedFile(folder / text, section.line_of(key))


def _clients(section: Section, folder: Path) -> tuple[str, NamedFile | None, frozenset[str] | None]:
    # Which clients may come: the type, the authority of their certificates, and their names.
    auth = section.text("client_auth_type") or NO_CLIENT_CERTIFICATE
    if auth in _UNVERIFIED:
        raise section.error(
            "client_auth_type", f"{REQUIRE_AND_VERIFY}: {auth} takes a certificate from anybody, and protects nothing"
        )
    if auth not in {NO_CLIENT_CERTIFICATE, VERIFY_IF_GIVEN, REQUIRE_AND_VERIFY}:
        raise section.error("client_auth_type", f"{NO_CLIENT_CERTIFICATE}, {VERIFY_IF_GIVEN} or {REQUIRE_AND_VERIFY}")
    authority = _file(section, "client_ca_file", folder)
    if authority is None and auth != NO_CLIENT_CERTIFICATE:
        raise section.error("client_auth_type", "client_ca_file beside it: whose certificates are clients to have?")
    if authority is not None and auth == NO_CLIENT_CERTIFICATE:
        raise section.error("client_ca_file", f"client_auth_type beside it, mostly {REQUIRE_AND_VERIFY}")
    sans = section.texts("client_allowed_sans")
    if sans is not None and auth != REQUIRE_AND_VERIFY:
        raise section.error("client_allowed_sans", f"client_auth_type: {REQUIRE_AND_VERIFY} beside it")
    return auth, authority, None if sans is None else frozenset(sans)


def _version(section: Section, key: str, default: str) -> str:
    version = section.text(key) or default
    if version in {"TLS10", "TLS11"}:
        raise section.error(key, f"TLS12 or TLS13: OpenSSL as Debian ships it speaks no {version}")
    if version not in _VERSIONS:
        raise section.error(key, "TLS12 or TLS13")
    return version


def _ciphers(section: Section, minimum: str) -> tuple[str, ...] | None:
    names = section.texts("cipher_suites")
    if names is None:
        return None
    for name in names:
        if name not in _CIPHERS and name not in _CIPHERS_OF_TLS13:
            raise section.error(
                "cipher_suites",
                f"Go's names of suites with forward secrecy, as in {next(iter(_CIPHERS))}, not {shortened(name)}",
            )
    ciphers = tuple(_CIPHERS[name] for name in names if name in _CIPHERS)
    if not ciphers and minimum == "TLS12":
        raise section.error("cipher_suites", "a suite of TLS 1.2 among them, or min_version: TLS13 beside it")
    return ciphers or None
