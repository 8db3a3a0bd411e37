"""Who calls: what they showed, and whose it is. Unknown and wrong credentials look alike, in text and in time.

callers        what was shown, put together      api_keys, tokens, certificates, signatures   one finder each
bearer         a token, or an API key?           proxies   what a trusted proxy says of whom it speaks for
"""
