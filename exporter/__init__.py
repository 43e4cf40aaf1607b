"""The Wattshift exporter: electric power of one node, read in the background, rendered at scrape time."""

__version__ = "0.1.0"
