"""A small Graph that remembers: strict where Graph is strict, misleading where Graph is misleading."""
