"""The one fetcher: everything that comes over the network comes through here."""
