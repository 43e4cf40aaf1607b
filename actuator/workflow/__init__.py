"""The way out: the runner and one file a step; each step observes, then acts, and may run twice."""
