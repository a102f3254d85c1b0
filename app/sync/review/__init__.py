"""Reviews of pull requests: what merging them would do is validated, planned, tested and told."""
