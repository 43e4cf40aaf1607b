"""Baseboard management controllers that the real ipmitool talks to over UDP (IPMI 2.0, DCMI 1.5)."""
