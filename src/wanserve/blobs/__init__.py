"""The stores of finished files, and the signed links to them."""
