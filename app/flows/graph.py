"""Cycles in small directed graphs."""

from collections.abc import Mapping, Sequence


def cycle(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the nodes of one cycle in order, the first one again at the end; empty if none.

    Edges to nodes that the graph does not have are ignored. Works without recursion.
    """
    done: set[str] = set()
    for start in graph:
        path = {start: iter(graph[start])}  # in order of insertion
        while path:
            node, rest = next(reversed(path.items()))
            following = next(rest, None)
            if following is None:
                del path[node]
                done.add(node)
            elif following in path:
                nodes = list(path)
                return [*nodes[nodes.index(following) :], following]
            elif following in graph and following not in done:
                path[following] = iter(graph[following])
    return []
