"""Private keys on a PKCS#11 token: how it is reached, where on it a key lies, and signatures that it makes.

The station's store and the back office's CA both use this room. Nothing in it is opened, and python-pkcs11 not loaded,
before `opening.open_token` is called. What a key is for, and files that name one, are not handled here.
"""

__all__: list[str] = []
