"""Durable jobs. Import :mod:`dubwright.jobs.model` for records; the engine is loaded lazily."""
