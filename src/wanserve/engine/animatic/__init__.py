"""The animatic engine: draws a prompt as an animated storyboard, without a GPU."""
