"""Write back: edits and reverts become commits and pull requests, followed until active."""
