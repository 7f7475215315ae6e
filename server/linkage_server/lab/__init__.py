"""The laboratory: definitions and policies tried on plain files, apart from the service."""
