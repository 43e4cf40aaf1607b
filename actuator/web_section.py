"""The part of the configuration file that says how the listener speaks."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from actuator.sections import Section
from actuator.values import FileName


class WebSection(Section):
    """Key ``web``: how the listener speaks.

    Attributes:
        cert_file: Its certificate, and those between it and the authority, PEM; absent means plain HTTP.
        key_file: The certificate's key, PEM, without a passphrase.
        client_ca_file: The authority that vouches for clients; absent means that no client is asked for a certificate.
        client_certificate: Whether a client without one is turned away; one that vouches for nothing always is.
        open_probes: Whether /metrics, /-/healthy and /-/ready answer without a token; else they take the scope read.
    """

    cert_file: FileName | None = None
    key_file: FileName | None = None
    client_ca_file: FileName | None = None
    client_certificate: Literal["required", "optional"] = "required"
    open_probes: Annotated[bool, Field(strict=True)] = True

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("expected both 'cert_file' and 'key_file', or neither for plain HTTP")
        if self.client_ca_file is not None and self.cert_file is None:
            raise ValueError(
                "expected 'cert_file' and 'key_file' beside 'client_ca_file': clients show theirs over TLS"
            )
        return self
