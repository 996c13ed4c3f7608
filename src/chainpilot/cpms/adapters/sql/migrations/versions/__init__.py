"""One module a revision; a revision that was released is never changed."""

__all__: list[str] = []
