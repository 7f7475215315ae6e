"""Secret keys of the service: peppers, envelope keys and the release desk's signing key."""
