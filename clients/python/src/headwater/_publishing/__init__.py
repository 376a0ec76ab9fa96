"""Publishing to a hub, and handing its readers over to it.

What goes together (`queue`), what is tried again (`attempts`) and what of a stream is kept (`piped`) know no network.
"""
