"""``make bench``: this exporter beside Debian's own exporters, in one run, on the same machine, tree and BMC."""
