"""Rules of adaptive designs as a protocol states them."""
