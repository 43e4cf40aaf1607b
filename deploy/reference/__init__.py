"""The reference under ``docs/reference``, written from the code: `make reference` writes it, a test compares.

What a setting, a flag, a metric or a reason means stands where it is defined, and nowhere else.
"""
