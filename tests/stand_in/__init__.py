"""A provider that speaks exactly the dialect of one provider file, and refuses whatever differs from it.

It reads the file's keys by rules of its own, not by the product's code: templates, maps, parameters, bodies, answers.
"""
