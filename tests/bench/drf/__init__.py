"""A peer: the same referral taken by an ordinary Django REST framework project with JSON Web Tokens, into one row."""
