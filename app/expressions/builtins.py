"""Everything built in. Importing this module declares all functions, filters and tests."""

from app.expressions import (
    filters_dates,
    filters_encoding,
    filters_lists,
    filters_numbers,
    filters_patterns,
    filters_structure,
    filters_text,
    functions,
    functions_dates,
    functions_outputs,
    functions_outside,
    functions_rendering,
    predicates,
)

MODULES = (
    filters_dates,
    filters_encoding,
    filters_lists,
    filters_numbers,
    filters_patterns,
    filters_structure,
    filters_text,
    functions,
    functions_dates,
    functions_outputs,
    functions_outside,
    functions_rendering,
    predicates,
)
"""The modules that declare something built in; documentation is made in this order."""
