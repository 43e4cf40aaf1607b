"""The Wattshift actuator: an alert comes in, a node wakes, a guest moves, and the move is proven."""
