"""Pictures of figures as SVG. They know no page."""
