"""Reloading: the configuration and its secrets are read again, and taken as a whole or not at all.

What can change under a serving actuator is named here; everything else takes a restart, and is refused with a sentence,
since half a configuration is worse than an old one. A job keeps the guest and the nodes that were chosen for it, and is
judged by the new rules before it asks for its migration; one that has asked goes on.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import structlog

from actuator.errors import ConfigurationError
from actuator.policy.audit import AuditEntry, AuditEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from actuator.adapters.store import Store
    from actuator.credentials import Credentials
    from actuator.settings import Settings

log = structlog.get_logger(__name__)

RELOADABLE: Final = ("mode", "keep_days", "guests", "limits", "timing", "tokens", "web")
"""The top-level keys that may change."""


class Reloader:
    """Reads again, compares, and hands what is new to those who work with it.

    Args:
        file: The configuration file, for messages.
        settings: What is in force.
        credentials: What is in force.
        read: Reads both anew; raises `ConfigurationError`.
        adopt: Takes both into use; never fails.
        store: Keeps the audit.
        clock: Unix seconds.
    """

    def __init__(  # noqa: PLR0913 - it joins everything, once
        self,
        *,
        file: Path,
        settings: Settings,
        credentials: Credentials,
        read: Callable[[], tuple[Settings, Credentials]],
        adopt: Callable[[Settings, Credentials], None],
        store: Store,
        clock: Callable[[], float],
    ) -> None:
        self._file = file
        self._settings = settings
        self._credentials = credentials
        self._read = read
        self._adopt = adopt
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()

    @property
    def settings(self) -> Settings:
        """What is in force."""
        return self._settings

    def reload(self, requested_by: str) -> list[str]:
        """Take the files as they are now.

        Args:
            requested_by: The name of the token that asks, or the signal's.

        Returns:
            The keys that changed; certificates are read again without showing here.

        Raises:
            ConfigurationError: They cannot be used, or not without a restart; everything is as before.
            StoreUnavailable: The audit cannot be written; everything is as before.
        """
        with self._lock:
            try:
                settings, credentials = self._read()
                self._refuse_what_takes_a_restart(settings, credentials)
            except ConfigurationError as error:
                log.warning("actuator.reload_refused", message=str(error), requested_by=requested_by)
                self._store.record(AuditEntry(self._clock(), AuditEvent.RELOAD_REFUSED, requested_by, str(error)))
                raise
            changed = list(_differing(self._settings.model_dump(), settings.model_dump()))
            if credentials.tokens != self._credentials.tokens and "tokens" not in changed:
                changed.append("tokens")
            message = f"Reloaded; changed: {', '.join(changed) or 'nothing'}."
            self._store.record(
                AuditEntry(self._clock(), AuditEvent.RELOADED, requested_by, message, detail={"changed": changed})
            )
            self._adopt(settings, credentials)
            self._settings, self._credentials = settings, credentials
        log.warning("actuator.reloaded", message=message, changed=changed, requested_by=requested_by)
        for caution in settings.cautions():
            log.warning("actuator.caution", message=caution)
        return changed

    def _refuse_what_takes_a_restart(self, settings: Settings, credentials: Credentials) -> None:
        fixed = set(type(settings).model_fields) - set(RELOADABLE)
        keys = list(_differing(self._settings.model_dump(include=fixed), settings.model_dump(include=fixed)))
        if credentials.proxmox_secret != self._credentials.proxmox_secret:
            keys.append("the secret of proxmox.token_id")
        if credentials.wake != self._credentials.wake:
            keys.append("a secret of nodes.NODE.wake")
        if credentials.database_password != self._credentials.database_password:
            keys.append("the database's password")
        if (credentials.tls is None) is not (self._credentials.tls is None):
            keys.append("web.cert_file (TLS where there was none, or none where there was)")
        if keys:
            raise ConfigurationError(
                f"{self._file}: {', '.join(keys)}: changed, which takes a restart of the actuator; "
                f"nothing was reloaded, the old configuration is in force"
            )


def _differing(old: Mapping[str, Any], new: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """Yield the keys whose values differ, as deep as both have keys in common."""
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _differing(before, after, f"{within}{key}.")
        elif before != after:
            yield f"{within}{key}"
