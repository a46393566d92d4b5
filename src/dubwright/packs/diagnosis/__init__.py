"""Why an install failed, and what to do next."""
