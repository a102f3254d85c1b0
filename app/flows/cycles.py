"""Cycles in small directed graphs."""

from collections.abc import Mapping, Sequence


def cycle(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the nodes of one cycle in order, the first one again at the end; empty if none.

    Edges to nodes that the graph does not have are ignored. Works without recursion.
    """
    done: set[str] = set()
    for start in graph:
        trail = [(start, iter(graph[start]))]
        positions = {start: 0}
        while trail:
            node, rest = trail[-1]
            following = next(rest, None)
            if following is None:
                trail.pop()
                del positions[node]
                done.add(node)
            elif following in positions:
                return [name for name, _ in trail[positions[following] :]] + [following]
            elif following in graph and following not in done:
                positions[following] = len(trail)
                trail.append((following, iter(graph[following])))
    return []
