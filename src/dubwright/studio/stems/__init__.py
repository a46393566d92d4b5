"""``separate``: stems of any files, without the library."""
