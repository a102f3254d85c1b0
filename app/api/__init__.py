"""The REST API: thin routers in Kestra's paths. Parse, one call, answer."""
