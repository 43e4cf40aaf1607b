"""The Wattshift exporter: electric power of one node, read in the background, rendered at scrape time."""
