"""``make bench``: exporter and actuator, each beside what others use, in one run and on the same machine."""
