"""Fleet mode."""
