"""The way out: pages over HTTP."""
