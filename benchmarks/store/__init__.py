"""The benchmark of the station's store: `python -m benchmarks.store`, or `make bench-store`.

What is measured and how to read it stands in docs/reference/store-benchmark.md. It uses the store as firmware does,
by its public interface alone.
"""

__all__: list[str] = []
