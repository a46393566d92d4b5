"""One file a revision; the number grows by one."""
