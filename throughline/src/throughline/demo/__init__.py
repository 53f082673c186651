"""`throughline demo`: the hub, its sandbox, and four real orders that go well, badly, silently and late.

Run from the checkout: it deploys `processes/order-to-delivery`, and the auditor in `e2e/auditor`, which reads only the
sandbox's own books, has the last word.
"""
