"""What an install would do and cost, before anything is fetched."""
