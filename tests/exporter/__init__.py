"""Tests of the exporter, mirroring its modules."""
