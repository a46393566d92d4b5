"""Looking after installed packs: verify, export, licences, what removing one frees."""
