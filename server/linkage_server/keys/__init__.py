"""Secret keys of the service: peppers, noise keys, envelope keys and the release desk's signing key."""
