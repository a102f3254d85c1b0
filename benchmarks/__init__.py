"""Measures Headwater, and the limit of the machine it runs on, in the same run."""
