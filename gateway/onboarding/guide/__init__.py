"""The partner's implementation guide: one HTML page made from grammar, agreements, samples and certificates.

Values in (`facts`), a page out (`rendering.guide_page`); only `printing` does anything: it runs a browser for the PDF.
"""
