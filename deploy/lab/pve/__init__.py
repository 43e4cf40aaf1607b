"""The Proxmox VE API as a client meets it on the wire."""
