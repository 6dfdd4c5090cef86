"""Makes videos with the open Wan 2.1 and 2.2 weights through diffusers. The only package that imports torch."""
