"""The loop, with every real part."""
