"""The doors: foreign requests come in and die here; answers, files and health go out."""
