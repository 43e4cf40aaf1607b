"""The actuator beside what one would take instead of it: Debian's webhook with a script like the original one."""
