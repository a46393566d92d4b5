"""What the separating packs of the host's environment share; no pack itself."""
