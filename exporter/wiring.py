"""Settings to sources."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from exporter.sources.dcmi import Dcmi
from exporter.sources.guests import Guests, Places
from exporter.sources.hwmon import Hwmon
from exporter.sources.powerstat import Powerstat
from exporter.sources.rapl import Rapl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.readings import Clock, Source
    from exporter.settings import Settings


def make_sources(settings: Settings, clock: Clock, environment: Mapping[str, str]) -> list[Source]:
    """Return the sources that the settings ask for."""
    places = Places(settings.sysfs, settings.procfs, settings.run, settings.pve)
    sources: list[Source] = [
        Rapl(settings.sysfs, settings.rapl, clock),
        Dcmi(
            settings.dcmi,
            settings.bmc,
            environment,
            settings.dcmi_interface,
            accept_inactive=settings.dcmi_accept_inactive,
        ),
        Hwmon(settings.sysfs, settings.hwmon, clock),
        Powerstat(settings.powerstat, environment, clock),
        Guests(places, settings.guests, os.sysconf("SC_CLK_TCK"), clock),
    ]
    return [source for source in sources if source.name in settings.collectors]
