"""Task and trigger types, and the public API to write more of them."""
