"""Pure decisions: no input, no output, no clock; imports nothing of the other wings."""
