"""A Proxmox cluster in a box: simulated nodes, everything else real."""
