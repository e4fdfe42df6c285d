"""`invoke bench`: whole commands as a person waits for them, beside their unavoidable parts.

What `docs/benchmarks.md` quotes comes from here, and from nowhere else.
"""
