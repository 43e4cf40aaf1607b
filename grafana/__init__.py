"""Wattshift's Grafana boards as code. ``python -m grafana`` writes them anew, into ``grafana/dashboards``."""
