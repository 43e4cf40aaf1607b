"""``wattshift-exporter doctor``: what keeps this node from being measured and woken, and the command that mends it.

One file a check, its two halves apart: *read* gathers facts and may meet anything, *judge* is pure and says what they
mean.
"""
