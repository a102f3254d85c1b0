"""The flow document: its model, its parser, and what its inputs and outputs mean. Pure."""
