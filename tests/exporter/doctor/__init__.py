"""Tests of the doctor, one file a check."""
