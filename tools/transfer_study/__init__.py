"""How the picture reaches the answer, by flows and by cuts: see __main__.py."""
