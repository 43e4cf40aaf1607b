"""Power sources, one file each: read, parse (pure, takes text), declare."""
