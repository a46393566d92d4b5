"""The host's side of the process wall: asks go to packs in guest processes."""
