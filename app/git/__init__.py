"""Git: mirrors, objects, history, layout rules, and commits made by the API."""
