"""What a user deploys, and the lab it is proven in."""
