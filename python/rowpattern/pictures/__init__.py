"""Pictures: automata as SVG, matches as HTML tables for notebooks, series with their matches by matplotlib."""
